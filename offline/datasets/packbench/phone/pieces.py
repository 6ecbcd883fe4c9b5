"""Pieces of a room: a mesh with a painted surface, and how Mitsuba takes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from offline.datasets.packbench.phone.sheets import Texture
from offline.datasets.packbench.shapes.meshes import Array, Mesh

MATT = 0.45  # roughness from which a coat adds nothing that a snapshot shows
POLISHED = 0.13  # and up to which it mirrors


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
    """The thing for Mitsuba, ``scale`` units a mm, one shape a surface; meshes go to ``folder``."""
    described = {}
    surfaces = {id(piece.surface): piece.surface for piece in thing}
    for i, (key, surface) in enumerate(surfaces.items()):
        path = folder / f"{name}{i:02}.ply"
        mesh = joined([piece.mesh for piece in thing if id(piece.surface) == key])
        mesh.scaled(scale, scale, scale).write_ply(path)
        paint = {"type": "twosided", "material": _painted(surface)}
        described[f"{name}{i:02}"] = {"type": "ply", "filename": str(path), "bsdf": paint}
    return described


def _painted(surface: Surface) -> dict[str, Any]:
    """Matt, polished or between: only the last takes Mitsuba 50 ms to set up."""
    import mitsuba as mi

    texture = surface.texture
    texture = np.tile(texture, (2, 2, 1)) if len(texture) == 1 else texture  # two texels at least
    image = mi.Bitmap(np.ascontiguousarray(texture))
    bitmap = {"type": "bitmap", "bitmap": image, "raw": True, "wrap_mode": "repeat"}
    if surface.alpha >= MATT:
        return {"type": "diffuse", "reflectance": bitmap}
    if surface.alpha <= POLISHED:
        return {"type": "plastic", "diffuse_reflectance": bitmap}
    return {"type": "roughplastic", "alpha": surface.alpha, "diffuse_reflectance": bitmap}


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """Several meshes as one; uv where all have it."""
    offsets = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    faces = np.vstack([mesh.faces + o for mesh, o in zip(meshes, offsets, strict=True)])
    uv = [mesh.uv for mesh in meshes if mesh.uv is not None]
    return Mesh(
        np.vstack([mesh.vertices for mesh in meshes]),
        faces.astype(np.int32),
        np.vstack(uv) if len(uv) == len(meshes) else None,
    )


def grid_mesh(points: Array, uv: Array) -> Mesh:
    """A mesh over (R, C, 3) points with (R, C, 2) texture coordinates."""
    rows, columns = points.shape[:2]
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None]).ravel()
    first = np.column_stack([corner, corner + 1, corner + columns + 1])
    second = np.column_stack([corner, corner + columns + 1, corner + columns])
    faces = np.vstack([first, second]).astype(np.int32)
    return Mesh(points.reshape(-1, 3), faces, uv.reshape(-1, 2))


def planar(mesh: Mesh, mm: float) -> Mesh:
    """``mesh`` with uv from a slanted projection that no face of a box is parallel to."""
    x, y, z = mesh.vertices.T
    return replace(mesh, uv=np.column_stack([x + 0.41 * y, z + 0.53 * y]) / mm)


def extruded(line: Array, half_x: float, mm: float, turn: float = 0) -> Mesh:
    """A strip along x from a polyline (N, 2) of y, z; uv follows it, turned by ``turn`` degrees."""
    edges = [np.column_stack([np.full(len(line), x), line]) for x in (half_x, -half_x)]
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    u, v = np.meshgrid([half_x / mm, -half_x / mm], along / mm)
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    return grid_mesh(np.stack(edges, axis=1), np.dstack([c * u - s * v, s * u + c * v]))


def bounds(thing: Thing) -> Array:
    """(2, 3) mm: the lowest and the highest corner."""
    points = np.vstack([piece.mesh.vertices for piece in thing])
    return np.stack([points.min(axis=0), points.max(axis=0)])
