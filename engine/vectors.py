"""L2 normalisation of vectors."""

from __future__ import annotations

import numpy as np

from engine.types import FloatArray


def unit_rows(rows: FloatArray) -> FloatArray:
    """(N, D) -> (N, D), every row of length 1.

    A row of zeros has no direction: it becomes the diagonal, so that an image without any
    feature has a vector, always the same one, and nothing is divided by zero.
    """
    if rows.shape[0] == 0:
        return rows
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    dark = lengths[:, 0] < np.finfo(np.float32).tiny
    unit = np.where(dark[:, None], 1 / np.sqrt(rows.shape[1]), rows / np.where(lengths, lengths, 1))
    return unit.astype(np.float32)
