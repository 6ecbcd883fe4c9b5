"""How well vectors find images of their own product, before and after an adaptation.

Average precision over the whole gallery, on queries whose product took no part in what is judged.
Intervals keep all queries of a product together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.adaptation import Domain
from engine.distances import unit_rows
from engine.types import Float64Array, FloatArray
from offline.metrics.statistics import Interval, bootstrap

# Intervals of fewer clusters are too narrow, and what is fitted to fewer products is chance.
LEAST_PRODUCTS = 10
MOST_QUERIES = 1000
BLOCK = 128  # queries at a time: 10 MB of similarities to 20,000 images

Products = npt.NDArray[np.int64]  # (N,) a number a product, -1: not known


@dataclass(frozen=True, eq=False)
class Vectors:
    """(N, D) as they were described, with their products."""

    rows: FloatArray
    products: Products

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class Queries:
    """``own`` (Q,): the place of each in the gallery, left out of its ranking; -1: none."""

    vectors: Vectors
    own: Products
    domain: Domain

    def __len__(self) -> int:
        return len(self.vectors)


def view_queries(gallery: Vectors, seed: int) -> Queries:
    """Images of the gallery whose product has others; a random choice of ``MOST_QUERIES``."""
    counts = np.bincount(gallery.products[gallery.products >= 0])
    several = np.flatnonzero(gallery.products >= 0)
    several = several[counts[gallery.products[several]] > 1]
    chosen = sample(several, MOST_QUERIES, seed)
    found = Vectors(gallery.rows[chosen], gallery.products[chosen])
    return Queries(found, chosen, "catalogue")


def photo_queries(photos: Vectors, gallery: Vectors, seed: int) -> Queries:
    """Photos of products that the gallery has."""
    known = np.flatnonzero(np.isin(photos.products, gallery.products[gallery.products >= 0]))
    chosen = sample(known, MOST_QUERIES, seed)
    found = Vectors(photos.rows[chosen], photos.products[chosen])
    return Queries(found, np.full(len(chosen), -1, np.int64), "photo")


def sample(places: Products, most: int, seed: int) -> Products:
    """At most so many of them, in their order."""
    if len(places) <= most:
        return places
    drawn = np.random.default_rng(seed).choice(len(places), most, replace=False)
    return places[np.sort(drawn)]


def average_precisions(queries: Queries, rows: FloatArray, gallery: Vectors) -> Float64Array:
    """(Q,) of query vectors ``rows`` against gallery vectors, both as they are compared."""
    found = np.zeros(len(queries))
    ours, theirs = unit_rows(rows), unit_rows(gallery.rows)
    for start in range(0, len(queries), BLOCK):
        stop = min(start + BLOCK, len(queries))
        near = ours[start:stop] @ theirs.T
        own = queries.own[start:stop]
        mine = np.flatnonzero(own >= 0)
        near[mine, own[mine]] = -np.inf
        for line, product, at in zip(
            near, queries.vectors.products[start:stop], range(start, stop), strict=True
        ):
            relevant = np.flatnonzero((gallery.products == product) & np.isfinite(line))
            found[at] = _average_precision(line, relevant)
    return found


def _average_precision(line: FloatArray, relevant: Products) -> float:
    """Ranks are counted, not sorted: few images are relevant. Ties count against the query."""
    if not len(relevant):
        return 0.0
    values = np.sort(line[relevant])[::-1]
    ordered = np.sort(line)
    ranks = len(line) - np.searchsorted(ordered, values, side="left")
    return float(np.mean(np.arange(1, len(values) + 1) / np.maximum(ranks, 1)))


def gain(after: Float64Array, before: Float64Array, queries: Queries, seed: int) -> Interval:
    """The mean difference, with its 95 % interval over products."""
    clusters = queries.vectors.products.tolist()
    return bootstrap((after - before).tolist(), seed=seed, clusters=clusters)


def most_frequent_first(rows: FloatArray, gallery: FloatArray, products: Products) -> float:
    """The fraction of queries whose first hit is of the product that is first most often."""
    nearest = [
        (unit_rows(rows[start : start + BLOCK]) @ unit_rows(gallery).T).argmax(axis=1)
        for start in range(0, len(rows), BLOCK)
    ]
    first = products[np.concatenate(nearest)]
    return float(np.unique(first, return_counts=True)[1].max() / len(rows))
