"""The look of a catalogue: a paper sweep under one of several light rigs, metered on white."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.datasets.packbench.setting import Colour, Setting, Softbox, panorama, sky
from offline.datasets.packbench.shapes.meshes import Mesh

WHITE = 0.86  # reflectance of white background paper
FRONT, BEND, BACK, TOP = -3.2, 3.0, 8.0, 9.0  # where the sweep begins, bends and ends; scene units
NARROW, WIDE = 2.1, 5.5  # its half width at the product, where lamps shall mirror, and behind
JITTER = 7.0  # degrees that a light stand is off its mark from shot to shot


@dataclass(frozen=True)
class Rig:
    """``ambient`` is the room's grey; ``aim`` the exposed radiance of white paper, 1 = clipping."""

    name: str
    fraction: float  # of all shots
    ambient: float
    aim: float
    lights: tuple[Softbox, ...]


@dataclass(frozen=True)
class Floor:
    """A background paper, and the fraction of all shots on it."""

    fraction: float
    reflectance: Colour


def _box(
    azimuth: float,
    elevation: float,
    width: float,
    height: float,
    radiance: float,
    feather: float = 6,
) -> Softbox:
    return Softbox(azimuth, elevation, width, height, (radiance,) * 3, feather)


# The fractions are a judgement from looking through packaging suppliers' catalogues, not a count.
# Lights reach below the horizon (elevation 0): a product stands higher than its lamps' lower edge.
RIGS = (
    Rig(
        "softboxes",
        0.50,
        0.26,
        1.0,
        (
            _box(-56, 0, 30, 100, 5.2),
            _box(62, 0, 24, 96, 3.8),
            _box(0, 78, 400, 40, 5.6, 10),
        ),
    ),
    Rig(
        "tent",
        0.12,
        0.7,
        1.0,
        (
            _box(-52, 0, 66, 100, 2.0, 14),
            _box(52, 0, 66, 100, 1.8, 14),
            _box(0, 78, 400, 44, 3.4, 14),
        ),
    ),
    Rig(
        "window",
        0.14,
        0.5,
        0.94,
        (
            _box(-82, 26, 17, 34, 11, 2),
            _box(-63, 26, 17, 34, 11, 2),
            _box(-82, -10, 17, 34, 5, 2),
            _box(-63, -10, 17, 34, 5, 2),
            _box(60, 10, 60, 80, 1.0, 12),
            _box(0, 80, 400, 40, 3.0, 10),
        ),
    ),
    Rig(
        "cards",
        0.16,
        0.22,
        1.01,
        (
            _box(0, 76, 400, 44, 5.6, 10),
            _box(-46, 0, 20, 110, 5.4),
            _box(48, 0, 14, 110, 5.6),
            _box(-96, 0, 36, 180, 0.02, 3),
            _box(96, 0, 36, 180, 0.02, 3),
            _box(0, 0, 16, 140, 0.08, 6),
        ),
    ),
    Rig(
        "hard",
        0.08,
        0.7,
        1.0,
        (
            _box(-40, 44, 5, 5, 330, 1),
            _box(52, 0, 50, 90, 1.5, 12),
            _box(0, 80, 400, 34, 2.2, 10),
        ),
    ),
)
FLOORS = (
    Floor(0.80, (WHITE, WHITE, WHITE)),
    Floor(0.10, (0.62, 0.62, 0.63)),
    Floor(0.035, (0.80, 0.68, 0.64)),
    Floor(0.035, (0.64, 0.71, 0.76)),
    Floor(0.03, (0.78, 0.72, 0.62)),
)
CASTS: tuple[Colour, ...] = (  # white balance a little off: warm, cool, green; mostly none
    *((1.0, 1.0, 1.0),) * 6,
    (1.03, 1.0, 0.95),
    (0.97, 1.0, 1.04),
    (0.98, 1.01, 0.98),
)


def studio(folder: Path, rng: np.random.Generator) -> Setting:
    """One shot's rig, paper, colour cast and exposure; ``folder`` takes the sweep's mesh."""
    rig = RIGS[_drawn([rig.fraction for rig in RIGS], rng)]
    floor = FLOORS[_drawn([floor.fraction for floor in FLOORS], rng)]
    cast = CASTS[int(rng.integers(len(CASTS)))]
    side = 1.0 if rng.uniform() < 0.7 else -1.0  # the key light is mostly on the left
    lights = [_placed(light, side, cast, rng) for light in rig.lights]
    ambient = _tinted((rig.ambient,) * 3, cast)
    aim = rig.aim * float(np.exp2(rng.uniform(-0.06, 0.1)))
    return Setting(
        {"paper": _sweep(folder, floor.reflectance)},
        {"sky": sky(ambient, lights)},
        aim / (WHITE * metered(panorama((rig.ambient,) * 3, rig.lights))),
    )


def _drawn(fractions: list[float], rng: np.random.Generator) -> int:
    return int(rng.choice(len(fractions), p=np.array(fractions) / sum(fractions)))


def _placed(light: Softbox, side: float, cast: Colour, rng: np.random.Generator) -> Softbox:
    """The light, a little off its mark and its power, as from shot to shot."""
    off = rng.uniform(-JITTER, JITTER, 2) if light.width < 180 else np.zeros(2)
    power = float(np.exp2(rng.uniform(-0.2, 0.2)))
    r, g, b = _tinted(light.radiance, cast)
    return Softbox(
        side * light.azimuth + off[0],
        light.elevation + off[1] / 2,
        light.width,
        light.height,
        (r * power, g * power, b * power),
        light.feather,
    )


def _tinted(light: Colour, cast: Colour) -> Colour:
    return light[0] * cast[0], light[1] * cast[1], light[2] * cast[2]


def metered(radiance: NDArray[np.float32]) -> float:
    """Irradiance / π on the table under a panorama: as a handheld meter reads it there."""
    height, width = radiance.shape[:2]
    rise = np.radians(90 - (np.arange(height) + 0.5) * 180 / height)
    solid = np.cos(rise) * (math.pi / height) * (2 * math.pi / width)  # of one pixel, sr
    weight = np.clip(np.sin(rise), 0, None) * solid
    return float((radiance[..., 1] * weight[:, None]).sum() / math.pi)


def _sweep(folder: Path, reflectance: Colour) -> dict[str, Any]:
    """A sheet that runs level under the product and bends up behind it."""
    surface = {"type": "diffuse", "reflectance": {"type": "rgb", "value": list(reflectance)}}
    path = folder / "sweep.ply"
    _sheet().write_ply(path)
    paper = {"type": "twosided", "material": surface}
    return {"type": "ply", "filename": str(path), "bsdf": paper}


def _sheet() -> Mesh:
    radius = BACK - BEND
    bend = np.linspace(-math.pi / 2, 0, 24)
    arc = np.column_stack([BEND + radius * np.cos(bend), radius + radius * np.sin(bend)])
    line = np.vstack([[[FRONT, 0]], arc, [[BACK, TOP]]])  # y, z
    half = np.interp(line[:, 0], [0.5, BACK], [NARROW, WIDE])[:, None]
    left, right = np.hstack([-half, line]), np.hstack([half, line])
    i, n = np.arange(len(line) - 1), len(line)
    near, far = np.column_stack([i, i + n, i + n + 1]), np.column_stack([i, i + n + 1, i + 1])
    return Mesh(np.vstack([left, right]), np.vstack([near, far]).astype(np.int32))
