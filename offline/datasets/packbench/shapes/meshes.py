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
HOLD = 0.12  # mm from a fillet within which the shading of a straight piece may bend
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
    """A rounded rectangle seen from above: half extents and corner radius, mm.

    A corner longer than a half extent is cut to it there: corners of the longer half extent
    make an ellipse, of the shorter one a stadium.
    """

    half_x: float
    half_y: float
    corner: float

    def ring(self, inset: float, z: float, arc: int = ARC) -> Array:
        """(4·arc, 3) points of the outline moved inwards by ``inset``, counter-clockwise."""
        x, y = max(self.half_x - inset, 1e-3), max(self.half_y - inset, 1e-3)
        corner = max(self.corner - inset, min(self.corner, 0.3))
        angle = (np.arange(4 * arc) + 0.5) * (math.pi / 2 / arc)
        cos, sin = np.cos(angle), np.sin(angle)
        wide, deep = min(corner, x), min(corner, y)
        px = cos * wide + np.sign(cos) * (x - wide)
        py = sin * deep + np.sign(sin) * (y - deep)
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
    line = held(profile(corners))
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
    return loft(rings, creases(line))


def held(levels: Array) -> Array:
    """(N, K) levels, z last, with one more close to where a long straight piece meets a fillet.

    Vertex normals are means over their faces: without it a flat top would be shaded from its
    fillet to its middle like a cone, and a mirror would show a pyramid.
    """
    lengths = np.linalg.norm(np.diff(levels, axis=0), axis=1)
    points = [levels[:1]]
    for i, length in enumerate(lengths):
        start, end = levels[i], levels[i + 1]
        along = (end - start) / max(length, 1e-12) * min(HOLD, length / 4)
        before, after = (lengths[j] if 0 <= j < len(lengths) else 0 for j in (i - 1, i + 1))
        if 0 < before < length / 4:
            points.append((start + along)[None])
        if 0 < after < length / 4:
            points.append((end - along)[None])
        points.append(end[None])
    return np.vstack(points)


def creases(line: Array) -> list[bool]:
    """For each point of an (N, 2) polyline, whether it turns there too sharply to look round."""
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
    """A front-facing label hugging a section's outline from z = ``low`` to ``high``, mm; with uv.

    ``width`` is measured along the outline, as a label's is.
    """
    front = facing(section, width, grid)
    return sheet([np.column_stack([front, np.full(grid, z)]) for z in (low, high)])


def facing(section: Section, width: float, grid: int, gap: float = 0.12) -> Array:
    """(grid, 2) evenly spaced points, left to right, on the outline ``gap`` mm outside a section.

    They are centred on the front (-y) and span ``width`` mm of it, at most its whole girth.
    """
    ring = section.ring(-gap, 0, 2 * ARC)[:, :2]
    ring = np.roll(ring, -2 * ARC, axis=0)  # counter-clockwise from the back is left to right
    back = (ring[:1] + ring[-1:]) / 2
    ring = np.vstack([back, ring, back])
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(ring, axis=0), axis=1))])
    half = min(width, along[-1]) / 2
    wanted = np.linspace(along[-1] / 2 - half, along[-1] / 2 + half, grid)
    return np.column_stack([np.interp(wanted, along, ring[:, axis]) for axis in (0, 1)])


def sheet(rows: Sequence[Array]) -> Mesh:
    """An open surface over rows of equally many points, with uv; u along a row, v up the rows."""
    columns = len(rows[0])
    i = np.arange(columns - 1)
    faces = []
    for low in range(0, columns * (len(rows) - 1), columns):
        left, up = low + i, low + i + columns
        faces += [np.column_stack([left, left + 1, up + 1]), np.column_stack([left, up + 1, up])]
    u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, len(rows)))
    uv = np.column_stack([u.ravel(), v.ravel()])
    return Mesh(np.vstack(rows), np.vstack(faces).astype(np.int32), uv)


def coil(radius: float, low: float, high: float, turns: float, thick: float = 0.7) -> Mesh:
    """A screw thread: a bead of radius ``thick`` that winds from ``low`` up to ``high``, mm."""
    count = max(round(48 * turns), 8)
    angle = np.linspace(0, 2 * math.pi * turns, count)
    swell = thick * np.clip(np.minimum(angle, angle[::-1]) / 0.6, 0.05, 1)  # runs out at its ends
    round_bead = -np.arange(8) * (math.pi / 4)
    rings = []
    for a, size, z in zip(angle, swell, np.linspace(low, high, count), strict=True):
        reach = radius + size * np.cos(round_bead)
        up = z + size * np.sin(round_bead)
        rings.append(np.column_stack([reach * math.cos(a), reach * math.sin(a), up]))
    ends = [np.tile(ring.mean(axis=0), (8, 1)) for ring in (rings[0], rings[-1])]
    return loft([ends[0], *rings, ends[1]])


def sector(inner: float, outer: float, start: float, end: float, z: float = 0) -> Mesh:
    """A flat piece of a ring at height ``z``, facing up, between two angles in degrees."""
    angles = np.radians(np.linspace(end, start, max(round(abs(end - start) / 12), 2) + 1))
    unit = np.column_stack([np.cos(angles), np.sin(angles)])
    return sheet([np.column_stack([r * unit, np.full(len(unit), z)]) for r in (inner, outer)])


def merged(meshes: Sequence[Mesh]) -> Mesh:
    """Many meshes of one material as one; what they had of uv is dropped."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    faces = [mesh.faces + np.int32(start) for mesh, start in zip(meshes, starts, strict=True)]
    return Mesh(np.vstack([mesh.vertices for mesh in meshes]), np.vstack(faces).astype(np.int32))
