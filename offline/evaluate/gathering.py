"""Pictures to evidence: both sides of a task described, each picture once.

A gallery picture is described with its label, as an ingest would; a query without. The classifier
that votes among neighbours votes in this very gallery, a query's own picture left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.config import Settings
from engine.errors import ConfigError
from engine.types import Description, Progress, Record
from offline.datasets import Picture, RetrievalTask
from offline.datasets.types import Relevance
from offline.evaluate.evidence import Evidence
from offline.evaluate.neighbours import MemoryNeighbours
from offline.evaluate.true_masks import with_true_masks
from offline.store.descriptions import BATCH, DescriptionCache, Kept, Wanted
from offline.store.images import HashedPicture, checksum, copies, hash_pictures
from offline.store.mattes import remembered
from stages.assemble import Parts, assemble


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
