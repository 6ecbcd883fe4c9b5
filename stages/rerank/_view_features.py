"""Features of pairs by the parts of their vectors: each part's own similarity, a column a view.

One cosine of two vectors weighs their parts alike for every pair. What a part is worth, such as
colour beside gradients, is for the fusion of a gallery to learn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from engine.distances import unit_or_zero
from engine.types import Float64Array, FloatArray

BEHIND = "_behind"


def view_names(views: Mapping[str, int]) -> tuple[str, ...]:
    """The columns of ``view_features``: a view's own similarity, and how far that lies behind the
    best of the list."""
    return tuple(name for view in views for name in (view, view + BEHIND))


def view_features(query: FloatArray, rows: FloatArray, views: Mapping[str, int]) -> Float64Array:
    """(N, 2 V) of a query (D,) and hits (N, D), both centred; ``views``: their sizes, in the order
    of the vectors."""
    columns = [np.zeros((len(rows), 0))]
    for part in _parts(views):
        ours, theirs = unit_or_zero(query[None, part])[0], unit_or_zero(rows[:, part])
        near = np.einsum("nd,d->n", theirs.astype(np.float64), ours)
        columns.append(np.stack([near, near - near.max(initial=-1.0)], axis=1))
    return np.concatenate(columns, axis=1)


def _parts(views: Mapping[str, int]) -> Iterator[slice]:
    start = 0
    for size in views.values():
        yield slice(start, start + size)
        start += size
