"""Image files to a described task: both sides described by the stages that serve, each image once.

A gallery image is described with its label, as an ingest would; a query without. The classifier
that votes among neighbours votes in this very gallery, a query's own image left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.augmentation import AugmentedEmbedder
from engine.config import Settings
from engine.errors import ConfigError
from engine.galleries.memory import MemoryGallery
from engine.types import Description, FloatArray, Progress, Record
from offline.datasets import DatasetImage, RetrievalTask
from offline.datasets.types import Relevance
from offline.evaluate.task import DescribedTask, VectorTask
from offline.evaluate.true_masks import with_true_masks
from offline.store.descriptions import BATCH, DescriptionCache, Kept, Wanted
from offline.store.images import HashedImage, checksum, copies, hash_images
from offline.store.vectors import Features, features
from stages.assemble import EmbeddingParts, Parts, assemble


def describe_task(
    task: RetrievalTask,
    settings: Settings,
    cache: Path,
    progress: Progress | None = None,
    *,
    true_masks: bool = False,
) -> DescribedTask:
    """Describe both sides of a task, or read their descriptions from the cache.

    ``true_masks``: cut out by the data set's own masks, where it has them, instead of the
    segmenter's. Raises ConfigError where no query or no gallery image can be read, StageError
    and WeightsError where a stage fails.
    """
    voters = MemoryGallery()
    parts = assemble(settings, gallery=lambda: voters, keep_mattes=True)
    if true_masks:
        parts = with_true_masks(parts, (*task.queries, *task.gallery))
    describing = _Describing(parts, voters, cache, progress)
    gallery = describing.gallery(_hash(task.gallery, parts))
    queries = describing.queries(_hash(task.queries, parts), task, gallery)
    return _described(task, queries, gallery, settings, parts)


def embed_tasks(
    tasks: Sequence[RetrievalTask],
    parts: EmbeddingParts,
    cache: Path,
    progress: Progress | None = None,
) -> list[VectorTask]:
    """The tasks with vectors alone: every image is embedded once, however many tasks need it.

    Queries are the mean over several views of them where the settings augment. Raises
    ConfigError where no image of a side can be read, StageError and WeightsError where a stage
    fails.
    """
    galleries = dict.fromkeys(image for task in tasks for image in task.gallery)
    queries = dict.fromkeys(image for task in tasks for image in task.queries)
    if parts.settings.query.augment:
        of_gallery = _Embedded(list(galleries), features(list(galleries), parts, cache, progress))
        embedded = features(list(queries), augmenting(parts), cache, progress)
        of_queries = _Embedded(list(queries), embedded)
    else:
        once = list(galleries | queries)
        of_gallery = of_queries = _Embedded(once, features(once, parts, cache, progress))
    faults = (*of_gallery.features.faults, *of_queries.features.faults)
    return [_vector_task(task, of_queries, of_gallery, parts, faults) for task in tasks]


def augmenting(parts: EmbeddingParts) -> EmbeddingParts:
    """Parts that embed an image by several views of it, with a fingerprint of their own."""
    apart = hashlib.sha256(f"{parts.fingerprint} augmented".encode()).hexdigest()
    return replace(parts, embedder=AugmentedEmbedder(parts.embedder), fingerprint=apart)


class _Embedded:
    """Vectors of images, each once."""

    def __init__(self, images: Sequence[DatasetImage], found: Features) -> None:
        self.features = found
        self._rows = {image: row for row, image in enumerate(images)}

    def of(self, images: Sequence[DatasetImage]) -> tuple[FloatArray, list[int], tuple[str, ...]]:
        """Vectors of the readable ones, their places among ``images``, and all hashes."""
        found = self.features
        rows = np.array([self._rows[image] for image in images], np.int64)
        hashes = tuple(found.hashes[row] for row in rows.tolist())
        places = np.flatnonzero(found.readable[rows])
        rows = rows[places]
        if len(rows) == len(found.values) and bool((rows == np.arange(len(rows))).all()):
            return found.values, places.tolist(), hashes  # no copy: there may be 60,000 of them
        return found.values[rows], places.tolist(), hashes


def _vector_task(
    task: RetrievalTask,
    of_queries: _Embedded,
    of_gallery: _Embedded,
    parts: EmbeddingParts,
    faults: Sequence[str],
) -> VectorTask:
    vectors, queries, query_hashes = of_queries.of(task.queries)
    rows, gallery, gallery_hashes = of_gallery.of(task.gallery)
    _refuse_unreadable(task, queries, gallery, faults)
    read, absent = _restricted(task, queries, gallery)
    return VectorTask(
        task=read,
        vectors=vectors,
        rows=rows,
        settings=parts.settings,
        normalised=parts.embedder.normalised,
        absent=absent,
        unread=_unread(task, gallery),
        checksum=checksum((*task.queries, *task.gallery), (*query_hashes, *gallery_hashes)),
        faults=tuple(dict.fromkeys(faults)),
        copies=copies(
            read,
            [query_hashes[at] for at in queries],
            [gallery_hashes[at] for at in gallery],
        ),
    )


@dataclass(frozen=True)
class _Side:
    """Aligned with the images of a side: what was wanted and what was found; None where the
    image cannot be read."""

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
    image = wanted.hashed.image
    return Record(
        id=place,
        sha256=wanted.hashed.sha256,
        product_id=image.product or image.id,
        category=wanted.label or found.scores.top,
        labelled=wanted.label is not None,
        uri=image.id,
        attributes={},
        description=_stored(found),
    )


def _stored(description: Description) -> Description:
    """With the keypoints that a gallery keeps."""
    found = description.keypoints
    return description if found is None else replace(description, keypoints=found.as_stored())


@dataclass(frozen=True)
class _Describing:
    parts: Parts
    voters: MemoryGallery
    cache: Path
    progress: Progress | None

    def gallery(self, hashed: Sequence[HashedImage | str]) -> _Side:
        """Labelled images first: the others' categories may be voted by them, as in an ingest."""
        cache = self._cache(augment=False)
        wanted = [
            None if isinstance(one, str) else Wanted(one, one.image.category) for one in hashed
        ]
        labelled = [one if one is not None and one.label else None for one in wanted]
        kept = cache.fill(_there(labelled), progress=self.progress)
        self.voters.fill(_side(labelled, hashed, kept).records)
        context = self._voters()
        wanted = [one and (one if one.label else replace(one, context=context)) for one in wanted]
        open_ones = [one for one in _there(wanted) if not one.label]
        if open_ones:
            kept = kept.and_those(cache.fill(open_ones, progress=self.progress))
        side = _side(wanted, hashed, kept)
        self.voters.fill(side.records)
        return side

    def queries(
        self, hashed: Sequence[HashedImage | str], task: RetrievalTask, gallery: _Side
    ) -> _Side:
        """As photos: without a label. Where a vote must not see the query's own image, they
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
            before=lambda chunk: self.voters.hide(hide[chunk[0].key]),
            progress=self.progress,
        )
        return _side(wanted, hashed, kept)

    def _cache(self, *, augment: bool) -> DescriptionCache:
        return DescriptionCache(self.cache, self.parts, augment=augment)

    def _voters(self) -> str:
        """What a voting classifier's answers depend on; "" for one that knows its categories."""
        if self.parts.describer.classifier.categories is not None:
            return ""
        return self.voters.checksum()


