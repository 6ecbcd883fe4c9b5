"""The report of an ingest, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.names import without_controls
from engine.types import CategoryCounts
from offline.ingest.plan import Duplicate
from offline.ingest.scan import Refusal

SHOWN = 20  # lines of a list that the text shows; the JSON holds all


@dataclass
class IngestReport:
    """Counts are of images. ``seconds`` is wall-clock time by stage; ``cpu_seconds`` is of all
    processes together: cpu_seconds / (total_seconds * cores) is the used fraction of the machine.
    """

    folder: str
    gallery: str
    added: int = 0
    updated: int = 0
    renamed: int = 0
    relabelled: int = 0
    unchanged: int = 0
    removed: int = 0
    restored: int = 0  # no longer excluded, and back in the index
    missing: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)  # by a person: not in the index
    duplicates: list[Duplicate] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    lost_rows: list[str] = field(default_factory=list)  # of label tables
    notes: list[str] = field(default_factory=list)
    without_mask: int = 0  # described now, but no product was found in them
    first_without_mask: str = ""
    untrusted: int = 0  # described now, but with a product's mask that is not trusted
    first_untrusted: str = ""
    seen: int = 0  # files below the folder; a linked folder is one
    passed_over: Mapping[str, int] = field(default_factory=dict)  # of them, no images, by kind
    left: int = 0  # images that an interrupted ingest did not come to
    images: int = 0  # in the gallery now
    products: int = 0
    categories: int = 0
    categories_from: CategoryCounts = field(default_factory=CategoryCounts)
    head: str = ""  # what predicts categories where the gallery has no labels
    interrupted: bool = False
    total_seconds: float = 0.0
    cpu_seconds: float = 0.0
    cores: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def described(self) -> int:
        return self.added + self.updated

    @property
    def kept(self) -> dict[str, int]:
        """Image files that an image of the gallery is from, by what was done."""
        return {
            "added": self.added,
            "updated": self.updated,
            "renamed": self.renamed,
            "relabelled": self.relabelled,
            "unchanged": self.unchanged,
        }

    @property
    def accounts(self) -> dict[str, int]:
        """What became of the files seen, by kind: they add up to ``seen``."""
        return {
            **self.kept,
            "duplicate": len(self.duplicates),
            "excluded": len(self.excluded),
            "refused": sum(refusal.of == "image" for refusal in self.refused),
            "left": self.left,
            **self.passed_over,
        }

    @property
    def changed(self) -> bool:
        """Whether the gallery holds anything else than before."""
        return bool(self.described or self.relabelled or self.removed or self.restored)

    @property
    def did_nothing(self) -> bool:
        """True when images were refused and none was kept, now or in an earlier run."""
        kept = any(self.kept.values()) or self.duplicates or self.removed
        return bool(self.refused) and not kept

    def to_json(self) -> str:
        plain = dict(vars(self))
        plain["duplicates"] = [vars(duplicate) for duplicate in self.duplicates]
        plain["categories_from"] = vars(self.categories_from)
        plain["refused"] = [vars(refusal) for refusal in self.refused]
        plain["seconds"] = {name: round(value, 3) for name, value in self.seconds.items()}
        for name in ("total_seconds", "cpu_seconds"):
            plain[name] = round(plain[name], 3)
        return json.dumps(plain, ensure_ascii=False, indent=2)

    def text(self) -> str:
        lines = [
            *self._refusals(),
            *self._copies(),
            *_listed("in the gallery, file gone (--prune deletes them)", self.missing),
            *_listed("rows of label tables that were not used", self.lost_rows),
            *(f"note: {note}" for note in self.notes),
            *self._without_masks(),
            *self._untrusted(),
            *self._counts(),
            *self._speed(),
        ]
        return "\n".join(map(without_controls, lines))

    def _copies(self) -> list[str]:
        copies: dict[str, list[str]] = {}
        for duplicate in self.duplicates:
            if not duplicate.known:
                copies.setdefault(duplicate.same_as, []).append(duplicate.uri)
        lines = [f"{uri} = {', '.join(_shortened(uris))}" for uri, uris in copies.items()]
        return _listed("images with copies, which are passed over", lines)

    def _refusals(self) -> list[str]:
        return _listed("refused", [refusal.text() for refusal in self.refused])

    def _without_masks(self) -> list[str]:
        if not self.without_mask:
            return []
        return [
            f"no product was found in {self.without_mask} images, which are described as a whole; "
            f"the first is {self.first_without_mask}"
        ]

    def _untrusted(self) -> list[str]:
        if not self.untrusted:
            return []
        return [
            f"the masks of {self.untrusted} images may hold a hand, a part of the product or its "
            f"neighbours: their contours are not used; the first is {self.first_untrusted}"
        ]

    def _counts(self) -> list[str]:
        counts = {
            **self.kept,
            "removed": self.removed,
            "restored": self.restored,
            "duplicate": len(self.duplicates),
            "excluded": len(self.excluded),
            "missing": len(self.missing),
            "refused": len(self.refused),
        }
        shown = ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "nothing to do"
        if self.interrupted:
            shown = f"interrupted; run the same command again for the rest: {shown}"
        return [
            f"{self.folder}: {shown}",
            *self._passed_over(),
            f"{self.gallery}: {self.images} images of {self.products} products in "
            f"{self.categories} categories",
            *self._predicted(),
        ]

    def _predicted(self) -> list[str]:
        """Nothing where every category is a label."""
        counts = self.categories_from
        if not (counts.predicted or counts.uncategorised):
            return []
        return [f"categories: {counts.in_words(self.head)}"]

    def _passed_over(self) -> list[str]:
        kinds = sorted(self.passed_over.items(), key=lambda item: (-item[1], item[0]))
        if not kinds:
            return []
        more = [f"{len(kinds) - SHOWN} more kinds"] if len(kinds) > SHOWN else []
        named = ", ".join([*(f"{number} {kind}" for kind, number in kinds[:SHOWN]), *more])
        return [f"{self.seen} files seen, passed over: {named}"]

    def _speed(self) -> list[str]:
        if not self.described:
            return [f"{self.total_seconds:.1f} s"]
        busy = self.cpu_seconds / (self.total_seconds * max(self.cores, 1))
        split = ", ".join(f"{name} {value:.1f}" for name, value in self.seconds.items())
        return [
            f"{self.total_seconds:.1f} s, {self.described / self.total_seconds:.1f} images/s, "
            f"{busy:.0%} of {self.cores} cores busy",
            f"seconds by stage, added up over batches side by side: {split}",
        ]


def _shortened(names: list[str], shown: int = 3) -> list[str]:
    more = len(names) - shown
    return [*names[:shown], *([f"{more} more"] if more > 0 else [])]


def _listed(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    more = [f"  … and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return [f"{title}: {len(lines)}", *(f"  {line}" for line in lines[:SHOWN]), *more]
