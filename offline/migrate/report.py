"""The report of a migration or a rollback, as text and as JSON."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field

from engine.names import without_controls
from offline.report.compare.comparison import Comparison

SHOWN = 20  # lines of a list that the text shows; the JSON holds all


@dataclass
class MigrationReport:
    """``before`` and ``after`` name generations. ``passes``: images that differed, pass by pass.
    ``missing``: images of the generation in use that the other lacks, a sentence each.
    ``refusals``: why it was not put in use, or only by force; ``comparisons``: by what was
    compared. ``locked_seconds``: for which writers waited."""

    gallery: str
    before: str
    after: str
    in_use: bool = False
    resumed: bool = False
    described: int = 0
    passes: list[int] = field(default_factory=list)
    images: int = 0  # in the index of the new one
    withdrawn: int = 0
    missing: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)  # generations
    total_seconds: float = 0.0
    locked_seconds: float = 0.0

    def to_json(self) -> str:
        plain = dict(vars(self))
        plain["comparisons"] = {
            name: comparison.model_dump(mode="json")
            for name, comparison in self.comparisons.items()
        }
        for name in ("total_seconds", "locked_seconds"):
            plain[name] = round(plain[name], 3)
        return json.dumps(plain, ensure_ascii=False, indent=2)

    def text(self) -> str:
        lines = [
            *_listed("images that this generation lacks", self.missing),
            *(f"note: {note}" for note in self.notes),
            *self._compared(),
            *_listed("refused" if not self.in_use else "in use by force, despite", self.refusals),
            self._outcome(),
        ]
        return "\n".join(map(without_controls, lines))

    def _compared(self) -> list[str]:
        """The values of every comparison, before and after."""
        lines = []
        for name, comparison in self.comparisons.items():
            lines.append(f"compared by {name}, before and after:")
            for row in comparison.rows:
                if row.before is None or row.after is None or row.unit:
                    continue
                place = f"{row.group} / {row.figure}"
                regression = ", a regression" if row.regression else ""
                lines.append(
                    f"  {place:40} {row.before:.3f} {row.after:.3f}, {row.verdict}{regression}"
                )
        return lines

    def _outcome(self) -> str:
        described = f"{self.described} images described in {len(self.passes)} passes"
        seconds = f"{self.total_seconds:.1f} s, writers waited for {self.locked_seconds:.1f}"
        if not self.in_use:
            return (
                f"{self.gallery}: generation {self.before} stays in use; {self.after} is kept "
                f"({described}, {seconds})"
            )
        gone = f"; deleted: {', '.join(self.deleted)}" if self.deleted else ""
        return (
            f"{self.gallery}: generation {self.after} is in use, {self.images} images "
            f"({described}, {seconds}); back to {self.before}: packsight gallery rollback "
            f"{shlex.quote(self.gallery)}{gone}"
        )


def _listed(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    more = [f"  … and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return [f"{title}: {len(lines)}", *(f"  {line}" for line in lines[:SHOWN]), *more]
