"""Distances of all queries to all gallery pictures, a block of queries at a time.

Stanford Online Products asks 60,502 pictures of as many: that is 15 GB of distances, so they are
never held at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.distances import Metric, distances
from engine.types import FloatArray

BLOCK_BYTES = 128 * 2**20  # of distances at a time
GALLERY_ROWS = 4096  # converted to float64 at a time: 64 MB for 2048 numbers a row

# Vectors are float32, of 6e-8 relative precision: what lies nearer than that is the same one.
SAME = 1e-6  # of the vectors' length
SAME_COSINE = 2.0**-23  # unit vectors are rounded to float32 before their cosine is taken


def distance_blocks(
    queries: FloatArray, gallery: FloatArray, metric: Metric
) -> Iterator[tuple[int, FloatArray]]:
    """(first query, (B, G) float32) in the order of the queries; the block is the caller's own.

    Computed in float64 and compared in float32, so that equal gallery pictures are equally far
    however a matrix product rounds them, and their tie is broken by position.
    """
    step = max(1, BLOCK_BYTES // (4 * max(1, len(gallery))))
    for start in range(0, len(queries), step):
        block = queries[start : start + step]
        found = np.empty((len(block), len(gallery)), np.float32)
        for at in range(0, len(gallery), GALLERY_ROWS):
            rows = gallery[at : at + GALLERY_ROWS]
            found[:, at : at + GALLERY_ROWS] = settled(block, rows, metric)
        yield start, found


def settled(queries: FloatArray, gallery: FloatArray, metric: Metric) -> FloatArray:
    """(Q, G) float32 distances; vectors that are the same up to rounding are exactly 0 apart
    where the metric says that they are the same."""
    found = distances(queries, gallery, metric)
    if metric == "euclidean":
        lengths = [np.linalg.norm(rows.astype(np.float64), axis=1) for rows in (queries, gallery)]
        found[found < SAME * np.hypot(lengths[0][:, None], lengths[1][None])] = 0.0
    elif metric == "cosine":
        found[found < SAME_COSINE] = 0.0
    return found.astype(np.float32)
