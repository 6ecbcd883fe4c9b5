"""The report of an ingest, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from offline.ingest.plan import Duplicate
from offline.ingest.scan import Refusal, printable

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
    missing: list[str] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    lost_rows: list[str] = field(default_factory=list)  # of label tables
    notes: list[str] = field(default_factory=list)
    without_mask: int = 0  # described now, but no product was found in them
    first_without_mask: str = ""
    ignored: int = 0  # files whose suffix is not an image's
    images: int = 0  # in the gallery now
    products: int = 0
    categories: int = 0
    interrupted: bool = False
    total_seconds: float = 0.0
    cpu_seconds: float = 0.0
    cores: int = 1
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def described(self) -> int:
        return self.added + self.updated

    @property
    def did_nothing(self) -> bool:
        """True when images were refused and none was kept, now or in an earlier run."""
        kept = self.described + self.renamed + self.relabelled + self.unchanged
        return bool(self.refused) and not (kept or self.duplicates or self.removed)

    def to_json(self) -> str:
        plain = dict(vars(self))
        plain["duplicates"] = [vars(duplicate) for duplicate in self.duplicates]
        plain["refused"] = [vars(refusal) for refusal in self.refused]
        plain["seconds"] = {name: round(value, 3) for name, value in self.seconds.items()}
        for name in ("total_seconds", "cpu_seconds"):
            plain[name] = round(plain[name], 3)
        return json.dumps(plain, ensure_ascii=False, indent=2)

    def text(self) -> str:
        return "\n".join(
            [
                *self._refusals(),
                *_listed("same image twice", [f"{d.uri} = {d.same_as}" for d in self.duplicates]),
                *_listed("in the gallery, file gone (--prune deletes them)", self.missing),
                *_listed("rows of label tables that were not used", self.lost_rows),
                *(f"note: {note}" for note in self.notes),
                *self._without_masks(),
                *self._counts(),
                *self._speed(),
            ]
        )

    def _refusals(self) -> list[str]:
        return _listed("refused", [refusal.text() for refusal in self.refused])

    def _without_masks(self) -> list[str]:
        if not self.without_mask:
            return []
        first = printable(self.first_without_mask)
        return [
            f"no product was found in {self.without_mask} images, which are described as a whole; "
            f"the first is {first}"
        ]

    def _counts(self) -> list[str]:
        counts = {
            "added": self.added,
            "updated": self.updated,
            "renamed": self.renamed,
            "relabelled": self.relabelled,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "duplicate": len(self.duplicates),
            "missing": len(self.missing),
            "refused": len(self.refused),
        }
        shown = ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "nothing to do"
        if self.interrupted:
            shown = f"interrupted; run the same command again for the rest: {shown}"
        return [
            f"{self.folder}: {shown}",
            f"{self.gallery}: {self.images} images of {self.products} products in "
            f"{self.categories} categories",
        ]

    def _speed(self) -> list[str]:
        if not self.described:
            return [f"{self.total_seconds:.1f} s"]
        busy = self.cpu_seconds / (self.total_seconds * self.cores)
        split = ", ".join(f"{name} {value:.1f}" for name, value in self.seconds.items())
        return [
            f"{self.total_seconds:.1f} s, {self.described / self.total_seconds:.1f} images/s, "
            f"{busy:.0%} of {self.cores} cores busy",
            f"seconds by stage: {split}",
        ]


def _listed(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    more = [f"  … and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return [f"{title}: {len(lines)}", *(f"  {line}" for line in lines[:SHOWN]), *more]
