"""The camera of one photograph: framing, pose and perspective."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from offline.datasets.packbench.parameters import View
from offline.datasets.packbench.shapes.meshes import Array
from offline.datasets.packbench.shapes.parts import Parts, extent, turned


@dataclass(frozen=True)
class Posed:
    """A product in the pose of a view: scaled to a bounding radius of 1, standing on z = 0."""

    parts: Parts
    vertices: tuple[Array, ...]  # (V, 3) a part, in scene units
    units_per_mm: float

    @property
    def points(self) -> Array:
        """(V, 3): the vertices of all parts."""
        return np.vstack(self.vertices)


def posed(parts: Parts, view: View) -> Posed:
    """Tipped, turned, then scaled and set down centred on the origin."""
    stood = turned(turned(parts, "x", view.tip), "z", -view.azimuth)
    every = np.vstack([part.mesh.vertices for part in stood])
    low, high = every.min(axis=0), every.max(axis=0)
    centre = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    # The upright extent, so that every view of a product has the same scale.
    scale = 2 / float(np.linalg.norm(extent(parts)))
    vertices = tuple((part.mesh.vertices - centre) * scale for part in stood)
    return Posed(parts, vertices, scale)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; lengths in scene units, ``size`` = width, height in pixels."""

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    up: tuple[float, float, float]
    field: float  # of view along the longer side, degrees
    size: tuple[int, int]

    def sensor(self) -> dict[str, Any]:
        """As Mitsuba describes it."""
        import mitsuba as mi

        pose = mi.ScalarTransform4f().look_at(list(self.eye), list(self.target), list(self.up))
        width, height = self.size
        return {
            "type": "perspective",
            "fov": self.field,
            "fov_axis": "larger",
            "to_world": pose,
            "film": {
                "type": "hdrfilm",
                "width": width,
                "height": height,
                "pixel_format": "rgb",
                "rfilter": {"type": "box"},  # blocks do not overlap: sums have one order
            },
            "sampler": {"type": "multijitter"},
        }

    def project(self, points: Array) -> Array:
        """(N, 2) pixel positions of (N, 3) points in scene units; x right, y down."""
        right, up, ahead = _axes(np.array(self.eye), np.array(self.target), np.array(self.up))
        offset = points - np.array(self.eye)
        depth = offset @ ahead
        half = max(self.size) / 2 / math.tan(math.radians(self.field) / 2)
        x = self.size[0] / 2 + offset @ right / depth * half
        y = self.size[1] / 2 - offset @ up / depth * half
        return np.column_stack([x, y])


def framed(points: Array, view: View, size: tuple[int, int]) -> Camera:
    """A camera in front (-y) that frames ``points`` (V, 3) by ``view``."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    elevation = math.radians(view.elevation)
    reach = view.distance * np.array([0, -math.cos(elevation), math.sin(elevation)])
    eye, target, half = middle + reach, middle, 0.0
    for _ in range(3):  # aiming at the middle of what is seen moves what is seen a little
        right, up, ahead = _axes(eye, target, _rolled(eye, target, view.roll))
        depth = (points - eye) @ ahead
        x, y = (points - eye) @ right / depth, (points - eye) @ up / depth
        half = max(np.ptp(x) / size[0], np.ptp(y) / size[1]) * max(size) / 2 / view.fill
        off_x = (x.min() + x.max()) / 2 - view.shift[0] * half
        off_y = (y.min() + y.max()) / 2 - view.shift[1] * half
        target = eye + view.distance * (ahead + off_x * right + off_y * up)
    upwards = _rolled(eye, target, view.roll)
    return Camera(
        _triple(eye), _triple(target), _triple(upwards), math.degrees(2 * math.atan(half)), size
    )


def _rolled(eye: Array, target: Array, degrees: float) -> Array:
    right, up, _ = _axes(eye, target, np.array([0.0, 0.0, 1.0]))
    angle = math.radians(degrees)
    return np.asarray(math.cos(angle) * up - math.sin(angle) * right, float)


def _axes(eye: Array, target: Array, upwards: Array) -> tuple[Array, Array, Array]:
    ahead = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(ahead, upwards)
    right /= np.linalg.norm(right)
    return right, np.cross(right, ahead), ahead


def _triple(values: Sequence[float] | Array) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
