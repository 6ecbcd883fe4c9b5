"""Where the demo's products are photographed: a white studio sweep, and a table with a phone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.datasets.demo.closures import Parts, turned
from offline.datasets.demo.materials import bsdf
from offline.datasets.demo.meshes import Array, Mesh

DISTANCE = 6.5  # of the camera, in bounding radii: a short telephoto, as in product photography
STUDIO_AMBIENT = 0.42


@dataclass(frozen=True)
class Softbox:
    """A bright rectangle at infinity; degrees, azimuth 0 is behind the camera."""

    azimuth: float
    elevation: float
    width: float
    height: float
    radiance: tuple[float, float, float]


STUDIO_LIGHTS = (  # key, fill, overhead
    Softbox(-62, 38, 46, 44, (6.0, 6.0, 6.0)),
    Softbox(68, 26, 20, 60, (4.2, 4.2, 4.2)),
    Softbox(0, 84, 400, 26, (4.4, 4.4, 4.4)),
)


@dataclass(frozen=True)
class View:
    """How the product stands before the camera; angles in degrees."""

    name: str
    azimuth: float  # of the turntable: the camera and the lights stay
    elevation: float
    tip: float = 0  # of the product about x, before it stands: 90 lays it on its back
    fill: float = 0.8  # of the half frame that the product may reach
    roll: float = 0
    shift: tuple[float, float] = (0, 0)  # of the product, in half frames


@dataclass(frozen=True)
class Table:
    """A phone photo's surroundings: texture of the table, the wall's colour, one window."""

    texture: NDArray[np.float32]  # (H, W, 3) linear RGB
    wall: tuple[float, float, float]
    window: float  # azimuth, degrees
    warmth: float  # > 1 is warmer light


def posed(parts: Parts, view: View) -> list[Array]:
    """The parts' vertices as ``view`` shows them: tipped, turned and normalised."""
    return normalised(turned(turned(parts, "x", view.tip), "z", -view.azimuth))


def normalised(parts: Parts) -> list[Array]:
    """Vertices of every part with the bounding radius 1, centred, the lowest at z = 0."""
    every = np.vstack([part.mesh.vertices for part in parts])
    low, high = every.min(axis=0), every.max(axis=0)
    centre = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    scale = 2 / float(np.linalg.norm(high - low))
    return [(part.mesh.vertices - centre) * scale for part in parts]


