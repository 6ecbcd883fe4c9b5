"""A comparison as values: a row for every figure that both reports have."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from offline.report.document import Better, StageName, Unit, Value

Verdict = Literal["better", "worse", "different", "same", "not judged"]
Method = Literal["paired", "intervals", "exact", "none"]
CorrectionName = Literal["benjamini-hochberg", "holm", "none"]


class Row(Value):
    """One figure before and after.

    ``difference`` is after minus before, over the ``items`` both have where they are paired, with
    its uncorrected 95 % interval. ``p`` is of no difference, ``adjusted`` the same for many
    figures at once, None where too few items changed for any difference. ``change`` is what the
    ``bound`` is held against: the difference, or its fraction of ``before`` where ``relative``;
    None where that fraction does not exist (before = 0).
    """

    system: str
    stage: StageName
    group: str
    figure: str
    unit: Unit
    better: Better
    before: float | None
    after: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    adjusted: float | None
    method: Method
    items: int | None
    verdict: Verdict
    change: float | None
    relative: bool
    bound: float
    regression: bool
    why: str  # the method in words, or why the figure is not judged

    @property
    def place(self) -> str:
        return " / ".join((self.system, self.stage, self.group, self.figure))


class Comparison(Value):
    """``vanished`` and ``appeared``: places of figures that only one report has a value for.

    ``judged``: figures that chance could make differ, for which p is corrected; ``by_chance``:
    how many of them would differ without any cause if each were judged alone at ``level``.
    """

    before: str
    after: str
    rows: tuple[Row, ...]
    vanished: tuple[str, ...]
    appeared: tuple[str, ...]
    warnings: tuple[str, ...]
    level: float
    correction: CorrectionName
    judged: int
    by_chance: float
    seed: int
    resamples: int

    @property
    def regressions(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.regression)

    @property
    def counts(self) -> Counter[Verdict]:
        return Counter(row.verdict for row in self.rows)

    def passes(self, *, strict: bool = False) -> bool:
        """Whether nothing got worse beyond noise and bound and, if strict, nothing vanished."""
        return not self.regressions and not (strict and self.vanished)
