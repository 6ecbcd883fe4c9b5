"""Changes carried out on a gallery that is open for writing: described, stored, indexed.

Carrying them out again, from wherever they were cut off, leads to the same end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from engine.curated import Curated, cut_by_hand
from engine.curation import Curation
from engine.describe import Describer
from engine.errors import ImageError, StageError
from engine.exhaustive import WHOLE
from engine.images import ImageLimits, load
from engine.object_stores import path_of
from engine.protocols import Gallery, WritableGallery
from engine.types import Description, Entry, Progress, RGBImage, Source
from online.service.changes import Change
from online.service.logs import logger
from online.service.problems import without_paths
from online.service.uploads import Uploads

_REMOVED = 500  # images in one transaction
_DECISIONS = 500  # that are carried out before others are read


@dataclass(frozen=True)
class Prepared:
    """What a change comes to: ``fresh`` images with their descriptions, of which contents that are
    ``excluded`` stay out of the index, others that are ``known`` by id, ids that are ``stale``,
    ``withdrawn`` or ``restored``, and ``files`` that may become useless.

    Of decisions: the ``mark`` behind those that are carried out then, whether there are ``more``
    behind it, and the ``error`` of images that could not be described."""

    fresh: Sequence[Entry] = ()
    descriptions: Sequence[Description] = ()
    known: Mapping[int, Entry] = field(default_factory=dict)
    stale: Sequence[int] = ()
    files: Sequence[Path] = ()
    excluded: frozenset[str] = frozenset()
    withdrawn: Sequence[int] = ()
    restored: Sequence[int] = ()
    mark: str = ""
    more: bool = False
    error: str = ""


@dataclass(frozen=True)
class Applying:
    """``batch``: images that are described at once; ``undone``: filled with the ids of those whose
    label was a person's, and is void: they do not vote on categories."""

    gallery: WritableGallery
    describer: Describer
    limits: ImageLimits
    batch: int
    curation: Curation
    uploads: Uploads
    undone: set[int] = field(default_factory=set)

    def prepare(self, change: Change, progress: Progress) -> Prepared:
        """Nothing is stored yet, but what people decided for which nothing is described.
        ``progress`` is called with images done and in all; what it raises cuts the change off.
        PacksightError."""
        if change.kind in ("replace", "add"):
            return self._described_change(change, progress)
        if change.kind == "curate":
            return self._decided_change(change, progress)
        with self.gallery.snapshot():
            gone = list(deleted_by(change, self.gallery))
        progress(0, len(gone))
        ids = [source.id for source in gone]
        return Prepared(stale=ids, files=[Path(source.uri) for source in gone])

    def store(self, changes: Sequence[Prepared]) -> None:
        """Of products that differ. New images are there before old ones go. PacksightError."""
        if fresh := [entry for change in changes for entry in change.fresh]:
            descriptions = [one for change in changes for one in change.descriptions]
            excluded = frozenset().union(*(change.excluded for change in changes))
            self.gallery.add(fresh, descriptions, excluded)
        for change in changes:
            if change.withdrawn:
                self.gallery.withdraw(change.withdrawn)
            if change.restored:
                self.gallery.restore(change.restored)
        known: dict[int, Entry] = {}
        for change in changes:
            known |= change.known
        if known:
            self.gallery.amend(known)
        stale = [identity for change in changes for identity in change.stale]
        for start in range(0, len(stale), _REMOVED):
            self.gallery.remove(stale[start : start + _REMOVED])
        for change in changes:
            if change.mark:
                self.gallery.keep_curated_to(change.mark)

    def index(self) -> None:
        """What the next search needs."""
        matcher = self.describer.keypoints
        large = matcher is not None and len(self.gallery) > WHOLE
        self.gallery.build_indexes(matcher if large else None)

    def _described_change(self, change: Change, progress: Progress) -> Prepared:
        indexed = self.gallery.find(product_id=change.product)
        held = [*indexed, *self.gallery.find(product_id=change.product, withdrawn=True)]
        curated = Curated.read(self.curation, change.images)
        entries = list(self._entries(change, held, curated))
        known = {}  # by id: what need not be described again
        for entry in entries:
            source = _described_as(entry, indexed)
            if source is not None and entry.sha256 not in curated.excluded:
                known[source.id] = entry
        fresh = [entry for entry in entries if entry not in known.values()]
        stale = [source.id for source in held if _is_stale(source, change, entries, known)]
        fresh, descriptions = self._described(fresh, partial(_beyond, progress, len(known)))
        paths = [self.uploads.path(change.product, sha256) for sha256 in change.images]
        files = [*paths, *(Path(source.uri) for source in held)]
        return Prepared(fresh, descriptions, known, stale, files, curated.excluded)

    def _decided_change(self, change: Change, progress: Progress) -> Prepared:
        """What people decided since it was last carried out, by the rule of ``engine.curated``;
        where that is all, also about the contents of the change. An image that cannot be described
        stays as it is and spares the others."""
        contents, mark = self.curation.since(self.gallery.curated_to(), _DECISIONS)
        more = self.curation.since(mark, 1)[1] != mark
        if not more:
            contents = list(dict.fromkeys([*contents, *change.contents]))
        curated = Curated.read(self.curation, contents)
        withdrawn: list[int] = []
        restored: list[int] = []
        known: dict[int, Entry] = {}
        again: list[tuple[int, Entry]] = []
        for content in contents:
            indexed = self.gallery.find(sha256=content)
            if content in curated.excluded:
                withdrawn += [source.id for source in indexed]
                continue
            aside = self.gallery.find(sha256=content, withdrawn=True)
            for source in (*indexed, *aside):
                entry = curated.applied(source.entry, content)
                if not source.described_as(entry):
                    again.append((source.id, entry))
                    continue
                restored += [source.id] if source in aside else []
                known |= {} if source.labelled_as(entry) else {source.id: entry}
        settled = len({*withdrawn, *restored, *known})
        progress(0, settled + len(again))
        # As an ingest does: labels that are given vote on the images that are described.
        self.store([Prepared(known=known, withdrawn=withdrawn, restored=restored)])
        progress = partial(_beyond, progress, settled)
        self.undone.update(identity for identity, entry in again if entry.category is None)
        try:
            return self._described_again(again, change, progress, mark, more)
        finally:
            self.undone.clear()

    def _described_again(
        self,
        images: Sequence[tuple[int, Entry]],
        change: Change,
        progress: Progress,
        mark: str,
        more: bool,
    ) -> Prepared:
        """Images by their ids, one by one."""
        fresh, descriptions, faults = [], [], []
        progress(0, len(images))
        for done, (identity, entry) in enumerate(images, start=1):
            try:
                described = self._described([entry], lambda done, total: None)
                fresh += described[0]
                descriptions += described[1]
            except (ImageError, StageError) as error:
                if not change.contents or entry.sha256 in change.contents:
                    faults.append(without_paths(f"Image {identity} {error.reason}"))
                logger.warning("image %s is not as was decided: %s", identity, error)
            progress(done, len(images))
        fault = " ".join(faults)
        return Prepared(fresh, descriptions, mark=mark, more=more, error=fault)

    def _entries(self, change: Change, held: Sequence[Source], curated: Curated) -> Iterator[Entry]:
        """The images that were sent, each once, with the labels and masks that hold for them."""
        category, attributes = change.category, change.attributes
        if change.kind == "add" and held:
            labels = [source.category for source in held if source.labelled]
            category = category or next(iter(labels), None)
            attributes = held[0].attributes if attributes is None else attributes
        for sha256 in dict.fromkeys(change.images):
            entry = self.uploads.entry(change.product, sha256)
            labelled = replace(entry, category=category, attributes=dict(attributes or {}))
            yield curated.applied(labelled, sha256)

    def _described(
        self, entries: Sequence[Entry], progress: Progress
    ) -> tuple[list[Entry], list[Description]]:
        """With the masks that hold for them now. ImageError and StageError."""
        drawn = [cut_by_hand(entry, self.curation) for entry in entries]
        found: list[Description] = []
        progress(0, len(drawn))
        for start in range(0, len(drawn), self.batch):
            part = drawn[start : start + self.batch]
            images = [self._loaded(entry) for entry, _ in part]
            described = self.describer.describe(
                images,
                [entry.category for entry, _ in part],
                mattes=[
                    None if mask is None else mask.matte(image.height, image.width)
                    for (_, mask), image in zip(part, images, strict=True)
                ],
            )
            found += [one.description for one in described]
            progress(len(found), len(drawn))
        return [entry for entry, _ in drawn], found

    def _loaded(self, entry: Entry) -> RGBImage:
        """ImageError where its file is gone, or another one in its place."""
        path = path_of(entry.uri)
        try:
            if path.stat().st_size > self.limits.max_bytes:
                return load(path, uri="", limits=self.limits)  # refuses before it reads
            content = path.read_bytes()
        except OSError:
            raise ImageError(entry.uri, "cannot be read where it was stored.") from None
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise ImageError(entry.uri, "has changed since it was stored.")
        return load(content, uri="", limits=self.limits)