def camera(points: Array, view: View, size: tuple[int, int]) -> dict[str, Any]:
    """A sensor in front (-y) that frames ``points`` (V, 3) with a margin; ``size`` = W, H."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    elevation, roll = math.radians(view.elevation), math.radians(view.roll)
    eye = middle + DISTANCE * np.array([0, -math.cos(elevation), math.sin(elevation)])
    target = middle
    for _ in range(3):
        right, up, ahead = _frame(eye, target, roll)
        depth = (points - eye) @ ahead
        x, y = (points - eye) @ right / depth, (points - eye) @ up / depth
        reach = max(np.ptp(x) / size[0], np.ptp(y) / size[1]) * max(size) / 2 / view.fill
        off_x = (x.min() + x.max()) / 2 - view.shift[0] * reach
        off_y = (y.min() + y.max()) / 2 - view.shift[1] * reach
        target = eye + DISTANCE * (ahead + off_x * right + off_y * up)
    return {
        "type": "perspective", "fov": math.degrees(2 * math.atan(reach)), "fov_axis": "larger",
        "to_world": _look_at(eye, target, _frame(eye, target, roll)[1]),
        "film": {
            "type": "hdrfilm", "width": size[0], "height": size[1], "pixel_format": "rgb",
            "rfilter": {"type": "box"},  # blocks do not overlap: sums have one order
        },
        "sampler": {"type": "multijitter"},
    }  # fmt: skip


def _frame(eye: Array, target: Array, roll: float) -> tuple[Array, Array, Array]:
    ahead = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(ahead, [0, 0, 1])
    right /= np.linalg.norm(right)
    up = np.cross(right, ahead)
    c, s = math.cos(roll), math.sin(roll)
    return c * right + s * up, c * up - s * right, ahead


def _look_at(eye: Array, target: Array, up: Array) -> Any:
    import mitsuba as mi

    return mi.ScalarTransform4f().look_at(eye.tolist(), target.tolist(), up.tolist())


def product(parts: Parts, vertices: Sequence[Array], folder: Path) -> dict[str, Any]:
    """Shapes of the product with these posed vertices, written to ``folder`` as PLY files."""
    shapes: dict[str, Any] = {}
    for i, (part, points) in enumerate(zip(parts, vertices, strict=True)):
        path = folder / f"part{i:02}.ply"
        replace(part.mesh, vertices=points).write_ply(path)
        surface = bsdf(part.material)
        shapes[f"part{i:02}"] = {"type": "ply", "filename": str(path), "bsdf": surface}
    return shapes


def studio(folder: Path) -> dict[str, Any]:
    """A white paper sweep, three softboxes and a little ambient light."""
    white = {"type": "diffuse", "reflectance": {"type": "rgb", "value": 0.88}}
    bend = np.linspace(-math.pi / 2, 0, 24)
    arc = np.column_stack([3 + 6 * np.cos(bend), 6 + 6 * np.sin(bend)])
    line = np.vstack([[[-30, 0]], arc, [[9, 30]]])  # y, z
    left, right = (np.column_stack([np.full(len(line), x), line]) for x in (-40, 40))
    i, n = np.arange(len(line) - 1), len(line)
    faces = np.vstack(
        [np.column_stack([i, i + n, i + n + 1]), np.column_stack([i, i + n + 1, i + 1])]
    )
    sweep = Mesh(np.vstack([left, right]), faces.astype(np.int32))
    path = folder / "sweep.ply"
    sweep.write_ply(path)
    paper = {"type": "ply", "filename": str(path), "bsdf": {"type": "twosided", "material": white}}
    return {"paper": paper, "sky": _sky([STUDIO_AMBIENT] * 3, STUDIO_LIGHTS)}


def table(setting: Table) -> dict[str, Any]:
    """A textured table, a wall behind it, one window and the room's ambient light."""
    import mitsuba as mi

    bitmap = {"type": "bitmap", "bitmap": mi.Bitmap(setting.texture), "raw": True}
    top = {"type": "roughplastic", "alpha": 0.3, "diffuse_reflectance": bitmap}
    wall = {"type": "diffuse", "reflectance": {"type": "rgb", "value": list(setting.wall)}}
    warm = setting.warmth
    window = Softbox(setting.window, 40, 34, 40, (12 * warm, 12.0, 12 / warm))
    return {
        "floor": _plane(5, top), "sky": _sky([0.6 / warm, 0.6, 0.6 * warm], (window,)),
        "wall": {"type": "rectangle", "to_world": _upright(4.5), "bsdf": wall},
    }  # fmt: skip


def _sky(ambient: list[float], boxes: Sequence[Softbox]) -> dict[str, Any]:
    """One environment map: the renderer samples it by brightness, which keeps the noise low."""
    import mitsuba as mi

    height, width = 180, 360
    picture = np.tile(np.array(ambient, np.float32), (height, width, 1))
    elevation = 90 - (np.arange(height) + 0.5)[:, None]
    azimuth = (np.arange(width) + 0.5)[None] - 180
    for box in boxes:
        away = np.abs((azimuth - box.azimuth + 180) % 360 - 180)
        inside = (away < box.width / 2) & (np.abs(elevation - box.elevation) < box.height / 2)
        picture[inside] = box.radiance
    # Mitsuba's map has +y up and its middle column at +z; turned, that is behind the camera, -y.
    pose = mi.ScalarTransform4f().rotate([1, 0, 0], 90)
    return {"type": "envmap", "bitmap": mi.Bitmap(picture), "to_world": pose}


def _plane(half: float, surface: dict[str, Any]) -> dict[str, Any]:
    import mitsuba as mi

    return {"type": "rectangle", "to_world": mi.ScalarTransform4f().scale(half), "bsdf": surface}


def _upright(y: float) -> Any:
    import mitsuba as mi

    return mi.ScalarTransform4f().translate([0, y, 0]).rotate([1, 0, 0], 90).scale(25)
