"""A change carried out on a gallery that is open for writing: described, stored, indexed.

Carrying it out again, from wherever it was cut off, leads to the same end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
class Applying:
    """``progress`` is called with images done and in all, between the batches of ``batch``; what it
    raises cuts the change off."""

    gallery: WritableGallery
    describer: Describer
    limits: ImageLimits
    batch: int
    curation: Curation
    uploads: Uploads
    progress: Progress

    def carry_out(self, change: Change) -> list[Path]:
        """Returns the files that may have become useless. PacksightError."""
        if change.kind in ("replace", "add"):
            return self._store(change)
        with self.gallery.snapshot():
            gone = list(self._matching(change))
        self._remove([source.id for source in gone])
        return [Path(source.uri) for source in gone]

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

    def _remove(self, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), _REMOVED):
            self.progress(start, len(ids))
            self.gallery.remove(ids[start : start + _REMOVED])
        self.progress(len(ids), len(ids))

    def _store(self, change: Change) -> list[Path]:
        held = self.gallery.find(product_id=change.product)
        masks = {one: mask for one in change.images if (mask := self.curation.mask_of(one))}
        entries = list(self._entries(change, held, masks))
        known = {}  # by id: what need not be described again
        for entry in entries:
            if (source := _described_as(entry, held)) is not None:
                known[source.id] = entry
        fresh = [entry for entry in entries if entry not in known.values()]
        descriptions = self._described(fresh, masks, len(known))
        if fresh:
            self.gallery.add(fresh, descriptions)
        if known:
            self.gallery.amend(known)
        stale = [source for source in held if _is_stale(source, change, entries, known)]
        self._remove_stale(stale)
        paths = [self.uploads.path(change.product, sha256) for sha256 in change.images]
        return [*paths, *(Path(source.uri) for source in held)]

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
        self, entries: Sequence[Entry], masks: Mapping[str, Mask], done: int
    ) -> list[Description]:
        found: list[Description] = []
        self.progress(done, done + len(entries))
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
            self.progress(done + len(found), done + len(entries))
        return found

    def _remove_stale(self, stale: Iterable[Source]) -> None:
        if ids := [source.id for source in stale]:
            self.gallery.remove(ids)


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
