"""Products before a uniform backdrop that cannot light them: what exact mattes are tested on.

Everything is lit by one lamp at the lens, and light bounces once. So the product hides its own
shadow, and the backdrop's colour reaches the camera and nothing else: the conditions of
triangulation matting (Smith and Blinn, Blue Screen Matting, SIGGRAPH 1996).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from offline.datasets.packbench import render
from offline.datasets.packbench.camera import Camera, Posed, framed, posed
from offline.datasets.packbench.categories import category
from offline.datasets.packbench.families import family
from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.setting import Setting
from offline.datasets.packbench.shapes.parts import Part

Plane = npt.NDArray[np.float32]
Shapes = Mapping[str, dict[str, Any]]

SEED = 5
SAMPLES = 64  # as many as the matte has, so that neither is the better one


@dataclass(frozen=True)
class Stage:
    """A posed product before a camera; ``folder`` takes its meshes."""

    product: Posed
    camera: Camera
    folder: Path

    @cached_property
    def shapes(self) -> dict[str, dict[str, Any]]:
        return render.described(self.product, self.folder)

    def seen(self, shapes: Shapes, depth: int, samples: int = SAMPLES) -> Plane:
        """(H, W, 3) linear light, neither denoised nor exposed."""
        light = {"type": "path", "max_depth": depth, "rr_depth": depth}
        return render._render(render._stage(self.camera, dict(shapes)), light, samples, SEED)

    def before(self, colour: tuple[float, float, float], *, empty: bool = False) -> Plane:
        """The product, or nothing, before a backdrop of this reflectance."""
        backdrop = {"backdrop": self.facing(3.0, 9.0, diffuse(colour)), "lamp": self.lamp()}
        return self.seen({**backdrop, **({} if empty else self.shapes)}, depth=2)

    def exposure(self, occluders: Shapes | None = None) -> render.Exposure:
        """The ground truth of a benchmark's photograph."""
        backdrop = {"backdrop": self.facing(3.0, 9.0, diffuse((0.5, 0.5, 0.5)))}
        setting = Setting(backdrop, {"lamp": self.lamp()}, occluders=occluders or {})
        return render.photograph(self.product, self.camera, setting, self.folder, SEED, 1)

    def facing(
        self, beyond: float, half: float, surface: dict[str, Any], aside: float = 0.0
    ) -> dict[str, Any]:
        """A square that faces the camera, ``beyond`` the target; ``aside`` moves it right."""
        import mitsuba as mi

        eye, target = np.array(self.camera.eye), np.array(self.camera.target)
        ahead = (target - eye) / np.linalg.norm(target - eye)
        right = np.cross(ahead, self.camera.up)
        centre = target + beyond * ahead + aside * right / np.linalg.norm(right)
        toward = (centre - ahead).tolist()
        pose = mi.ScalarTransform4f().look_at(centre.tolist(), toward, list(self.camera.up))
        return {
            "type": "rectangle",
            "to_world": pose @ mi.ScalarTransform4f().scale(half),
            **surface,
        }

    def lamp(self) -> dict[str, Any]:
        bright = {"type": "rgb", "value": 40.0}
        return {"type": "point", "position": list(self.camera.eye), "intensity": bright}


def stage(name: str, folder: Path, *, side: int, number: int = 0, opaque: bool) -> Stage:
    """The first member of a family in its first view; ``opaque`` paints what is see-through."""
    product = next(iter(family(name, number, 1, 0.5, 7)))
    parts = product.model().parts
    view = category(name).views[0]
    seen = posed(tuple(map(painted, parts)) if opaque else parts, view)
    return Stage(seen, framed(seen.points, view, (side, side)), folder)


def painted(part: Part) -> Part:
    if not part.material.see_through:
        return part
    return replace(part, material=Material("satin", part.material.colour))


def diffuse(colour: tuple[float, float, float]) -> dict[str, Any]:
    surface = {"type": "diffuse", "reflectance": {"type": "rgb", "value": list(colour)}}
    return {"bsdf": {"type": "twosided", "material": surface}}


def glowing(radiance: float) -> dict[str, Any]:
    return {"emitter": {"type": "area", "radiance": {"type": "rgb", "value": radiance}}}


def blackened(stood: Stage) -> dict[str, dict[str, Any]]:
    """The product's shapes, black where they are opaque or printed on; glass stays as it is."""
    shapes = {}
    for (name, shape), part in zip(stood.shapes.items(), stood.product.parts, strict=True):
        clear = part.material.see_through and part.material.artwork is None
        shapes[name] = shape if clear else {**shape, "bsdf": render.BLACK}
    return shapes
