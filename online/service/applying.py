"""Changes carried out on a gallery that is open for writing: described, stored, indexed.

Carrying them out again, from wherever they were cut off, leads to the same end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from engine.curation import Curation
from engine.decisions import Mask
from engine.describe import Describer
from engine.exhaustive import WHOLE
from engine.images import ImageLimits, load
from engine.protocols import WritableGallery
from engine.types import Description, Entry, Progress, Source
from online.service.changes import Change
from online.service.uploads import Uploads

_REMOVED = 500  # images in one transaction


@dataclass(frozen=True)
class Prepared:
    """What a change comes to: ``fresh`` images with their descriptions, others that are ``known``
    by id, ids that are ``stale``, and ``files`` that may become useless."""

    fresh: Sequence[Entry]
    descriptions: Sequence[Description]
    known: Mapping[int, Entry]
    stale: Sequence[int]
    files: Sequence[Path]


@dataclass(frozen=True)
class Applying:
    """``batch``: images that are described at once."""

    gallery: WritableGallery
    describer: Describer
    limits: ImageLimits
    batch: int
    curation: Curation
    uploads: Uploads

    def prepare(self, change: Change, progress: Progress) -> Prepared:
        """Nothing is stored yet. ``progress`` is called with images done and in all; what it raises
        cuts the change off. PacksightError."""
        if change.kind in ("replace", "add"):
            return self._described_change(change, progress)
        with self.gallery.snapshot():
            gone = list(self._matching(change))
        progress(0, len(gone))
        ids = [source.id for source in gone]
        return Prepared((), (), {}, ids, [Path(source.uri) for source in gone])

    def store(self, changes: Sequence[Prepared]) -> None:
        """Of products that differ. New images are there before old ones go. PacksightError."""
        if fresh := [entry for change in changes for entry in change.fresh]:
            self.gallery.add(fresh, [one for change in changes for one in change.descriptions])
        known: dict[int, Entry] = {}
        for change in changes:
            known |= change.known
        if known:
            self.gallery.amend(known)
        stale = [identity for change in changes for identity in change.stale]
        for start in range(0, len(stale), _REMOVED):
            self.gallery.remove(stale[start : start + _REMOVED])

    def index(self) -> None:
        """What the next search needs."""
        matcher = self.describer.keypoints
        large = matcher is not None and len(self.gallery) > WHOLE
        self.gallery.build_indexes(matcher if large else None)

    def _matching(self, change: Change) -> Iterator[Source]:
        if change.kind == "delete":
            yield from self.gallery.find(product_id=change.product)
            return
        for identity in self.gallery.matching(change.filter, change.categories):
            source = self.gallery.source(int(identity))
            if source is not None:
                yield source

    def _described_change(self, change: Change, progress: Progress) -> Prepared:
        held = self.gallery.find(product_id=change.product)
        masks = {one: mask for one in change.images if (mask := self.curation.mask_of(one))}
        entries = list(self._entries(change, held, masks))
        known = {}  # by id: what need not be described again
        for entry in entries:
            if (source := _described_as(entry, held)) is not None:
                known[source.id] = entry
        fresh = [entry for entry in entries if entry not in known.values()]
        stale = [source.id for source in held if _is_stale(source, change, entries, known)]
        descriptions = self._described(fresh, masks, partial(_beyond, progress, len(known)))
        paths = [self.uploads.path(change.product, sha256) for sha256 in change.images]
        files = [*paths, *(Path(source.uri) for source in held)]
        return Prepared(fresh, descriptions, known, stale, files)

    def _entries(
        self, change: Change, held: Sequence[Source], masks: Mapping[str, Mask]
    ) -> Iterator[Entry]:
        """The images that were sent, each once, with the labels and masks that hold for them."""
        category, attributes = change.category, change.attributes
        if change.kind == "add" and held:
            labels = [source.category for source in held if source.labelled]
            category = category or next(iter(labels), None)
            attributes = held[0].attributes if attributes is None else attributes
        excluded = self.curation.excluded()
        for sha256 in dict.fromkeys(change.images):
            if sha256 in excluded:
                continue
            yield replace(
                self.uploads.entry(change.product, sha256),
                category=self.curation.category_of(sha256) or category,
                attributes=dict(attributes or {}),
                mask=masks[sha256].digest if sha256 in masks else None,
            )

    def _described(
        self, entries: Sequence[Entry], masks: Mapping[str, Mask], progress: Progress
    ) -> list[Description]:
        found: list[Description] = []
        progress(0, len(entries))
        for start in range(0, len(entries), self.batch):
            part = entries[start : start + self.batch]
            images = [load(Path(entry.uri), uri="", limits=self.limits) for entry in part]
            given = [masks.get(entry.sha256) for entry in part]
            described = self.describer.describe(
                images,
                [entry.category for entry in part],
                mattes=[
                    None if mask is None else mask.matte(image.height, image.width)
                    for mask, image in zip(given, images, strict=True)
                ],
            )
            found += [one.description for one in described]
            progress(len(found), len(entries))
        return found


def _beyond(progress: Progress, before: int, done: int, total: int) -> None:
    progress(before + done, before + total)


def _described_as(entry: Entry, held: Sequence[Source]) -> Source | None:
    """The image of the product that has this content and this mask, and the label, if it has one,
    in one: a prediction must be made anew where a label is taken away."""
    same = [source for source in held if source.sha256 == entry.sha256]
    same.sort(key=lambda source: source.uri != entry.uri)
    first = next(iter(same), None)
    if first is None or first.mask != entry.mask or (first.labelled and entry.category is None):
        return None
    return first


def _is_stale(
    source: Source, change: Change, entries: Sequence[Entry], known: dict[int, Entry]
) -> bool:
    """Whether an image of before goes: another one that was sent has its place."""
    if source.id in known or source.uri in {entry.uri for entry in entries}:
        return False
    return change.kind == "replace" or source.sha256 in {entry.sha256 for entry in entries}