def deleted_by(change: Change, gallery: Gallery) -> Iterator[Source]:
    """Those that people excluded, too: no undoing brings back what was deleted."""
    if change.kind == "delete":
        yield from gallery.find(product_id=change.product)
        yield from gallery.find(product_id=change.product, withdrawn=True)
        return
    for identity in gallery.matching(change.filter, change.categories):
        found = gallery.source(int(identity))
        if found is not None:
            yield found
    for source in gallery.withdrawn():
        within = change.categories is None or source.category in change.categories
        if within and change.filter.holds(source.attributes):
            yield source


def _beyond(progress: Progress, before: int, done: int, total: int) -> None:
    progress(before + done, before + total)


def _described_as(entry: Entry, held: Sequence[Source]) -> Source | None:
    """The image of the product that has this content and this mask, and the label, if it has one,
    in one: a prediction must be made anew where a label is taken away."""
    same = [source for source in held if source.sha256 == entry.sha256]
    same.sort(key=lambda source: source.uri != entry.uri)
    first = next(iter(same), None)
    return first if first is not None and first.described_as(entry) else None


def _is_stale(
    source: Source, change: Change, entries: Sequence[Entry], known: dict[int, Entry]
) -> bool:
    """Whether an image of before goes: another one that was sent has its place."""
    if source.id in known or source.uri in {entry.uri for entry in entries}:
        return False
    return change.kind == "replace" or source.sha256 in {entry.sha256 for entry in entries}
