"""The product as the camera sees it, and how much of it a thing hides, without rendering."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from offline.datasets.packbench.camera import Camera, Posed
from offline.datasets.packbench.phone.pieces import Thing
from offline.datasets.packbench.shapes.meshes import Array

CELLS = 32  # across the product's longer extent
SMALLEST = 2.2  # mm of a cell: what is sampled more sparsely would seem to have holes
PRODUCT_SAMPLES = 12_000  # ten a cell: no holes
THING_SAMPLES = 30_000


@dataclass(frozen=True)
class Sight:
    """The product's nearest depth on a coarse grid; lengths in mm, axes as in the scene."""

    camera: Camera
    points: Array  # (N, 3) mm, on the product's surface
    scale: float  # scene units a mm

    @property
    def eye(self) -> Array:
        return np.array(self.camera.eye) / self.scale

    @cached_property
    def middle(self) -> Array:
        return np.asarray((self.points.min(axis=0) + self.points.max(axis=0)) / 2)

    @cached_property
    def axes(self) -> tuple[Array, Array, Array]:
        """Right, up and towards the camera, from the product's middle."""
        towards = _unit(self.eye - self.middle)
        right = _unit(np.cross(np.array(self.camera.up), towards))
        return right, np.cross(towards, right), towards

    @cached_property
    def reach(self) -> float:
        """mm from the frame's middle to its corner, at the product's distance."""
        half = np.tan(np.radians(self.camera.field) / 2) * np.hypot(*self.camera.size)
        return float(np.linalg.norm(self.eye - self.middle) * half / max(self.camera.size))

    def hidden(self, points: Array) -> float:
        """The fraction of the product's visible area that a surface through (M, 3) points hides."""
        before = self._depths(points)
        seen = np.isfinite(self._product)
        return float((before < self._product)[seen].mean())

    def framed(self, points: Array, margin: float = 0.0) -> NDArray[np.bool_]:
        """Which of (M, 3) points lie in the image, widened by ``margin`` of its size."""
        where = self.camera.project(points * self.scale) / np.array(self.camera.size)
        ahead = (points - self.eye) @ self.axes[2] < 0
        return np.asarray(ahead & np.all(np.abs(where - 0.5) < 0.5 + margin, axis=1))

    @cached_property
    def _grid(self) -> tuple[Array, float]:
        seen = self.camera.project(self.points * self.scale)
        low, high = seen.min(axis=0), seen.max(axis=0)
        return low, self._cell(float((high - low).max()))

    def _cell(self, extent: float) -> float:
        """Pixels of a cell where the product reaches over ``extent`` pixels."""
        half = np.tan(np.radians(self.camera.field) / 2) * np.linalg.norm(self.eye - self.middle)
        return max(extent / CELLS, SMALLEST * max(self.camera.size) / 2 / float(half)) + 1e-9

    @cached_property
    def _product(self) -> Array:
        return self._depths(self.points)

    def _depths(self, points: Array) -> Array:
        """(CELLS + 1, CELLS + 1) mm from the eye to the nearest point of each cell."""
        low, cell = self._grid
        ahead = (self.eye - points) @ self.axes[2]
        points, ahead = points[ahead > 1], ahead[ahead > 1]
        index = np.floor((self.camera.project(points * self.scale) - low) / cell).astype(int)
        kept = np.all((index >= 0) & (index <= CELLS), axis=1)
        depths = np.full((CELLS + 1, CELLS + 1), np.inf)
        np.minimum.at(depths, (index[kept, 1], index[kept, 0]), ahead[kept])
        return depths


def sight(product: Posed, camera: Camera, rng: np.random.Generator) -> Sight:
    faces = [part.mesh.faces for part in product.parts]
    corners = [v[f] for v, f in zip(product.vertices, faces, strict=True)]
    points = scattered(np.vstack(corners), PRODUCT_SAMPLES, rng)
    return Sight(camera, points / product.units_per_mm, product.units_per_mm)


def samples(thing: Thing, rng: np.random.Generator) -> Array:
    """(N, 3) mm: points all over the surface of ``thing``."""
    corners = [piece.mesh.vertices[piece.mesh.faces] for piece in thing]
    return scattered(np.vstack(corners), THING_SAMPLES, rng)


def scattered(corners: Array, count: int, rng: np.random.Generator) -> Array:
    """(count, 3) points spread evenly over triangles (F, 3, 3) (Turk, Graphics Gems, 1990)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = np.cumsum(np.linalg.norm(np.cross(b - a, c - a), axis=1))
    chosen = np.searchsorted(area, rng.uniform(0, area[-1], count)).clip(0, len(area) - 1)
    u, v = np.sqrt(rng.uniform(size=(count, 1))), rng.uniform(size=(count, 1))
    return np.asarray((1 - u) * a[chosen] + u * (1 - v) * b[chosen] + u * v * c[chosen])


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))
