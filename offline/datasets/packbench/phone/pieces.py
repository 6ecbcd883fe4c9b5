"""Pieces of a room: a mesh with a painted surface, and how Mitsuba takes it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from offline.datasets.packbench.phone.textures import Texture
from offline.datasets.packbench.shapes.meshes import Array, Mesh


@dataclass(frozen=True)
class Surface:
    """Paint under a clear coat of roughness ``alpha``."""

    texture: Texture
    alpha: float = 0.3


@dataclass(frozen=True)
class Piece:
    """One mesh, mm, with one surface; its uv counts sheets of texture."""

    mesh: Mesh
    surface: Surface


Thing = tuple[Piece, ...]


def placed(thing: Thing, x: float, y: float, z: float = 0, turn: float = 0) -> Thing:
    """Turned about z by ``turn`` degrees, then moved, mm."""
    return tuple(
        replace(piece, mesh=piece.mesh.turned("z", turn).moved(x, y, z)) for piece in thing
    )


def shapes(thing: Thing, scale: float, name: str, folder: Path) -> dict[str, dict[str, Any]]:
    """The thing for Mitsuba, ``scale`` units a mm, its meshes written to ``folder``.

    All pieces have the same kind of surface: every further kind lengthens the compilation of a
    scene's kernel.
    """
    described = {}
    for i, piece in enumerate(thing):
        path = folder / f"{name}{i:02}.ply"
        piece.mesh.scaled(scale, scale, scale).write_ply(path)
        surface = {"type": "twosided", "material": _painted(piece.surface)}
        described[f"{name}{i:02}"] = {"type": "ply", "filename": str(path), "bsdf": surface}
    return described


def _painted(surface: Surface) -> dict[str, Any]:
    import mitsuba as mi

    texture = np.repeat(np.repeat(surface.texture, 2, 0), 2, 1)  # a bitmap has two texels a side
    texture = texture if surface.texture.shape[0] == 1 else surface.texture
    bitmap = {
        "type": "bitmap", "bitmap": mi.Bitmap(np.ascontiguousarray(texture)), "raw": True,
        "wrap_mode": "mirror",
    }  # fmt: skip
    return {"type": "roughplastic", "alpha": surface.alpha, "diffuse_reflectance": bitmap}


def planar(mesh: Mesh, mm: float) -> Mesh:
    """``mesh`` with uv from a slanted projection that no face of a box is parallel to."""
    x, y, z = mesh.vertices.T
    return replace(mesh, uv=np.column_stack([x + 0.41 * y, z + 0.53 * y]) / mm)


def extruded(line: Array, half_x: float, mm: float, turn: float = 0) -> Mesh:
    """A strip along x from a polyline (N, 2) of y, z; uv follows it, turned by ``turn`` degrees."""
    n = len(line)
    sides = [np.column_stack([np.full(n, x), line]) for x in (-half_x, half_x)]
    i = np.arange(n - 1)
    faces = np.vstack(
        [np.column_stack([i, i + n, i + n + 1]), np.column_stack([i, i + n + 1, i + 1])]
    )
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    u, v = np.repeat([-half_x, half_x], n) / mm, np.tile(along, 2) / mm
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    return Mesh(
        np.vstack(sides), faces.astype(np.int32), np.column_stack([c * u - s * v, s * u + c * v])
    )


def bounds(thing: Thing) -> Array:
    """(2, 3) mm: the lowest and the highest corner."""
    points = np.vstack([piece.mesh.vertices for piece in thing])
    return np.stack([points.min(axis=0), points.max(axis=0)])
