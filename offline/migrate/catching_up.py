"""Bring one generation of a gallery to the images that another holds, by its own models.

An image has the same id in both. What people decided is applied to both, by the rule of
``engine.curated``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

from engine.config import Settings
from engine.curated import Curated, cut_by_hand
from engine.curation import Curation
from engine.decoding import DecodingPool
from engine.describe import Describer
from engine.errors import ImageError, StageError
from engine.images import ImageLimits
from engine.object_stores import path_of
from engine.parallel import ahead, one_blas_thread
from engine.protocols import Gallery, WritableGallery
from engine.types import Description, Entry, Matte, Progress, RGBImage, Source
from offline.ingest.describing import try_out
from stages.assemble import threads_of

_TOGETHER = 500  # images that are removed, amended or withdrawn in one transaction


@dataclass(frozen=True)
class Held:
    """An image as it should be held: in the index, or ``withdrawn`` from it."""

    entry: Entry
    withdrawn: bool = False


@dataclass(frozen=True)
class Difference:
    """What it takes, by ids: images to remove, to amend, to move out of the index or back, and to
    describe."""

    gone: Sequence[int]
    amended: Mapping[int, Entry]
    withdrawn: Sequence[int]
    restored: Sequence[int]
    fresh: Mapping[int, Held]

    def __len__(self) -> int:
        return len({*self.gone, *self.amended, *self.withdrawn, *self.restored, *self.fresh})


@dataclass(frozen=True)
class CaughtUp:
    """With the images that were ``wanted``. ``changes``: those that differed; ``described`` of
    them; ``missing``: why an image could not be described, by its id."""

    wanted: Mapping[int, Held]
    changes: int
    described: int
    missing: Mapping[int, str]


def held_by(gallery: Gallery, curated: Curated) -> dict[int, Held]:
    """Every image of a gallery by its id, as what people decided makes of it."""
    with gallery.snapshot():
        sources = [*gallery.sources(), *gallery.withdrawn()]
    about = {*curated.masks, *curated.categories}
    return {
        source.id: Held(
            # Most images are as they were, and there may be millions.
            source.entry
            if source.mask is source.overruled is None and source.sha256 not in about
            else curated.applied(source.entry, source.sha256),
            source.sha256 in curated.excluded,
        )
        for source in sources
    }


def difference(wanted: Mapping[int, Held], gallery: Gallery) -> Difference:
    """Between a gallery and what it should hold. A description is of one content, cut out by one
    mask; a label that is taken away must be predicted."""
    with gallery.snapshot():
        held = {source.id: source for source in gallery.sources()}
        aside = {source.id: source for source in gallery.withdrawn()}
    at = {source.uri: source.id for source in (*held.values(), *aside.values())}
    amended: dict[int, Entry] = {}
    withdrawn, restored = [], []
    fresh: dict[int, Held] = {}
    for identity, image in wanted.items():
        source = held.get(identity) or aside.get(identity)
        if source is None or not _is_described(source, image.entry):
            fresh[identity] = image
            continue
        if at.get(image.entry.uri, identity) != identity:  # two images changed places
            fresh[identity] = image
            continue
        if source.entry != image.entry:
            amended[identity] = image.entry
        if image.withdrawn and identity in held:
            withdrawn.append(identity)
        if not image.withdrawn and identity in aside:
            restored.append(identity)
    gone = [identity for identity in (*held, *aside) if identity not in wanted]
    return Difference(gone, amended, withdrawn, restored, fresh)


def _is_described(source: Source, entry: Entry) -> bool:
    return source.sha256 == entry.sha256 and source.described_as(entry)


@dataclass(frozen=True, eq=False)
class CatchingUp:
    """``gallery``: the generation that is brought up to date, which ``describer`` describes by
    ``settings``; it is not in use, and met by no query half done."""

    gallery: WritableGallery
    describer: Describer
    settings: Settings
    curation: Curation
    workers: int | None = None

    def catch_up(self, source: Gallery, progress: Progress) -> CaughtUp:
        """With ``source``, the generation in use, as it is now."""
        mark = self.curation.latest()
        curated = Curated.read(self.curation)
        wanted = held_by(source, curated)
        spared = set(source.lacked()) - wanted.keys()
        own = held_by(self.gallery, curated) if spared else {}
        wanted |= {identity: own[identity] for identity in spared & own.keys()}
        found = difference(wanted, self.gallery)
        self.gallery.keep_lacked(sorted(found.fresh))  # also where it is stopped amid these
        self._settle(found)
        run = _Run(self, curated.excluded, progress, len(found.fresh))
        run.describe(found.fresh)
        self._take_over(source)
        self.gallery.keep_lacked(sorted(run.missing))
        self.gallery.keep_curated_to(mark)
        return CaughtUp(wanted, len(found) - len(run.missing), run.described, run.missing)

    def note_lacking(self, source: Gallery) -> None:
        """Keep what it lacks of ``source``, for it comes into use before it has caught up."""
        found = difference(held_by(source, Curated.read(self.curation)), self.gallery)
        self.gallery.keep_lacked(sorted(found.fresh))

    def _settle(self, found: Difference) -> None:
        """All that needs no describing. What is described anew goes first: a label that is void
        must not vote, and its place may be another's."""
        for ids in _parts([*found.gone, *found.fresh]):
            self.gallery.remove(ids)
        aside = {source.id for source in self.gallery.withdrawn()}
        # Only what is in the index can be amended.
        moved = [identity for identity in found.amended if identity in aside]
        for ids in _parts([*dict.fromkeys([*found.restored, *moved])]):
            self.gallery.restore(ids)
        for ids in _parts([*found.amended]):
            self.gallery.amend({identity: found.amended[identity] for identity in ids})
        back = [identity for identity in moved if identity not in found.restored]
        for ids in _parts([*dict.fromkeys([*found.withdrawn, *back])]):
            self.gallery.withdraw(ids)

    def _take_over(self, source: Gallery) -> None:
        """What the next ingest has to know of files that no image is from, and of labels."""
        files, before = source.skipped(), self.gallery.skipped()
        if files != before:
            forget = [uri for uri in before if uri not in files]
            self.gallery.keep_skipped([*files.values()], forget)
        tables, known = source.label_tables(), self.gallery.label_tables()
        for folder in {*tables, *known}:
            if tables.get(folder) != known.get(folder):
                self.gallery.keep_label_table(folder, tables.get(folder))


