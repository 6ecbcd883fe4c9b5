"""What people decided about images, as it is applied to a gallery: by an ingest, and by the service
at once.

The rule, for every image of a content:

- excluded, or not kept of a pair: it is withdrawn from the index; no longer: it is restored;
- it should have the entry that ``Curated.applied`` makes of its own. Where its description is none
  of that (``Source.described_as``) it is described again, where only labels differ
  (``Source.labelled_as``) these are amended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from engine.curation import Curation
from engine.decisions import Mask
from engine.types import Entry


@dataclass(frozen=True)
class Curated:
    """By the sha256 of images: digests of their ``masks``, those that are ``excluded`` from the
    index, and their ``categories``, which win over all labels."""

    masks: Mapping[str, str] = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()
    categories: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, curation: Curation, contents: Collection[str] | None = None) -> Curated:
        """What is in force now, of these contents; None: of all."""
        if contents is None:
            return cls(curation.masks(), curation.excluded(), curation.categories())
        masks = {one: curation.mask_of(one) for one in contents}
        categories = {one: curation.category_of(one) for one in contents}
        return cls(
            {one: mask.digest for one, mask in masks.items() if mask is not None},
            curation.excluded(contents),
            {one: category for one, category in categories.items() if category is not None},
        )

    @property
    def empty(self) -> bool:
        """So that no image's content has to be known."""
        return not (self.masks or self.excluded or self.categories)

    def applied(self, entry: Entry, sha256: str) -> Entry:
        """With this content, and the category and the mask that people gave it; in place of those
        that they gave it before, if there were any."""
        label = entry.category if entry.overruled is None else entry.overruled or None
        category = self.categories.get(sha256)
        return replace(
            entry,
            sha256=sha256,
            category=label if category is None else category,
            overruled=None if category is None else label or "",
            mask=self.masks.get(sha256),
        )


def cut_by_hand(entry: Entry, curation: Curation) -> tuple[Entry, Mask | None]:
    """With the mask that a person drew, as it is now: it may have been undone since it was read."""
    mask = None if entry.mask is None else curation.mask_of(entry.sha256)
    return replace(entry, mask=None if mask is None else mask.digest), mask