def _there(wanted: Sequence[Wanted | None]) -> list[Wanted]:
    return [one for one in wanted if one is not None]


def _without(context: str, ignored: Sequence[int]) -> str:
    return f"{context} without {','.join(map(str, ignored))}" if ignored else context


def _hash(images: Sequence[DatasetImage], parts: Parts) -> list[HashedImage | str]:
    return hash_images(images, parts.describer.threads)


def _side(
    wanted: Sequence[Wanted | None], hashed: Sequence[HashedImage | str], kept: Kept
) -> _Side:
    found = tuple(None if one is None else kept.by_key.get(one.key) for one in wanted)
    absent = [one for one in hashed if isinstance(one, str)]
    return _Side(tuple(wanted), found, tuple(dict.fromkeys([*absent, *kept.faults])))


def _described(
    task: RetrievalTask, queries: _Side, gallery: _Side, settings: Settings, parts: Parts
) -> DescribedTask:
    _refuse_unreadable(task, queries.readable, gallery.readable, (*queries.faults, *gallery.faults))
    read, absent = _restricted(task, queries.readable, gallery.readable)
    hashes = [
        one.hashed.sha256 if one is not None else "" for one in (*queries.wanted, *gallery.wanted)
    ]
    once = dict(zip((*task.queries, *task.gallery), hashes, strict=True))
    descriptions = tuple(one for one in queries.found if one is not None)
    records = tuple(replace(one, id=at) for at, one in enumerate(gallery.records))
    return DescribedTask(
        task=read,
        vectors=np.stack([one.embedding.vector for one in descriptions]),
        rows=np.stack([record.description.embedding.vector for record in records]),
        settings=settings,
        normalised=parts.describer.embedder.normalised,
        absent=absent,
        unread=_unread(task, gallery.readable),
        checksum=checksum(list(once), list(once.values())),
        faults=tuple(dict.fromkeys([*gallery.faults, *queries.faults])),
        copies=copies(read, queries.hashes, gallery.hashes),
        queries=descriptions,
        gallery=records,
        parts=parts,
    )


def _refuse_unreadable(
    task: RetrievalTask, queries: Sequence[int], gallery: Sequence[int], faults: Sequence[str]
) -> None:
    for what, readable in (("query", queries), ("gallery image", gallery)):
        if not readable:
            raise ConfigError(
                f"{task.name}: not one {what} can be read, such as: {faults[0]}",
                remedy="Unpack the images beside the lists that name them.",
            )


def _unread(task: RetrievalTask, gallery: Sequence[int]) -> tuple[DatasetImage, ...]:
    readable = set(gallery)
    return tuple(image for at, image in enumerate(task.gallery) if at not in readable)


def _restricted(
    task: RetrievalTask, queries: Sequence[int], gallery: Sequence[int]
) -> tuple[RetrievalTask, tuple[int, ...]]:
    """The task restricted to its readable images, by their places; and how many relevant gallery
    images each remaining query lost."""
    answers = [task.relevance[at] for at in queries]
    if len(gallery) < len(task.gallery):
        place = {old: new for new, old in enumerate(gallery)}

        def placed(positions: Sequence[int]) -> tuple[int, ...]:
            return tuple(place[at] for at in positions if at in place)

        kept = [Relevance(placed(one.relevant), placed(one.ignored)) for one in answers]
    else:
        kept = answers
    restricted = replace(
        task,
        queries=tuple(task.queries[at] for at in queries),
        gallery=tuple(task.gallery[at] for at in gallery),
        relevance=tuple(kept),
    )
    pairs = zip(answers, kept, strict=True)
    return restricted, tuple(len(old.relevant) - len(new.relevant) for old, new in pairs)
