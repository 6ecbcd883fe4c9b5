"""Both sides of a retrieval task, described as serving describes them: what every judgement of
retrieval, of "no match" and of a rerank is made from.

A gallery picture is described with its label, as an ingest would; a query without. The classifier
that votes among neighbours votes in this very gallery, a query's own picture left out. Searching
is that of ``engine.search``: route, distances in the routed categories, expansion.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from engine.config import Settings
from engine.distances import score_of
from engine.errors import ConfigError
from engine.expansion import expanded
from engine.routing import route
from engine.types import BoolArray, Description, FloatArray, Hit, Record, Route
from offline.datasets import Picture, RetrievalTask
from offline.datasets.types import Relevance
from offline.evaluate.description_cache import BATCH, DescriptionCache, Kept, Wanted
from offline.evaluate.distances import settled
from offline.evaluate.features import Progress
from offline.evaluate.hashing import HashedPicture, checksum, copies, hash_pictures
from offline.evaluate.mattes import remembered
from offline.evaluate.neighbours import MemoryNeighbours
from offline.evaluate.ranking import Positions, first
from offline.evaluate.true_masks import with_true_masks
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
    def _category_of(self) -> Positions:
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
    ) -> tuple[Positions, FloatArray]:
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


def gather(
    task: RetrievalTask,
    settings: Settings,
    cache: Path,
    progress: Progress | None = None,
    *,
    true_masks: bool = False,
) -> Evidence:
    """Describe both sides of a task, or find them described in the cache. ``true_masks``: cut out
    by the data set's own masks, where it has them, instead of the segmenter's.

    Raises ConfigError where no query or no gallery picture can be read, StageError and
    WeightsError where a part fails.
    """
    neighbours = MemoryNeighbours()
    parts = assemble(settings, gallery=lambda: neighbours)
    if true_masks:
        parts = with_true_masks(parts, (*task.queries, *task.gallery))
    describing = _Describing(parts, neighbours, cache, progress)
    gallery = describing.gallery(_hash(task.gallery, parts))
    queries = describing.queries(_hash(task.queries, parts), task, gallery)
    return _evidence(task, queries, gallery, settings, parts)


@dataclass(frozen=True)
class _Side:
    """Aligned with the pictures of a side: what was wanted and what was found; None where the
    picture cannot be read."""

    wanted: tuple[Wanted | None, ...]
    found: tuple[Description | None, ...]
    faults: tuple[str, ...]

    @property
    def readable(self) -> list[int]:
        return [at for at, one in enumerate(self.found) if one is not None]

    @property
    def hashes(self) -> list[str]:
        """sha256 of the readable ones' files."""
        pairs = zip(self.wanted, self.found, strict=True)
        return [one.hashed.sha256 for one, found in pairs if one is not None and found is not None]

    @property
    def records(self) -> list[Record]:
        """Of the readable ones; ids are their places among all."""
        return [
            _record(place, wanted, found)
            for place, (wanted, found) in enumerate(zip(self.wanted, self.found, strict=True))
            if wanted is not None and found is not None
        ]


def _record(place: int, wanted: Wanted, found: Description) -> Record:
    picture = wanted.hashed.picture
    return Record(
        id=place,
        sha256=wanted.hashed.sha256,
        product_id=picture.product or picture.id,
        category=wanted.label or found.scores.top,
        labelled=wanted.label is not None,
        uri=picture.id,
        attributes={},
        description=found,
    )


