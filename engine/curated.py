"""What people decided about images, as one ingest applies it: read before it plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.curation import Curation
from engine.types import Entry


@dataclass(frozen=True)
class Curated:
    """By the sha256 of images: digests of their ``masks``, those that are ``excluded`` from the
    index, and their ``categories``, which win over all labels."""

    masks: Mapping[str, str] = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()
    categories: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, curation: Curation) -> Curated:
        return cls(curation.masks(), curation.excluded(), curation.categories())

    @property
    def empty(self) -> bool:
        """So that no image's content has to be known."""
        return not (self.masks or self.excluded or self.categories)

    def applied(self, entry: Entry, sha256: str) -> Entry:
        """With this content, and the category and the mask that people gave it."""
        category = self.categories.get(sha256, entry.category)
        return replace(entry, sha256=sha256, category=category, mask=self.masks.get(sha256))
