"""A retrieval task whose two sides are described: what retrieval, "no match" and reranking are
evaluated on.

``describing`` makes it from image files. It is searched by the code that serves: routes and
products by ``engine.search.Searcher`` over a gallery in memory, rankings of whole galleries by
``engine.retrieval``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from engine.adaptation import Adaptation, AdaptationReport, domain_of
from engine.config import Settings
from engine.errors import ConfigError
from engine.galleries.memory import MemoryGallery
from engine.retrieval import (
    AdaptedNeighbours,
    Expansion,
    Ranking,
    Scope,
    VectorIndex,
    first,
    ranks,
)
from engine.search import Ranked, Searcher
from engine.types import BoolArray, Description, FloatArray, Hit, IntArray, Record, Route
from offline.datasets import DatasetImage, RetrievalTask
from offline.metrics.retrieval import Found
from stages.assemble import Parts, assemble, read_options
from stages.rerank._gallery_fusion import fused
from stages.rerank.k_reciprocal import Options as KReciprocal
from stages.rerank.k_reciprocal import candidate_distances

NO_IMAGE = -1  # a query that is no gallery image; a place in a ranking that holds none

# The ways to rank that stand side by side, and what each one is.
RERANKED, RETRIEVED, EVERYWHERE = "reranked", "before rerank", "all categories searched"


@dataclass(frozen=True, eq=False)
class GalleryRanking:
    """One query against a whole gallery in memory.

    ``line`` (G,): the distance of every image, infinite where it is not searched. ``head``: the
    first positions, where a reranker changed their order: the nearest, and those that print found;
    all others follow as the distances have it. ``ignored`` positions (junk) are taken out before
    anything is counted.
    """

    line: FloatArray
    head: IntArray
    ignored: tuple[int, ...] = ()

    @cached_property
    def _judged(self) -> tuple[FloatArray, IntArray]:
        line = self.line.copy()
        line[list(self.ignored)] = np.inf
        return line, self.head[~np.isin(self.head, self.ignored)]

    def first(self, k: int) -> IntArray:
        """Positions of the first k images that are not ignored."""
        line, head = self._judged
        if len(head) >= k:
            return head[:k]
        order = first(line, k + len(head))
        found: IntArray = np.concatenate([head, order[~np.isin(order, head)]])[:k]
        return found

    def found(self, relevant: BoolArray, total: int) -> Found:
        """Ranks of the relevant (G,) images that are not ignored; ``total``: how many there are
        at all. What was not searched is never found."""
        line, head = self._judged
        positions = np.flatnonzero(relevant)
        places = ranks(line, positions)
        if len(head):
            last = max(head.tolist(), key=lambda at: (line[at], at))
            if ranks(line, np.array([last])) > len(head):  # they are not the nearest
                before = np.searchsorted(np.sort(ranks(line, head)), places)
                places = np.where(places > 0, places + len(head) - before, 0)
            moved = {at: place for place, at in enumerate(head.tolist(), start=1)}
            pairs = zip(positions.tolist(), places.tolist(), strict=True)
            places = np.array([moved.get(at, rank) for at, rank in pairs], np.int64)
        return Found(np.sort(places[places > 0]), total)


@dataclass(frozen=True, eq=False, kw_only=True)
class VectorTask:
    """``task`` holds the readable images; queries without an answer are still in it.

    ``absent``: relevant gallery images of each query that cannot be read, so that a metric still
    counts them. ``unread``: the gallery images that cannot be read. ``copies``: queries whose
    very file is in the gallery. ``checksum``: of ids, crops and contents of all images.
    ``faults``: a sentence for every image that cannot be read.
    """

    task: RetrievalTask
    vectors: FloatArray  # (Q, D) of the queries
    rows: FloatArray  # (G, D) of the gallery
    settings: Settings
    normalised: bool  # whether vectors have length 1
    absent: tuple[int, ...]
    unread: tuple[DatasetImage, ...] = ()
    checksum: str = ""
    faults: tuple[str, ...] = ()
    copies: int = 0

    def rankings(self, ways: Sequence[str]) -> Iterator[Mapping[str, GalleryRanking]]:
        """The queries in order, each ranked by these ways; distances of a block of queries at a
        time, so that 60,000 of them fit. A query's own image in the gallery is no candidate."""
        index = self.index
        for start, stop in index.blocks(len(self.vectors)):
            block = self.vectors[start:stop]
            # Shared by all ways, unless each expands the queries within its own scope.
            distances = None if self.expansion.count else index.distances(block)
            lines: dict[bool, FloatArray] = {}
            for routed in {way != EVERYWHERE for way in ways}:
                scopes = [self._scope(query, routed) for query in range(start, stop)]
                if distances is None:
                    lines[routed] = index.lines(block, scopes, self.expansion)
                else:
                    lines[routed] = index.within(distances, scopes)
            for query in range(start, stop):
                yield {
                    way: self._ranking(query, way, lines[way != EVERYWHERE][query - start])
                    for way in ways
                }

    @property
    def expansion(self) -> Expansion:
        query = self.settings.query
        return Expansion(query.expand, query.expand_alpha, self.normalised)

    @cached_property
    def index(self) -> VectorIndex:
        return VectorIndex(self.rows, self.settings.search.metric)

    @cached_property
    def own(self) -> IntArray:
        """(Q,) the gallery position of the query itself, by its id, where the protocol ignores
        it; NO_IMAGE where it is not there or counts as an answer."""
        place = {image.id: at for at, image in enumerate(self.task.gallery)}
        own = [place.get(query.id, NO_IMAGE) for query in self.task.queries]
        pairs = zip(own, self.task.relevance, strict=True)
        return np.array([at if at in one.ignored else NO_IMAGE for at, one in pairs], np.int64)

    def _scope(self, query: int, routed: bool) -> Scope:
        own = int(self.own[query])
        return Scope(None, () if own == NO_IMAGE else (own,))

    def _ranking(self, query: int, way: str, line: FloatArray) -> GalleryRanking:
        head = self._reranked(query, line) if way == RERANKED else np.empty(0, np.int64)
        return GalleryRanking(line, head, self.task.relevance[query].ignored)

    @cached_property
    def _reciprocal(self) -> KReciprocal | None:
        """Of rerankers only ``k_reciprocal`` takes part: the others need contours."""
        options = read_options("rerank", self.settings.rerank)
        return options if isinstance(options, KReciprocal) else None

    def _reranked(self, query: int, line: FloatArray) -> IntArray:
        options = self._reciprocal
        if options is None:
            return np.empty(0, np.int64)
        head = first(line, options.top_n)
        values = candidate_distances(self.vectors[query], self.rows[head], head, options)
        return head[np.argsort(values, kind="stable")]