@dataclass(frozen=True)
class _Describing:
    parts: Parts
    neighbours: MemoryNeighbours
    cache: Path
    progress: Progress | None

    def gallery(self, hashed: Sequence[HashedPicture | str]) -> _Side:
        """Labelled pictures first: the others' categories may be voted by them, as in an ingest."""
        cache = self._cache(augment=False)
        wanted = [
            None if isinstance(one, str) else Wanted(one, one.picture.category) for one in hashed
        ]
        labelled = [one if one is not None and one.label else None for one in wanted]
        kept = cache.fill(_there(labelled), progress=self.progress)
        self.neighbours.fill(_side(labelled, hashed, kept).records)
        context = self._voters()
        wanted = [one and (one if one.label else replace(one, context=context)) for one in wanted]
        open_ones = [one for one in _there(wanted) if not one.label]
        if open_ones:
            kept = kept.and_those(cache.fill(open_ones, progress=self.progress))
        side = _side(wanted, hashed, kept)
        self.neighbours.fill(side.records)
        return side

    def queries(
        self, hashed: Sequence[HashedPicture | str], task: RetrievalTask, gallery: _Side
    ) -> _Side:
        """As photos: without a label. Where a vote must not see the query's own picture, they
        are described one at a time."""
        context = self._voters()
        hidden = [answer.ignored if context else () for answer in task.relevance]
        wanted = [
            None if isinstance(one, str) else Wanted(one, None, _without(context, ignored))
            for one, ignored in zip(hashed, hidden, strict=True)
        ]
        hide = {
            one.key: ignored for one, ignored in zip(wanted, hidden, strict=True) if one is not None
        }
        kept = self._cache(augment=self.parts.settings.query.augment).fill(
            _there(wanted),
            batch=1 if any(hidden) else BATCH,
            before=lambda chunk: self.neighbours.hide(hide[chunk[0].key]),
            progress=self.progress,
        )
        return _side(wanted, hashed, kept)

    def _cache(self, *, augment: bool) -> DescriptionCache:
        parts, describer = self.parts, self.parts.describer
        cutting = remembered(
            describer.cutting, self.cache, parts.segmenting_fingerprint, parts.cutting_fingerprint
        )
        describer = replace(describer, segmenter=cutting.segmenter, matting=cutting.matting)
        return DescriptionCache(self.cache, parts, describer, augment=augment)

    def _voters(self) -> str:
        """What a voting classifier's answers depend on; "" for one that knows its categories."""
        if self.parts.describer.classifier.categories is not None:
            return ""
        return self.neighbours.checksum()


def _there(wanted: Sequence[Wanted | None]) -> list[Wanted]:
    return [one for one in wanted if one is not None]


def _without(context: str, ignored: Sequence[int]) -> str:
    return f"{context} without {','.join(map(str, ignored))}" if ignored else context


def _hash(pictures: Sequence[Picture], parts: Parts) -> list[HashedPicture | str]:
    return hash_pictures(pictures, parts.describer.threads)


def _side(
    wanted: Sequence[Wanted | None], hashed: Sequence[HashedPicture | str], kept: Kept
) -> _Side:
    found = tuple(None if one is None else kept.by_key.get(one.key) for one in wanted)
    absent = [one for one in hashed if isinstance(one, str)]
    return _Side(tuple(wanted), found, tuple(dict.fromkeys([*absent, *kept.faults])))


def _evidence(
    task: RetrievalTask, queries: _Side, gallery: _Side, settings: Settings, parts: Parts
) -> Evidence:
    for what, side in (("query", queries), ("gallery picture", gallery)):
        if not side.readable:
            raise ConfigError(
                f"{task.name}: not one {what} can be read, such as: {side.faults[0]}",
                remedy="Unpack the pictures beside the lists that name them.",
            )
    read = _readable(task, queries.readable, gallery.readable)
    asked = [len(task.relevance[at].relevant) for at in queries.readable]
    absent = [
        count - len(answer.relevant) for count, answer in zip(asked, read.relevance, strict=True)
    ]
    hashes = [
        one.hashed.sha256 if one is not None else "" for one in (*queries.wanted, *gallery.wanted)
    ]
    once = dict(zip((*task.queries, *task.gallery), hashes, strict=True))
    return Evidence(
        task=read,
        queries=tuple(one for one in queries.found if one is not None),
        gallery=tuple(replace(one, id=at) for at, one in enumerate(gallery.records)),
        settings=settings,
        parts=parts,
        absent=tuple(absent),
        unread=tuple(
            picture
            for picture, found in zip(task.gallery, gallery.found, strict=True)
            if found is None
        ),
        checksum=checksum(list(once), list(once.values())),
        faults=tuple(dict.fromkeys([*gallery.faults, *queries.faults])),
        copies=copies(read, queries.hashes, gallery.hashes),
    )


def _readable(task: RetrievalTask, queries: Sequence[int], gallery: Sequence[int]) -> RetrievalTask:
    """The task of some of its pictures; what is not there is in no answer."""
    place = {old: new for new, old in enumerate(gallery)}

    def placed(positions: Sequence[int]) -> tuple[int, ...]:
        return tuple(place[at] for at in positions if at in place)

    answers = [task.relevance[at] for at in queries]
    return replace(
        task,
        queries=tuple(task.queries[at] for at in queries),
        gallery=tuple(task.gallery[at] for at in gallery),
        relevance=tuple(Relevance(placed(a.relevant), placed(a.ignored)) for a in answers),
    )
