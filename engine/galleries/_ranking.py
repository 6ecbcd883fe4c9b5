"""The nearest images of a shard, by (distance, id): by a scan of its vectors, or among candidates,
which are compared by their vectors too."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import faiss
import numpy as np

from engine.distances import Distances, Metric
from engine.galleries._candidates import CandidateIndex, distances_of
from engine.parallel import each, one_faiss_thread
from engine.types import FloatArray, IntArray

# Threads share a query only where there are as many bytes to scan: to wake one up on a busy machine
# cost 16 ms (``one_faiss_thread``), to read these takes 6.
SHARED_BYTES = 64 * 2**20
PART_BYTES = 16 * 2**20  # that one thread scans at a time
# Candidates are found first until they have to be more than this fraction of the shard.
FOUND_FRACTION = 1 / 8


@dataclass
class Ranking:
    """The nearest images to a query, by (distance, id)."""

    distances: Distances
    ids: IntArray
    complete: bool  # nothing is left beyond these

    @classmethod
    def of(cls, found: Sequence[Ranking], k: int) -> Ranking:
        """The first k of all; more where they are complete."""
        if len(found) == 1:
            (one,) = found
            return one if one.complete else cls(one.distances[:k], one.ids[:k], complete=False)
        complete = all(one.complete for one in found)
        distances = np.concatenate([np.empty(0), *(one.distances for one in found)])
        ids = np.concatenate([np.empty(0, np.int64), *(one.ids for one in found)])
        order = np.lexsort((ids, distances))
        order = order if complete else order[:k]
        return cls(distances[order], ids[order], complete)


@dataclass(frozen=True)
class Rows:
    """Some rows of an index."""

    ids: IntArray  # (n,)
    vectors: FloatArray  # (n, D), mapped
    start: int = 0  # the place of the first of them in the index
    without: Collection[int] = ()  # ids whose rows are of the past
    candidates: CandidateIndex | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def bytes(self) -> int:
        """That a search reads."""
        return int(self.vectors.nbytes) // (4 if self.candidates else 1)

    def parts(self, threads: int) -> list[Rows]:
        """What may be scanned at the same time."""
        if self.candidates is not None and self.candidates.is_graph:
            return [self]
        count = self.bytes // PART_BYTES
        if self.candidates is not None:  # FAISS looks at every code for each part of them
            count = min(count, threads)
        if count < 2:
            return [self]
        places = [len(self) * number // count for number in range(count + 1)]
        return [
            replace(
                self,
                ids=self.ids[start:stop],
                vectors=self.vectors[start:stop],
                start=self.start + start,
            )
            for start, stop in pairwise(places)
        ]

    def fetched(
        self, query: FloatArray, count: int, metric: Metric
    ) -> tuple[Distances, IntArray, float]:
        """The distances and places of ``count`` rows in no order, and the distance that all other
        rows are at or beyond; infinite where there is no other."""
        if self.candidates is not None and count < FOUND_FRACTION * len(self):
            rows = range(self.start, self.start + len(self))
            found, beyond = self.candidates.found(query, count, rows, metric)
            found -= self.start
            values, order = _scanned(query, self.vectors[found], len(found), metric)
            return values, found[order], beyond
        values, places = _scanned(query, self.vectors, count, metric)
        return values, places, np.inf if count == len(self) else float(values[-1])

    def nearest(self, query: FloatArray, k: int, metric: Metric) -> Ranking:
        """The first k, with every tie of the last one resolved; of a graph as it finds them."""
        fetch = min(self._first(k), len(self))
        while fetch:
            with one_faiss_thread():
                distances, places, beyond = self.fetched(query, fetch, metric)
            ids = self.ids[places]
            if self.without:
                held = np.array([one not in self.without for one in ids.tolist()], np.bool_)
                distances, ids = distances[held], ids[held]
            order = np.lexsort((ids, distances))
            near, ids = distances[order], ids[order]
            if fetch == len(self):
                return Ranking(near, ids, complete=True)
            # FAISS may have dropped an equal distance with a smaller id: go on past the tie.
            if len(near) >= k and near[k - 1] < beyond:
                return Ranking(near[:k], ids[:k], complete=False)
            fetch = min(fetch * 2, len(self))
        return Ranking(np.empty(0), np.empty(0, np.int64), complete=True)

    def among(self, query: FloatArray, k: int, metric: Metric, chosen: IntArray) -> Ranking:
        """As ``nearest``, of the images with these ids alone, in ascending order, by their
        vectors."""
        # ``np.isin`` would sort both for every part.
        at = np.searchsorted(chosen, self.ids)
        held = at < len(chosen)
        held[held] = chosen[at[held]] == self.ids[held]
        if self.without:
            held &= ~np.isin(self.ids, list(self.without))
        places = np.flatnonzero(held)
        return Rows(self.ids[places], self.vectors[places]).nearest(query, k, metric)

    def _first(self, k: int) -> int:
        """How many are fetched at first."""
        if self.candidates is None:
            return k + 1
        # Codes: of 66,667 vectors of 256 numbers, the first 64 were certain of 170 to 250.
        return 2 * k if self.candidates.is_graph else 6 * k


def rank(
    shards: Sequence[Sequence[Rows]],
    query: FloatArray,
    k: int,
    metric: Metric,
    among: IntArray | None = None,
    threads: int = 1,
) -> list[Ranking]:
    """The first k of every shard, given as rows; ``query`` (1, D). The same on any number of
    threads."""
    parts = [
        (number, part)
        for number, shard in enumerate(shards)
        for rows in shard
        for part in rows.parts(threads)
    ]

    def ranked(numbered: tuple[int, Rows]) -> Ranking:
        _, part = numbered
        if among is None:
            return part.nearest(query, k, metric)
        return part.among(query, k, metric, among)

    large = sum(part.bytes for _, part in parts) >= SHARED_BYTES
    found = each(ranked, parts, threads=threads if large else 1)
    of_shard: list[list[Ranking]] = [[] for _ in shards]
    for (number, _), ranking in zip(parts, found, strict=True):
        of_shard[number].append(ranking)
    return [Ranking.of(one, k) for one in of_shard]


def _scanned(
    query: FloatArray, vectors: FloatArray, count: int, metric: Metric
) -> tuple[Distances, IntArray]:
    """The ``count`` nearest rows by distance."""
    kind = faiss.METRIC_L2 if metric == "euclidean" else faiss.METRIC_INNER_PRODUCT
    values, places = faiss.knn(query, vectors, count, metric=kind)
    return distances_of(values[0], metric), places[0]
