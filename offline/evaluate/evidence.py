"""Both sides of a retrieval task, described as serving describes them: what every judgement of
retrieval, of "no match" and of a rerank is made from.

``gathering`` makes it of pictures. Searching it is that of ``engine.search``: route, distances in
the routed categories, expansion.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from engine.config import Settings
from engine.distances import score_of
from engine.errors import ConfigError
from engine.expansion import expanded
from engine.routing import route
from engine.types import BoolArray, Description, FloatArray, Hit, IntArray, Record, Route
from offline.datasets import Picture, RetrievalTask
from offline.evaluate.distances import settled
from offline.evaluate.ranking import first
from stages.assemble import Parts, assemble

QUERY_BLOCK = 64  # queries whose distances are held at a time


@dataclass(eq=False)
class Evidence:
    """``task`` holds the readable pictures; queries that nothing answers are still in it.

    ``queries`` and ``gallery`` are aligned with it; a record's id is its place in the gallery,
    its uri the picture's id. ``absent``: relevant gallery pictures of each query that cannot be
    read, so that a measure can still count them. ``copies``: queries whose very file is in the
    gallery. ``checksum``: of ids, crops and contents of all
    pictures. ``faults``: a sentence for every picture that cannot be read.
    """

    task: RetrievalTask
    queries: tuple[Description, ...]
    gallery: tuple[Record, ...]
    settings: Settings
    parts: Parts
    absent: tuple[int, ...]
    unread: tuple[Picture, ...]
    checksum: str
    faults: tuple[str, ...]
    copies: int = 0
    _block: tuple[int, FloatArray] | None = field(default=None, repr=False)

    @cached_property
    def held(self) -> tuple[str, ...]:
        """The gallery's categories, in alphabetical order."""
        return tuple(sorted({record.category for record in self.gallery}))

    @cached_property
    def rows(self) -> FloatArray:
        """(G, D) the gallery's vectors."""
        return np.stack([record.description.embedding.vector for record in self.gallery])

    @cached_property
    def _category_of(self) -> IntArray:
        """(G,) places in ``held``."""
        at = {name: place for place, name in enumerate(self.held)}
        return np.array([at[record.category] for record in self.gallery], np.int64)

    @cached_property
    def _asked(self) -> FloatArray:
        """(Q, D) the queries' own vectors."""
        return np.stack([query.embedding.vector for query in self.queries])

    def searching(self, settings: Settings) -> Evidence:
        """The same descriptions, routed, searched and reranked by other settings; the describing
        stages of ``settings`` must be those of this evidence (ConfigError)."""
        parts = assemble(settings)
        if parts.fingerprint != self.parts.fingerprint:
            raise ConfigError(
                f"{self.task.name}: these settings describe pictures in another way.",
                remedy="Gather the evidence anew with them.",
            )
        changed = replace(self.parts, reranker=parts.reranker, settings=parts.settings)
        return replace(self, settings=settings, parts=changed, _block=None)

    def route(self, query: int) -> Route:
        """As a search of this gallery would route it."""
        knows = self.parts.describer.classifier.categories
        return route(self.queries[query].scores, self.held, self.settings.route, knows=knows)

    def order(
        self, query: int, *, route: bool = True, without: Collection[str] = ()
    ) -> tuple[IntArray, FloatArray]:
        """(positions, distances), nearest first, ties by position; of the routed categories or of
        all. Junk and the query's own picture are left out, so are the products ``without``."""
        kept = self._searched(query, route)
        if without:
            kept &= ~np.isin(self._products, list(without))
        line = self._distances(query, kept)
        line[~kept] = np.inf
        order = first(line, len(line))
        return order, line[order]

    def candidates(
        self,
        query: int,
        n: int | None = None,
        *,
        route: bool = True,
        without: Collection[str] = (),
    ) -> list[Hit]:
        """The first n images as ``engine.search`` retrieves them, before any rerank."""
        positions, away = self.order(query, route=route, without=without)
        metric, normalised = self.settings.search.metric, self.parts.describer.embedder.normalised
        return [
            Hit(self.gallery[at], rank, score_of(far, metric, normalised=normalised), far)
            for rank, (at, far) in enumerate(
                zip(positions[:n].tolist(), away[:n].tolist(), strict=True), start=1
            )
        ]

    @cached_property
    def _products(self) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
        return np.array([record.product_id for record in self.gallery])

    def _searched(self, query: int, route: bool) -> BoolArray:
        """(G,) what may be retrieved."""
        kept = np.ones(len(self.gallery), np.bool_)
        if route:
            names = set(self.route(query).categories)
            wanted = [at for at, name in enumerate(self.held) if name in names]
            kept = np.isin(self._category_of, wanted)
        kept[list(self.task.relevance[query].ignored)] = False
        return kept

    def _distances(self, query: int, kept: BoolArray) -> FloatArray:
        """(G,) by the settings' metric, from the expanded query where they expand."""
        how = self.settings
        line = self._own_distances(query)
        if not how.query.expand or not kept.any():
            return line
        near = np.where(kept, line, np.inf).astype(np.float32)
        found = first(near, how.query.expand)
        (moved,) = expanded(
            self._asked[query][None],
            self.rows[found][None],
            how.query.expand_alpha,
            normalised=self.parts.describer.embedder.normalised,
        )
        (line,) = settled(moved[None], self.rows, how.search.metric)
        return np.asarray(line, np.float32)

    def _own_distances(self, query: int) -> FloatArray:
        """A block at a time: single rows would convert the gallery to float64 for each."""
        start = query - query % QUERY_BLOCK
        if self._block is None or self._block[0] != start:
            rows = self._asked[start : start + QUERY_BLOCK]
            self._block = start, settled(rows, self.rows, self.settings.search.metric)
        return np.array(self._block[1][query - start], np.float32)
