"""Triangle meshes for packages: revolve, sweep, box, patch; millimetres, z points up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Corner = tuple[float, ...]  # (radius, z) or (radius, z, fillet), mm

ARC = 24  # points on each quarter of a ring
CREASE = math.radians(32)  # a sharper turn of the profile splits the shading normals


@dataclass(frozen=True)
class Mesh:
    """``vertices`` (V, 3) mm; ``faces`` (F, 3), counter-clockwise from outside; ``uv`` (V, 2)."""

    vertices: Array
    faces: NDArray[np.int32]
    uv: Array | None = None  # in [0, 1], v upwards: where printed artwork lies

    def moved(self, x: float = 0, y: float = 0, z: float = 0) -> Mesh:
        return replace(self, vertices=self.vertices + np.array([x, y, z]))

    def scaled(self, x: float = 1, y: float = 1, z: float = 1) -> Mesh:
        return replace(self, vertices=self.vertices * np.array([x, y, z]))

    def turned(self, axis: str, degrees: float, pivot: Sequence[float] = (0, 0, 0)) -> Mesh:
        """Rotated by the right-hand rule about the named axis through ``pivot``."""
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        matrix = np.eye(3)
        matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
        return replace(self, vertices=(self.vertices - pivot) @ matrix.T + np.asarray(pivot))

    def volume(self) -> float:
        """Enclosed volume, mm³: the divergence theorem over the signed tetrahedra."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)

    def write_ply(self, path: Path) -> None:
        faces = np.empty(len(self.faces), dtype=[("n", "u1"), ("v", "<i4", (3,))])
        faces["n"], faces["v"] = 3, self.faces
        lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(self.vertices)}"]
        columns = self.vertices if self.uv is None else np.hstack([self.vertices, self.uv])
        lines += [f"property float {name}" for name in "xyzuv"[: columns.shape[1]]]
        lines += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
        header = "\n".join([*lines, "end_header\n"]).encode()
        path.write_bytes(header + columns.astype("<f4").tobytes() + faces.tobytes())


@dataclass(frozen=True)
class Section:
    """A rounded rectangle seen from above: half extents and corner radius, mm."""

    half_x: float
    half_y: float
    corner: float

    def ring(self, inset: float, z: float, arc: int = ARC) -> Array:
        """(4·arc, 3) points of the outline moved inwards by ``inset``, counter-clockwise."""
        x, y = max(self.half_x - inset, 1e-3), max(self.half_y - inset, 1e-3)
        corner = min(max(self.corner - inset, min(self.corner, 0.3)), x, y)
        angle = (np.arange(4 * arc) + 0.5) * (math.pi / 2 / arc)
        px = np.cos(angle) * corner + np.where(np.cos(angle) > 0, 1, -1) * (x - corner)
        py = np.sin(angle) * corner + np.where(np.sin(angle) > 0, 1, -1) * (y - corner)
        return np.column_stack([px, py, np.full_like(px, z)])


def circle(radius: float) -> Section:
    return Section(radius, radius, radius)


def profile(corners: Sequence[Corner], steps: int = 6) -> Array:
    """(N, 2) polyline through ``corners``, those with a fillet replaced by an arc."""
    points: list[Array] = []
    for i, corner in enumerate(corners):
        here = np.array(corner[:2], float)
        if len(corner) < 3 or corner[2] <= 0 or i in (0, len(corners) - 1):
            points.append(here[None])
        else:
            before, after = (np.array(corners[i + d][:2], float) for d in (-1, 1))
            points.append(_arc(before, here, after, corner[2], steps))
    return np.vstack(points)


def _arc(before: Array, here: Array, after: Array, radius: float, steps: int) -> Array:
    to, fro = before - here, after - here
    reach = float(min(np.linalg.norm(to), np.linalg.norm(fro)))
    to, fro = to / np.linalg.norm(to), fro / np.linalg.norm(fro)
    half = math.acos(float(np.clip(to @ fro, -1, 1))) / 2
    if half > math.pi / 2 - 1e-3:
        return here[None]
    cut = min(radius / math.tan(half), 0.98 * reach)
    radius = cut * math.tan(half)
    bisector = (to + fro) / np.linalg.norm(to + fro)
    centre = here + bisector * radius / math.sin(half)
    start, end = here + to * cut - centre, here + fro * cut - centre
    sweep = math.pi - 2 * half
    t = np.linspace(0, 1, steps + 1)[:, None]
    arc: Array = centre + (np.sin((1 - t) * sweep) * start + np.sin(t * sweep) * end) / math.sin(
        sweep
    )
    return arc


