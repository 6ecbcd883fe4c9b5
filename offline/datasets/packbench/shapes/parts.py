"""A part: one mesh of one material; a package is a tuple of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.meshes import Array, Mesh


@dataclass(frozen=True)
class Part:
    mesh: Mesh
    material: Material

    def moved(self, x: float = 0, y: float = 0, z: float = 0) -> Part:
        return replace(self, mesh=self.mesh.moved(x, y, z))


Parts = tuple[Part, ...]


def moved(parts: Parts, x: float = 0, y: float = 0, z: float = 0) -> Parts:
    return tuple(part.moved(x, y, z) for part in parts)


def turned(parts: Parts, axis: str, degrees: float) -> Parts:
    return tuple(replace(part, mesh=part.mesh.turned(axis, degrees)) for part in parts)


def extent(parts: Parts) -> Array:
    """(3,) mm: how far the parts reach along x, y and z together."""
    low = np.min([part.mesh.vertices.min(axis=0) for part in parts], axis=0)
    high = np.max([part.mesh.vertices.max(axis=0) for part in parts], axis=0)
    return np.asarray(high - low, float)
