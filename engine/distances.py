"""How near two vectors are: Euclidean distance, cosine or inner product, as a number that falls;
and rows brought to length 1.

Whatever the metric, a distance is lower and a score higher for what is nearer.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from engine.types import FloatArray

Metric = Literal["euclidean", "cosine", "inner_product"]
METRICS: tuple[Metric, ...] = get_args(Metric)

Distances = npt.NDArray[np.float64]

# Vectors are float32, of 6e-8 relative precision: what lies nearer than that is the same one.
SAME = 1e-6  # of the vectors' length
SAME_COSINE = 2.0**-23  # unit vectors are rounded to float32 before their cosine is computed
_BLOCK = 64  # rows that are brought to length 1 at a time: they stay in the processor's cache


def unit_or_zero(rows: FloatArray) -> FloatArray:
    """(N, D) -> (N, D): rows of length 1. A row of zeros stays: its cosine with anything is 0."""
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def unit_rows(rows: FloatArray) -> FloatArray:
    """(N, D) -> (N, D), every row of length 1.

    A row of zeros has no direction: it becomes the diagonal, so that an image without any
    feature has a vector, always the same one, and nothing is divided by zero.
    """
    found = np.empty(rows.shape, np.float32)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        lengths = np.linalg.norm(block.astype(np.float64), axis=1, keepdims=True)
        dark = lengths[:, 0] < np.finfo(np.float32).tiny
        unit = block / np.where(lengths, lengths, 1)
        unit[dark] = 1 / np.sqrt(rows.shape[1])
        found[start : start + _BLOCK] = unit
    return found


def from_products(products: npt.NDArray[np.floating], metric: Metric) -> Distances:
    """Inner products to distances: 1 - cos of unit rows, or minus the product itself."""
    if metric == "cosine":
        # Rounding may leave the cosine of equal vectors a hair above 1.
        return np.maximum(1.0 - products.astype(np.float64), 0.0)
    return -products.astype(np.float64)


def from_squares(squares: npt.NDArray[np.floating]) -> Distances:
    """Squared Euclidean distances to distances; rounding may leave a hair below zero."""
    return np.sqrt(np.maximum(squares.astype(np.float64), 0.0))


def distances(queries: FloatArray, gallery: FloatArray, metric: Metric) -> Distances:
    """(Q, D) and (G, D) -> (Q, G): Euclidean distance, 1 - cosine, or minus the inner product.

    For whole protocols held in memory; equal gallery rows may differ by a rounding.
    """
    if metric == "cosine":
        queries, gallery = unit_or_zero(queries), unit_or_zero(gallery)
    products = queries.astype(np.float64) @ gallery.astype(np.float64).T
    if metric != "euclidean":
        return from_products(products, metric)
    lengths = _squared_lengths(queries)[:, None] + _squared_lengths(gallery)[None]
    return from_squares(lengths - 2 * products)


def rounded_distances(queries: FloatArray, gallery: FloatArray, metric: Metric) -> FloatArray:
    """(Q, G) float32 distances; vectors that are the same up to rounding are exactly 0 apart
    where the metric makes equal vectors 0 apart."""
    found = distances(queries, gallery, metric)
    if metric == "euclidean":
        lengths = [np.sqrt(_squared_lengths(rows)) for rows in (queries, gallery)]
        found[found < SAME * np.hypot(lengths[0][:, None], lengths[1][None])] = 0.0
    elif metric == "cosine":
        found[found < SAME_COSINE] = 0.0
    return found.astype(np.float32)


def score_of(distance: float, metric: Metric, *, normalised: bool) -> float:
    """What a hit shows: higher is better.

    The cosine or the inner product itself. Of a Euclidean distance d: 1 - d² / 2 for vectors of
    length 1, which is their cosine, else 1 / (1 + d).
    """
    if metric == "cosine":
        return 1.0 - distance
    if metric == "inner_product":
        return 0.0 - distance  # never -0.0
    return 1.0 - distance * distance / 2.0 if normalised else 1.0 / (1.0 + distance)


def _squared_lengths(rows: FloatArray) -> Distances:
    wide = rows.astype(np.float64)
    return np.asarray(np.einsum("nd,nd->n", wide, wide))