@dataclass(frozen=True, eq=False, kw_only=True)
class DescribedTask(VectorTask):
    """``queries`` and ``gallery`` are aligned with the task; a record's id is its place in the
    gallery, its uri the image's id. ``vectors`` and ``rows`` are as they are compared, by the
    ``adaptation`` if there is one; ``fit``: how it was fitted, also where nothing gained;
    ``without_product``: what was fitted without a product, for answers about it as an absent one.
    """

    queries: tuple[Description, ...]
    gallery: tuple[Record, ...]
    parts: Parts
    adaptation: Adaptation | None = None
    fit: AdaptationReport | None = None
    without_product: Mapping[str, Adaptation] = field(default_factory=dict)

    @cached_property
    def searcher(self) -> Searcher:
        """Over the gallery in memory, by this task's settings."""
        return self._searcher_by(self.adaptation, self.vectors)

    def _searcher_by(self, adaptation: Adaptation | None, vectors: FloatArray) -> Searcher:
        memory = MemoryGallery(self.gallery, self.parts.fingerprint)
        memory.adapt(adaptation)
        memory.expect(vectors)
        return Searcher(
            self.parts.describer,
            memory,
            self.parts.reranker,
            self.settings.route,
            self.normalised,
            self.settings.search.metric,
            self.settings.query,
            fusing=fused,
        )

    @property
    def expansion(self) -> Expansion:
        return self.searcher.expansion

    @property
    def categories(self) -> tuple[str, ...]:
        """The gallery's, in alphabetical order."""
        return tuple(self.searcher.gallery.categories())

    @cached_property
    def index(self) -> VectorIndex:
        categories = [record.category for record in self.gallery]
        return VectorIndex(self.rows, self.settings.search.metric, categories)

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """Of every query, as a search of this gallery would route it."""
        return tuple(self.searcher.route(query) for query in self.queries)

    def answer(
        self, query: int, k: int, without: Sequence[str] = (), *, all_matches: bool = False
    ) -> Ranked:
        """The products that a user gets, at least k where there are as many; ignored images and
        the products ``without`` are taken out of the gallery. ``all_matches``: as of a searcher."""
        left_out = set(self.task.relevance[query].ignored)
        left_out.update(*(self.products.get(product, ()) for product in without))
        searcher = self.searcher
        for product in without:
            searcher = self._searchers_without.get(product, searcher)
        return searcher.rank(self.queries[query], k, without=left_out, all_matches=all_matches)

    @cached_property
    def _searchers_without(self) -> Mapping[str, Searcher]:
        """By product; products that were left out together share one."""
        found: dict[str, Searcher] = {}
        rows = np.stack([query.embedding.vector for query in self.queries])
        for adaptation in {one.identity: one for one in self.without_product.values()}.values():
            found[adaptation.identity] = self._searcher_by(
                adaptation, adaptation.adapted(rows, "photo")
            )
        return {product: found[one.identity] for product, one in self.without_product.items()}

    @cached_property
    def products(self) -> Mapping[str, frozenset[int]]:
        """Gallery positions by product."""
        found: dict[str, set[int]] = {}
        for record in self.gallery:
            found.setdefault(record.product_id, set()).add(record.id)
        return {product: frozenset(ids) for product, ids in found.items()}

    def candidates(self, ranking: GalleryRanking, n: int) -> list[Hit]:
        """The first n images of a ranking, as a reranker gets them."""
        return self._hits(ranking.line, ranking.first(n))

    def _hits(self, line: FloatArray, head: IntArray) -> list[Hit]:
        nearest = Ranking(head, line[head].astype(np.float64))
        return self.searcher.hits(nearest, [self.gallery[at] for at in head.tolist()])

    def searching(self, settings: Settings) -> DescribedTask:
        """The same descriptions, routed, searched and reranked by other settings; ConfigError
        where these describe images in another way."""
        parts = assemble(settings)
        if parts.fingerprint != self.parts.fingerprint:
            raise ConfigError(
                f"{self.task.name}: these settings describe images in another way.",
                remedy="Describe the task anew with them.",
            )
        describer = replace(self.parts.describer, keypoints=parts.describer.keypoints)
        changed = replace(
            self.parts, describer=describer, reranker=parts.reranker, settings=parts.settings
        )
        adaptation = self.adaptation
        if adaptation is not None and settings.rerank != self.settings.rerank:
            adaptation = replace(adaptation, fusion=None)
        return replace(self, settings=settings, parts=changed, adaptation=adaptation)

    def compared_by(self, adaptation: Adaptation | None) -> DescribedTask:
        """The same descriptions compared by an adaptation, or with None as they are; a classifier
        that votes does so by it, as in an adapted gallery."""
        vectors = np.stack([query.embedding.vector for query in self.queries])
        rows = np.stack([record.description.embedding.vector for record in self.gallery])
        if adaptation is not None:
            domains = [domain_of(record.attributes) for record in self.gallery]
            vectors, rows = adaptation.adapted(vectors, "photo"), adaptation.adapted(rows, domains)
        compared = replace(
            self, vectors=vectors, rows=rows, adaptation=adaptation, without_product={}
        )
        if self.parts.describer.classifier.categories is not None:
            return compared
        return replace(compared, queries=compared._voted())

    def _voted(self) -> tuple[Description, ...]:
        """The queries with the categories that this gallery votes for, their own image left out."""
        memory = MemoryGallery(self.gallery, self.parts.fingerprint)
        memory.adapt(self.adaptation)
        memory.expect(self.vectors)
        parts = assemble(self.settings, gallery=lambda: AdaptedNeighbours(memory, "photo"))
        found = []
        for query, relevance in zip(self.queries, self.task.relevance, strict=True):
            memory.hide(relevance.ignored)
            # It votes by vectors alone.
            (scores,) = parts.describer.classifier.classify([], query.embedding.vector[None])
            found.append(replace(query, scores=scores))
        return tuple(found)

    def _scope(self, query: int, routed: bool) -> Scope:
        scope = super()._scope(query, routed)
        return replace(scope, categories=self.routes[query].categories) if routed else scope

    def _reranked(self, query: int, line: FloatArray) -> IntArray:
        searcher, scope = self.searcher, self._scope(query, routed=True)
        alike = searcher.alike(self.queries[query], scope)
        seen = np.union1d(first(line, searcher.images_needed), np.array([*alike], np.int64))
        hits = self._hits(line, seen[np.lexsort((seen, line[seen]))])
        hits = searcher.reranked(self.queries[query], hits, alike=alike)
        return np.array([hit.record.id for hit in hits], np.int64)
