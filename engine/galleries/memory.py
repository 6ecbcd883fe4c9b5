"""A gallery in memory: searched as any other, made of records at hand. For evaluation and tests."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np

from engine.adaptation import Adaptation, domain_of
from engine.distances import Metric
from engine.inverted_lists import InvertedLists, most_in_common, query_words, words_of
from engine.keypoints import Keypoints
from engine.match_calibration import MatchCalibration
from engine.protocols import KeypointMatcher
from engine.request import Filter
from engine.retrieval import Scope, VectorIndex, first
from engine.types import CategoryScores, Embedding, FloatArray, IntArray, Neighbour, Record

BLOCK = 64  # expected queries whose distances are computed together


class MemoryGallery:
    """Records are searched in float64, rounded to float32; ties by their place.

    ``expect`` announces the vectors of queries that will come: their distances are computed a
    block at a time, for a single one would convert the whole gallery to float64. ``hide`` takes
    records out, such as the very image that is to be classified.
    """

    name = "the gallery in memory"

    def __init__(self, records: Sequence[Record] = (), fingerprint: str = "") -> None:
        self.fingerprint = fingerprint
        self._adaptation: Adaptation | None = None
        self.fill(records)

    def fill(self, records: Sequence[Record]) -> None:
        """Hold these records instead."""
        self._records = list(records)
        self._by_id = {record.id: record for record in self._records}
        self._ids = np.array([record.id for record in self._records], np.int64)
        self._labelled = np.array([record.labelled for record in self._records], np.bool_)
        names = Counter(record.category for record in self._records)
        self._categories = dict(sorted(names.items()))
        self._hidden: frozenset[int] = frozenset()
        self._indexes: dict[Metric, VectorIndex] = {}
        self._words: dict[str, InvertedLists] = {}
        self.expect(np.empty((0, 0), np.float32))

    def adapt(self, adaptation: Adaptation | None) -> None:
        """Compare vectors by it from now on."""
        self._adaptation = adaptation
        self._indexes = {}

    def expect(self, queries: FloatArray) -> None:
        """(Q, D) vectors that ``search`` will be called with, as they are compared."""
        self._expected = queries
        self._places = {hash(row.tobytes()): place for place, row in enumerate(queries)}
        self._block: tuple[int, Metric, FloatArray] | None = None

    def hide(self, ids: Collection[int]) -> None:
        """Leave these records out of every search from now on, in place of those before."""
        self._hidden = frozenset(ids)

    def checksum(self) -> str:
        """Of everything that may decide a vote; 16 hex digits."""
        lines = "".join(f"{record.sha256} {record.category}\n" for record in self._records)
        return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def index(self, metric: Metric) -> VectorIndex:
        """The vectors by place. ValueError without a record."""
        if metric not in self._indexes:
            rows = np.stack([record.description.embedding.vector for record in self._records])
            if self._adaptation is not None:
                domains = [domain_of(record.attributes) for record in self._records]
                rows = self._adaptation.adapted(rows, domains)
            categories = [record.category for record in self._records]
            self._indexes[metric] = VectorIndex(rows, metric, categories)
        return self._indexes[metric]

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        yield

    def search(
        self,
        embedding: Embedding,
        k: int,
        categories: Sequence[str] | None = None,
        *,
        labelled_only: bool = False,
        metric: Metric = "euclidean",
        among: IntArray | None = None,
    ) -> list[Neighbour]:
        """The k nearest records, ties by place."""
        if not self._records:
            return []
        left_out = ~self._labelled if labelled_only else np.zeros(len(self._records), np.bool_)
        if among is not None:
            left_out = left_out | ~np.isin(self._ids, among)
        if self._hidden:
            left_out = left_out | np.isin(self._ids, list(self._hidden))
        scope = Scope(categories, np.flatnonzero(left_out).tolist())
        line = self._line(embedding.vector, metric)
        (line,) = self.index(metric).within(line[None], [scope])
        nearest = first(line, k).tolist()
        records = [self._records[at] for at in nearest]
        return [
            Neighbour(record.id, float(line[at]), record.category)
            for at, record in zip(nearest, records, strict=True)
        ]

    def predicted(self, embedding: Embedding, vote: Callable[[], CategoryScores]) -> CategoryScores:
        """The vote: ``AdaptedNeighbours`` applies the head."""
        return vote()

    def records(self, ids: Sequence[int]) -> list[Record]:
        return [self._by_id[identity] for identity in ids]

    def image_ids(self, categories: Sequence[str] | None, most: int) -> list[int]:
        """Those that are hidden are left out."""
        return [record.id for record in self._within(categories)][:most]

    def matching(self, where: Filter, categories: Sequence[str] | None = None) -> IntArray:
        passing = [one.id for one in self._within(categories) if where.holds(one.attributes)]
        return np.array(sorted(passing), np.int64)

    def keypoints(self, ids: Sequence[int]) -> list[Keypoints]:
        found = [self._by_id[identity].description.keypoints for identity in ids]
        return [Keypoints.none() if one is None else one for one in found]

    def sharing_print(
        self,
        query: Keypoints,
        matcher: KeypointMatcher,
        count: int,
        categories: Sequence[str] | None = None,
    ) -> list[int]:
        """By inverted lists of one category each."""
        vocabulary = matcher.vocabulary
        if not self._words:
            for name in self._categories:
                ids = sorted(one.id for one in self._records if one.category == name)
                block = words_of(ids, self.keypoints(ids), vocabulary)
                built = InvertedLists.built([block], vocabulary.identity, vocabulary.size)
                self._words[name] = built
        names = self._categories if categories is None else categories
        lists = [self._words[name] for name in names if name in self._words]
        words, weights = query_words(query, vocabulary)
        found = most_in_common(lists, words, weights, count + len(self._hidden))
        return [identity for identity in found if identity not in self._hidden][:count]

    def _within(self, categories: Sequence[str] | None) -> Iterator[Record]:
        for record in self._records:
            if record.id not in self._hidden and (
                categories is None or record.category in categories
            ):
                yield record

    def categories(self) -> Mapping[str, int]:
        return self._categories

    def adaptation(self) -> Adaptation | None:
        return self._adaptation

    def calibration(self) -> MatchCalibration | None:
        return None

    def _line(self, vector: FloatArray, metric: Metric) -> FloatArray:
        """(G,) distances."""
        index = self.index(metric)
        place = self._places.get(hash(vector.tobytes()))
        if place is None or not np.array_equal(self._expected[place], vector):
            (line,) = index.distances(vector[None])
            return np.asarray(line, np.float32)
        start = place - place % BLOCK
        if self._block is None or self._block[:2] != (start, metric):
            self._block = start, metric, index.distances(self._expected[start : start + BLOCK])
        return np.asarray(self._block[2][place - start], np.float32)
