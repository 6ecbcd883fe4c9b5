"""Retrieval: from the vector of a query to the images that are nearest, as arrays.

Serving and evaluation both rank by this file, so that they cannot drift apart. They differ in
the index alone: a gallery searches its exact indexes in float32 (``GalleryIndex``), a task that
is evaluated lies in memory and is compared in float64, rounded to float32 (``VectorIndex``).

Query expansion: Radenović, Tolias, Chum, "Fine-tuning CNN Image Retrieval with No Human
Annotation", PAMI 2019, section 3.4. With alpha = 0 it is the average query expansion of Chum,
Philbin, Sivic, Isard, Zisserman, "Total Recall", ICCV 2007.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.adaptation import Domain, adapt, domain_of
from engine.distances import Distances, Metric, rounded_distances, unit_rows
from engine.errors import ConfigError
from engine.protocols import Searchable
from engine.types import (
    BoolArray,
    CategoryScores,
    Embedding,
    FloatArray,
    IntArray,
    Neighbour,
)

# The first guess at how many images hold k products; doubled until they do.
IMAGES_PER_PRODUCT = 4
# Distances held at a time: Stanford Online Products has 60,502 queries of as many images, which
# would be 15 GB.
BLOCK_BYTES = 128 * 2**20
EXPANDED = 1024  # queries at a time: 10 neighbours of 2048 numbers each are 80 MB
GALLERY_ROWS = 4096  # converted to float64 at a time: 64 MB for vectors of 2048
# With more positions than this it is faster to sort a line than to count, for each of them, what
# is nearer (60,000 images: 5 ms to sort, 0.05 ms to count).
COUNTED = 64


@dataclass(frozen=True)
class Scope:
    """What may be retrieved for one query: images of ``categories`` (None: of all), less the ids
    in ``without``; of these only those ``among`` (n,) in ascending order, where that is given."""

    categories: Sequence[str] | None = None
    without: Collection[int] = ()
    among: IntArray | None = None


@dataclass(frozen=True, eq=False)
class Ranking:
    """Images of one query, nearest first, ties by id."""

    ids: IntArray  # (n,)
    distances: Distances  # (n,)

    def __len__(self) -> int:
        return len(self.ids)


class Index(Protocol):
    """Vectors that can be searched."""

    def nearest(self, queries: FloatArray, k: int, scopes: Sequence[Scope]) -> list[Ranking]:
        """The first k images of every query (Q, D); fewer where its scope holds fewer."""
        ...

    def vectors(self, ids: IntArray) -> FloatArray:
        """(n,) ids to (n, D)."""
        ...


@dataclass(frozen=True)
class Expansion:
    """Query expansion by ``count`` neighbours, 0 for none; ``normalised``: whether vectors have
    length 1 and expanded ones are brought to it."""

    count: int = 0
    alpha: float = 3.0
    normalised: bool = False


def expand(
    index: Index, queries: FloatArray, scopes: Sequence[Scope], expansion: Expansion
) -> FloatArray:
    """(Q, D) queries, each moved towards its nearest images within its scope."""
    if expansion.count < 1:
        return queries
    moved = queries.copy()
    rows: dict[int, list[int]] = {}  # by their number of neighbours
    nearest = index.nearest(queries, expansion.count, scopes)
    for row, ranking in enumerate(nearest):
        rows.setdefault(len(ranking), []).append(row)
    for count, same in rows.items():
        for start in range(0, len(same) if count else 0, EXPANDED):
            part = same[start : start + EXPANDED]
            ids = np.concatenate([nearest[row].ids for row in part])
            near = index.vectors(ids).reshape(len(part), count, -1)
            moved[part] = expanded(
                queries[part], near, expansion.alpha, normalised=expansion.normalised
            )
    return moved


def expanded(
    queries: FloatArray, neighbours: FloatArray, alpha: float, *, normalised: bool
) -> FloatArray:
    """(Q, D) and the nearest of each, (Q, n, D) -> (Q, D).

    q + sum of max(0, s_i) ** alpha * g_i, s_i the cosine of q and g_i, brought to length 1 if
    the vectors are ``normalised``, else divided by 1 + the sum of the weights, so that it stays
    among the vectors that it is made of. Raises ValueError for a negative or infinite alpha.
    """
    if not 0 <= alpha < np.inf:
        raise ValueError(f"alpha = {alpha}: must be finite and at least 0")
    wide, near = queries.astype(np.float64), neighbours.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1)[:, None] * np.linalg.norm(near, axis=2)
    products = np.einsum("qd,qnd->qn", wide, near)
    # The cosine with a vector of zeros is 0.
    cosines = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    weights = np.maximum(cosines, 0.0) ** alpha  # (Q, n); 0 ** 0 is 1
    total = wide + np.einsum("qn,qnd->qd", weights, near)
    mean = (total / (1 + weights.sum(axis=1, keepdims=True))).astype(np.float32)
    return unit_rows(mean) if normalised else mean


def nearest_products(
    nearest: Callable[[int], Ranking],
    product_of: Callable[[IntArray], Sequence[Hashable]],
    k: int,
    at_least: int,
) -> Ranking:
    """Enough of the nearest images for k products, and at least ``at_least`` images.

    Everything where the scope holds fewer. ``nearest(n)`` gives the first n images of a query,
    ``product_of`` their products; n doubles until it suffices.
    """
    fetch = max(at_least, k * IMAGES_PER_PRODUCT)
    while True:
        ranking = nearest(fetch)
        products = set(product_of(ranking.ids))
        if len(ranking) < fetch or len(products) >= k:
            return ranking
        fetch *= 2


@dataclass(frozen=True)
class AdaptedNeighbours:
    """A gallery that is searched by vectors as they were described, of one domain; ``without``: ids
    that are not found, for their labels are void."""

    gallery: Searchable
    domain: Domain
    without: AbstractSet[int] = frozenset()

    def search(
        self,
        embedding: Embedding,
        k: int,
        categories: Sequence[str] | None = None,
        *,
        labelled_only: bool = False,
    ) -> list[Neighbour]:
        """As of ``Neighbours``."""
        with self.gallery.snapshot():
            adaptation = self.gallery.adaptation()
            query = adapt(adaptation, embedding, self.domain)
            found = self.gallery.search(
                query, k + len(self.without), categories, labelled_only=labelled_only
            )
            return [one for one in found if one.id not in self.without][:k]

    def predicted(self, embedding: Embedding, vote: Callable[[], CategoryScores]) -> CategoryScores:
        """As of ``Neighbours``."""
        with self.gallery.snapshot():
            adaptation = self.gallery.adaptation()
            head = None if adaptation is None else adaptation.head
            voted = vote()
            if head is None or head.of_photos != (self.domain == "photo"):
                return voted
            found = head.scores(adapt(adaptation, embedding, self.domain).vector, voted)
            # One that was renamed or removed since the fit is not predicted any more.
            known = found.top in voted.names or found.top in self.gallery.categories()
            return found if known else voted


@dataclass(frozen=True)
class GalleryIndex:
    """The images of a gallery, by one metric, as its adaptation compares them."""

    gallery: Searchable
    metric: Metric

    def nearest(self, queries: FloatArray, k: int, scopes: Sequence[Scope]) -> list[Ranking]:
        return [
            self._nearest(query, k, scope) for query, scope in zip(queries, scopes, strict=True)
        ]

    def vectors(self, ids: IntArray) -> FloatArray:
        records = self.gallery.records(ids.tolist())
        rows = np.stack([record.description.embedding.vector for record in records])
        adaptation = self.gallery.adaptation()
        if adaptation is None:
            return rows
        return adaptation.adapted(rows, [domain_of(record.attributes) for record in records])

    def _nearest(self, query: FloatArray, k: int, scope: Scope) -> Ranking:
        left_out = set(scope.without)
        found = self.gallery.search(
            Embedding(query),
            k + len(left_out),
            scope.categories,
            metric=self.metric,
            among=scope.among,
        )
        kept = [neighbour for neighbour in found if neighbour.id not in left_out][:k]
        return Ranking(
            np.array([neighbour.id for neighbour in kept], np.int64),
            np.array([neighbour.distance for neighbour in kept], np.float64),
        )


class VectorIndex:
    """Vectors in memory; an image's id is its row.

    Distances are computed in float64 and compared in float32, so that equal images are equally
    far however a matrix product rounds them, and their tie is broken by id.
    """

    def __init__(
        self, rows: FloatArray, metric: Metric, categories: Sequence[str] | None = None
    ) -> None:
        """``rows`` (G, D); ``categories``: one per row, where scopes name any. ConfigError for
        numbers that are not finite."""
        refuse_not_finite(rows, "the gallery")
        self.rows, self.metric = rows, metric
        names = sorted(set(categories or ()))
        self._code = {name: code for code, name in enumerate(names)}
        self._codes = np.array([self._code[name] for name in categories or ()], np.int64)

    def vectors(self, ids: IntArray) -> FloatArray:
        return np.asarray(self.rows[ids])

    def distances(self, queries: FloatArray) -> FloatArray:
        """(Q, D) -> (Q, G) float32. ConfigError for vectors of another length."""
        if queries.shape[1] != self.rows.shape[1]:
            raise ConfigError(
                f"vectors of {queries.shape[1]} numbers cannot be compared with vectors of "
                f"{self.rows.shape[1]}.",
                remedy="Describe queries and gallery with the same settings.",
            )
        found = np.empty((len(queries), len(self.rows)), np.float32)
        for start in range(0, len(self.rows), GALLERY_ROWS):
            stop = start + GALLERY_ROWS
            found[:, start:stop] = rounded_distances(queries, self.rows[start:stop], self.metric)
        return found

    def within(self, lines: FloatArray, scopes: Sequence[Scope]) -> FloatArray:
        """(Q, G) distances, infinite outside each query's scope."""
        found = lines.copy()
        for line, scope in zip(found, scopes, strict=True):
            line[~self._searched(scope)] = np.inf
        return found

    def nearest(self, queries: FloatArray, k: int, scopes: Sequence[Scope]) -> list[Ranking]:
        lines = self.within(self.distances(queries), scopes)
        heads = [first(line, k) for line in lines]
        return [
            Ranking(head, line[head].astype(np.float64))
            for head, line in zip(heads, lines, strict=True)
        ]

    def lines(
        self, queries: FloatArray, scopes: Sequence[Scope], expansion: Expansion
    ) -> FloatArray:
        """(Q, G) float32 distances from the (expanded) queries, infinite outside their scopes:
        whole rankings, see ``first`` and ``ranks``."""
        moved = expand(self, queries, scopes, expansion)
        return self.within(self.distances(moved), scopes)

    def blocks(self, count: int) -> Iterator[tuple[int, int]]:
        """(start, stop) of ``count`` queries, so that the distances of a block fit."""
        step = max(1, BLOCK_BYTES // (4 * max(1, len(self.rows))))
        for start in range(0, count, step):
            yield start, min(start + step, count)

    def _searched(self, scope: Scope) -> BoolArray:
        kept = np.ones(len(self.rows), np.bool_)
        if scope.categories is not None:
            wanted = np.zeros(len(self._code), np.bool_)
            wanted[[self._code[name] for name in scope.categories if name in self._code]] = True
            kept = wanted[self._codes]
        kept[list(scope.without)] = False
        if scope.among is not None:
            kept &= np.isin(np.arange(len(kept)), scope.among)
        return kept


def first(line: FloatArray, k: int) -> IntArray:
    """Positions of the k smallest of (G,), smallest first, ties by position; infinite ones are
    left out."""
    k = min(k, len(line))
    if k < 1:
        return np.empty(0, np.int64)
    edge = np.partition(line, k - 1)[k - 1]
    near = np.flatnonzero((line <= edge) & np.isfinite(line))
    order: IntArray = near[np.argsort(line[near], kind="stable")[:k]]
    return order


def ranks(line: FloatArray, positions: IntArray) -> IntArray:
    """Ranks from 1 by (distance, position) of these positions of (G,), aligned with them; 0 for
    one at an infinite distance, which is not retrieved."""
    if len(positions) > COUNTED:
        whole = np.empty(len(line), np.int64)
        whole[np.argsort(line, kind="stable")] = np.arange(1, len(line) + 1)
        found: IntArray = whole[positions]
    else:
        before = [
            np.count_nonzero(line < line[at]) + np.count_nonzero(line[:at] == line[at])
            for at in positions
        ]
        found = np.array(before, np.int64) + 1
    return np.where(np.isfinite(line[positions]), found, 0)


def refuse_not_finite(rows: FloatArray, what: str) -> None:
    """ConfigError naming the first row that holds an infinite number or NaN."""
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise ConfigError(
            f"{what}: the vector of row {bad[0]} is not finite ({len(bad)} such rows).",
            remedy="The model is damaged or overflows: packsight weights verify",
        )