def loft(rings: Sequence[Array], creases: Sequence[bool] | None = None) -> Mesh:
    """Skin over rings of equally many points; a creased ring gets two sets of vertices."""
    last = len(rings) - 1
    bands: list[Array] = []
    faces: list[Array] = []
    count = len(rings[0])
    left = np.arange(count)
    right = (left + 1) % count
    for i, ring in enumerate(rings):
        bands += [ring, ring] if creases and creases[i] and 0 < i < last else [ring]
        if i < last:
            low, high = count * (len(bands) - 1), count * len(bands)
            faces.append(np.column_stack([low + left, low + right, high + right]))
            faces.append(np.column_stack([low + left, high + right, high + left]))
    vertices, triangles = np.vstack(bands), np.vstack(faces)
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    real = np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-9
    return Mesh(vertices, triangles[real].astype(np.int32))


def revolve(
    corners: Sequence[Corner], section: Section | None = None, *, ribs: int = 0, depth: float = 0.5
) -> Mesh:
    """Sweep a profile (from the axis outwards, then upwards) round the axis or a section.

    With ``section`` the profile's radius is measured along x. ``ribs`` flutes the outer wall.
    """
    line = profile(corners)
    widest = float(line[:, 0].max())
    outline = section or circle(widest)
    arc = max(ARC, 2 * ribs)  # eight points a rib
    rings = []
    for radius, z in line:
        ring = outline.ring(outline.half_x - radius, z, arc)
        if ribs and radius > widest - 0.3:
            angle = np.arctan2(ring[:, 1], ring[:, 0])
            ring[:, :2] *= 1 - depth / radius * (0.5 - 0.5 * np.cos(ribs * angle))[:, None] ** 3
        rings.append(ring)
    return loft(rings, _creases(line))


def _creases(line: Array) -> list[bool]:
    step = np.diff(line, axis=0)
    heading = np.arctan2(step[:, 1], step[:, 0])
    turn = np.abs((np.diff(heading) + math.pi) % (2 * math.pi) - math.pi)
    return [False, *(bool(value > CREASE) for value in turn), False]


def box(x: float, y: float, z: float, corner: float = 2, edge: float = 0.8) -> Mesh:
    """A rounded box standing on z = 0: ``corner`` seen from above, ``edge`` from the side."""
    half = x / 2
    return revolve([(0, 0), (half, 0, edge), (half, z, edge), (0, z)], Section(half, y / 2, corner))


def tube(path: Sequence[Sequence[float]], radii: Sequence[float], flat: float = 1) -> Mesh:
    """A closed round tube along a path in the xz plane; ``flat`` scales its y width."""
    points = np.array([(x, 0, z) for x, z in path], float)
    ahead = np.gradient(points, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    up = np.column_stack([-ahead[:, 2], np.zeros(len(points)), ahead[:, 0]])
    rings = []
    for point, normal, radius in zip(points, up, radii, strict=True):
        unit = circle(1).ring(0, 0)
        rings.append(
            point + radius * (unit[:, 1:2] * normal + unit[:, :1] * np.array([0, flat, 0]))
        )
    caps = [np.repeat(p[None], 4 * ARC, axis=0) for p in (points[0], points[-1])]
    creases = [False, True, *[False] * (len(rings) - 2), True, False]
    return loft([caps[0], *rings, caps[1]], creases)


def patch(section: Section, low: float, high: float, width: float, grid: int = 24) -> Mesh:
    """A front-facing label hugging a section's outline from z = ``low`` to ``high``, mm; with uv."""
    ring = section.ring(-0.12, 0)
    front = ring[ring[:, 1] < 0]
    x = np.linspace(-width / 2, width / 2, grid)
    y = np.interp(x, front[:, 0], front[:, 1])
    vertices = np.vstack([np.column_stack([x, y, np.full(grid, z)]) for z in (low, high)])
    i = np.arange(grid - 1)
    lower, upper = (
        np.column_stack([i, i + 1, i + grid + 1]),
        np.column_stack([i, i + grid + 1, i + grid]),
    )
    faces = np.vstack([lower, upper])
    u = np.tile(np.linspace(0, 1, grid), 2)
    uv = np.column_stack([u, np.repeat([0.0, 1.0], grid)])
    return Mesh(vertices, faces.astype(np.int32), uv)
