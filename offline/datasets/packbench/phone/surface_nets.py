"""A surface from a field of distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offline.datasets.packbench.shapes.meshes import Array, Mesh

Cells = NDArray[np.int64]
Mask = NDArray[np.bool_]


def surface_net(field: Array, origin: Array, cell: float) -> Mesh:
    """The zero level of ``field`` (X, Y, Z), negative inside, as a mesh with outward faces.

    Naive surface nets (Gibson, MERL TR99-24, 1999): one vertex in each cell that the surface
    crosses, at the mean of the crossings of its twelve edges; one quad for each crossed edge.
    """
    inside = field < 0
    total = np.zeros((*(n - 1 for n in field.shape), 3))
    count = np.zeros(total.shape[:3])
    crossings = []
    for axis in range(3):
        first = [slice(None)] * 3
        second = [slice(None)] * 3
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        a, b = field[tuple(first)], field[tuple(second)]
        crossed = inside[tuple(first)] != inside[tuple(second)]
        at = np.argwhere(crossed).astype(np.int64)
        fraction = a[crossed] / (a[crossed] - b[crossed])
        crossings.append((axis, at, inside[tuple(first)][crossed]))
        _gather(total, count, at, fraction, axis)
    used = count > 0
    number = np.full(count.shape, -1)
    number[used] = np.arange(int(used.sum()))
    vertices = origin + cell * (total[used] / count[used][:, None])
    faces = np.vstack([_quads(number, *crossing) for crossing in crossings])
    return Mesh(vertices, faces.astype(np.int32))


def _gather(total: Array, count: Array, at: Cells, fraction: Array, axis: int) -> None:
    """Add the crossings of the edges at ``at`` (N, 3) to the four cells round each edge."""
    where = at.astype(float)
    where[:, axis] += fraction
    for cells, valid in _neighbours(at, axis, count.shape):
        index = tuple(cells[valid].T)
        np.add.at(total, index, where[valid])
        np.add.at(count, index, 1)


def _neighbours(at: Cells, axis: int, shape: tuple[int, ...]) -> list[tuple[Cells, Mask]]:
    """The four cells round each edge, counter-clockwise seen from the edge's far end."""
    j, k = (axis + 1) % 3, (axis + 2) % 3
    cells_around = []
    for dj, dk in ((-1, -1), (0, -1), (0, 0), (-1, 0)):
        cells = at.copy()
        cells[:, j] += dj
        cells[:, k] += dk
        cells_around.append((cells, np.all((cells >= 0) & (cells < np.array(shape)), axis=1)))
    return cells_around


def _quads(number: Cells, axis: int, at: Cells, starts_inside: Mask) -> Cells:
    """Two triangles for each crossed edge; turned so that they face away from the inside."""
    around = _neighbours(at, axis, number.shape)
    whole = np.all([valid for _, valid in around], axis=0)
    corners = np.column_stack([number[tuple(cells[whole].T)] for cells, _ in around])
    corners = np.where(starts_inside[whole][:, None], corners, corners[:, ::-1])
    return np.vstack([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]])