@dataclass(frozen=True, eq=False)
class _Ready:
    """An image that has been read; ``matte``: of the mask that a person drew of it."""

    identity: int
    entry: Entry
    image: RGBImage
    matte: Matte | None


@dataclass
class _Run:
    """The describing of one pass."""

    to: CatchingUp
    excluded: frozenset[str]
    progress: Progress
    total: int
    done: int = 0
    described: int = 0
    missing: dict[int, str] = field(default_factory=dict)

    def describe(self, images: Mapping[int, Held]) -> None:
        """Those with labels first, which vote on the categories of the others."""
        self.progress(0, self.total)
        if not images:
            return
        settings = self.to.settings
        workers = self.to.workers or settings.ingest.workers or os.cpu_count() or 1
        limits = ImageLimits.of(settings.images)
        labelled = {i: held for i, held in images.items() if held.entry.category is not None}
        others = {i: held for i, held in images.items() if i not in labelled}
        ahead_of = 2 * settings.ingest.batch
        with DecodingPool(min(workers, len(images)), limits, ahead=ahead_of) as pool:
            self._describe_group(self._read(pool, labelled))
            with self.to.gallery.searching_as_now():
                self._describe_group(self._read(pool, others))

    def _describe_group(self, ready: Iterator[_Ready]) -> None:
        size = self.to.settings.ingest.batch
        chunks = iter(lambda: list(islice(ready, size)), [])
        batches = ahead(self._descriptions, chunks, at_once=threads_of(self.to.settings))
        with one_blas_thread(), closing(batches):
            for chunk, outcome in batches:
                self._finish(chunk, outcome)

    def _read(self, pool: DecodingPool, images: Mapping[int, Held]) -> Iterator[_Ready]:
        results = pool.map(path_of(held.entry.uri) for held in images.values())
        for (identity, held), result in zip(images.items(), results, strict=True):
            if isinstance(result, ImageError):
                self._miss(identity, f"{held.entry.uri}: {result.reason}")
            elif result.sha256 != held.entry.sha256:
                self._miss(identity, f"{held.entry.uri}: has changed since it was ingested")
            else:
                entry, mask = cut_by_hand(held.entry, self.to.curation)
                size = result.image.height, result.image.width
                matte = None if mask is None else mask.matte(*size)
                yield _Ready(identity, entry, result.image, matte)

    def _descriptions(self, chunk: Sequence[_Ready]) -> list[Description]:
        described = self.to.describer.describe(
            [ready.image for ready in chunk],
            [ready.entry.category for ready in chunk],
            mattes=[ready.matte for ready in chunk],
        )
        return [one.description for one in described]

    def _finish(self, chunk: Sequence[_Ready], outcome: Future[list[Description]]) -> None:
        """Store what was described; where a stage failed, image by image, to spare the others."""
        try:
            self._store(chunk, outcome.result())
        except StageError:
            if not self.described:
                try_out(self.to.describer, chunk[0].entry.category)
            for ready in chunk:
                try:
                    descriptions = self._descriptions([ready])
                except StageError as error:
                    self._miss(ready.identity, str(error))
                else:
                    self._store([ready], descriptions)

    def _store(self, chunk: Sequence[_Ready], descriptions: Sequence[Description]) -> None:
        self.to.gallery.add(
            [ready.entry for ready in chunk],
            descriptions,
            self.excluded,
            ids=[ready.identity for ready in chunk],
        )
        self.described += len(chunk)
        self._advance(len(chunk))

    def _miss(self, identity: int, why: str) -> None:
        self.missing[identity] = why
        self._advance(1)

    def _advance(self, images: int) -> None:
        self.done += images
        self.progress(self.done, self.total)


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _TOGETHER):
        yield ids[start : start + _TOGETHER]


def lacking(wanted: Mapping[int, Held], gallery: Gallery) -> dict[int, Held]:
    """Of what a gallery should hold: the images that it does not hold so."""
    found = difference(wanted, gallery)
    ids = {*found.fresh, *found.amended, *found.withdrawn, *found.restored}
    return {identity: held for identity, held in wanted.items() if identity in ids}
