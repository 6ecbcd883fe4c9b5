"""Rows of vectors: brought to length 1, whatever a model gave."""

from __future__ import annotations

import numpy as np

from engine.types import FloatArray


def unit_rows(rows: FloatArray) -> FloatArray:
    """(N, D) -> (N, D), every row of length 1.

    A row of zeros has no direction: it becomes the diagonal, so that a picture without any
    feature is still a point, the same one each time, and never a division by zero.
    """
    if rows.shape[0] == 0:
        return rows
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    dark = lengths[:, 0] < np.finfo(np.float32).tiny
    unit = np.where(dark[:, None], 1 / np.sqrt(rows.shape[1]), rows / np.where(lengths, lengths, 1))
    return unit.astype(np.float32)
