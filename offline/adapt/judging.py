"""How well vectors find images of their own product, before and after an adaptation.

Average precision of queries that took no part in what is judged, nor did their products, but for
photos of products whose other photos did.
Intervals keep all queries of a product together.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.distances import unit_rows
from engine.types import BoolArray, Float64Array, FloatArray
from offline.metrics.statistics import Interval, bootstrap

# Intervals of fewer clusters are too narrow, and what is fitted to fewer products is chance.
LEAST_PRODUCTS = 10
MOST_QUERIES = 1000
BLOCK = 128  # queries at a time: 10 MB of similarities to 20,000 images

Products = npt.NDArray[np.int64]  # (N,) a number a product, -1: not known


@dataclass(frozen=True, eq=False)
class Vectors:
    """(N, D) as they were described, with their products. ``photo`` (N,): which are photos as users
    take them, the others being catalogue images; None: none is. ``family`` (N,): numbers of what
    is held out together; None: of products."""

    rows: FloatArray
    products: Products
    photo: BoolArray | None = None
    family: Products | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def photos(self) -> BoolArray:
        """(N,)."""
        return np.zeros(len(self), np.bool_) if self.photo is None else self.photo

    def chosen(self, places: Products | BoolArray) -> Vectors:
        family = None if self.family is None else self.family[places]
        return Vectors(self.rows[places], self.products[places], self.photos[places], family)

    def beside(self, others: Vectors) -> Vectors:
        """These, and then the others."""
        return Vectors(
            np.concatenate([self.rows, others.rows]),
            np.concatenate([self.products, others.products]),
            np.concatenate([self.photos, others.photos]),
        )


@dataclass(frozen=True, eq=False)
class Queries:
    """``own`` (Q,): the place of each in the gallery, left out of its ranking; -1: none.
    ``given`` (Q,): the place among the given photos of those that are none of the gallery's."""

    vectors: Vectors
    own: Products
    given: Products

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def are_photos(self) -> bool:
        return len(self) > 0 and bool(self.vectors.photos.all())

    def chosen(self, places: Products) -> Queries:
        return Queries(self.vectors.chosen(places), self.own[places], self.given[places])


def queries_of(gallery: Vectors, photos: Vectors | None, seed: int) -> Queries:
    """Photos of products that the gallery has, its own among them if their product has another
    image; where these are too few products, all images whose product has another. A random choice
    of ``MOST_QUERIES``."""
    counts = np.bincount(gallery.products, minlength=1)
    several = np.flatnonzero(counts[gallery.products] > 1)
    views = Queries(gallery.chosen(several), several, np.full(len(several), -1, np.int64))
    found = views.chosen(np.flatnonzero(views.vectors.photos))
    if photos is not None:
        is_known = np.isin(photos.products, gallery.products) & (photos.products >= 0)
        known, places = photos.chosen(is_known), np.flatnonzero(is_known)
        none = np.full_like(places, -1)
        own, given = np.append(found.own, none), np.append(found.given, places)
        found = Queries(found.vectors.beside(known), own, given)
    enough = len(np.unique(found.vectors.products)) >= LEAST_PRODUCTS
    # Without any other, few photos are named as the reason.
    found = found if enough or (len(found) and not len(views)) else views
    return found.chosen(sample(np.arange(len(found)), MOST_QUERIES, seed))


def sample(places: Products, most: int, seed: int) -> Products:
    """At most so many of them, in their order."""
    if len(places) <= most:
        return places
    drawn = np.random.default_rng(seed).choice(len(places), most, replace=False)
    return places[np.sort(drawn)]


def whole_products(products: Products, most: int, seed: int) -> Products:
    """Places of at most so many images (N,), ascending: products in an order by chance, until their
    images are as many."""
    drawn = np.random.default_rng(seed).permutation(int(products.max(initial=-1)) + 1)
    rank = np.empty(len(drawn), np.int64)
    rank[drawn] = np.arange(len(drawn))
    return np.sort(np.argsort(rank[products], kind="stable")[:most])


def number_of(rows: FloatArray, count: int) -> Products:
    """(N,) one of ``count`` folds for each row, by its numbers alone: copies have the same."""
    return np.array([zlib.crc32(row.tobytes()) % count for row in rows], np.int64)


def average_precisions(
    queries: Queries, rows: FloatArray, gallery: Vectors, searched: BoolArray | None = None
) -> Float64Array:
    """(Q,) of query vectors ``rows`` against gallery vectors, both as they are compared.

    ``searched`` (Q, G): which images each query reaches; None: all.
    """
    found = np.zeros(len(queries))
    ours, theirs = unit_rows(rows), unit_rows(gallery.rows)
    for start in range(0, len(queries), BLOCK):
        stop = min(start + BLOCK, len(queries))
        near = ours[start:stop] @ theirs.T
        own = queries.own[start:stop]
        mine = np.flatnonzero(own >= 0)
        near[mine, own[mine]] = -np.inf
        relevant = queries.vectors.products[start:stop, None] == gallery.products
        relevant &= np.isfinite(near)
        if searched is not None:
            near[~searched[start:stop]] = -np.inf
        found[start:stop] = _average_precisions(near, relevant)
    return found


def _average_precisions(near: FloatArray, relevant: BoolArray) -> Float64Array:
    """(Q,) of similarities (Q, G), -inf for what is not reached: that counts 0. Ties count against
    the query."""
    rows, places = np.nonzero(relevant)
    values = near[rows, places]
    order = np.lexsort((-values, rows))
    rows, values = rows[order], values[order]
    counts = np.bincount(rows, minlength=len(near))
    number = np.arange(1, len(rows) + 1) - (np.cumsum(counts) - counts)[rows]
    ranks = _ranks(near, rows, values)
    found = np.where(np.isfinite(values), number / np.maximum(ranks, 1), 0.0)
    return np.bincount(rows, found, len(near)) / np.maximum(counts, 1)


def _ranks(near: FloatArray, rows: Products, values: FloatArray) -> Products:
    """(n,) how many of its row of ``near`` are no less than each value."""
    # Complex numbers are in the order of their real parts, here the rows, and then the others.
    ordered = np.empty(near.shape, np.complex64)
    ordered.real, ordered.imag = np.arange(len(near))[:, None], np.sort(near, axis=1)
    wanted = np.empty(len(values), np.complex64)
    wanted.real, wanted.imag = rows, values
    lower = np.searchsorted(ordered.ravel(), wanted)
    return np.asarray((rows + 1) * near.shape[1] - lower, np.int64)


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
