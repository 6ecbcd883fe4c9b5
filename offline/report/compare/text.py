"""A comparison as Markdown."""

from __future__ import annotations

from offline.report.compare.comparison import Comparison, Row, Verdict
from offline.report.document import Unit
from offline.report.text import escaped, table_text
from offline.report.words import ABSENT, shown

_ORDER: tuple[Verdict, ...] = ("worse", "better", "different", "same", "not judged")
_QUIET: frozenset[Verdict] = frozenset({"same", "not judged"})
_WORDS: dict[Verdict, str] = {"same": "the same within noise"}
_HEAD = ("figure", "before", "after", "difference (95 %)", "items", "p", "verdict")
_CORRECTIONS = {
    "benjamini-hochberg": "p is corrected for that after Benjamini and Hochberg",
    "holm": "p is corrected for that after Holm",
    "none": "p is not corrected for that",
}
_LISTED = 20  # names of figures that vanished or appeared


def comparison_text(comparison: Comparison, *, everything: bool = False) -> str:
    """What changed, what is gone, and the outcome; ``everything``: what stayed the same too.

    Ends with a newline.
    """
    counts = comparison.counts
    counted = ", ".join(f"{counts[v]} {_WORDS.get(v, v)}" for v in _ORDER if counts[v])
    parts = [f"# {escaped(comparison.before)} → {escaped(comparison.after)}"]
    parts += ["\n".join(f"- Take care: {escaped(one)}" for one in comparison.warnings)]
    parts += [
        f"{counted[:1].upper()}{counted[1:]}.",
        _chance(comparison),
        _table(comparison, everything),
    ]
    parts += [_listed("Gone", comparison.vanished), _listed("New", comparison.appeared)]
    parts.append(_outcome(comparison))
    text = "\n\n".join(part for part in parts if part) + "\n"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _chance(comparison: Comparison) -> str:
    judged = comparison.judged
    text = "No value was tested."
    if judged:
        text = (
            f"{judged} {'value was' if judged == 1 else 'values were'} tested. At "
            f"{100 * comparison.level:g} % each, about {comparison.by_chance:.1f} would differ by "
            f"chance alone; {_CORRECTIONS[comparison.correction]}."
        )
    few = sum(row.method == "paired" and row.adjusted is None for row in comparison.rows)
    if few:
        text += f" {few} more have too few items that changed to be tested, and do not count."
    alone = sum(_alone(row, comparison.level) for row in comparison.rows)
    if alone:
        text += (
            f" {alone} would differ if tested alone; to test few values, name them "
            "with --only before looking."
        )
    return text


def _alone(row: Row, level: float) -> bool:
    """Whether only the other figures keep it from being a difference."""
    return row.verdict == "same" and row.p is not None and row.p <= level


def _table(comparison: Comparison, everything: bool) -> str:
    rows = [
        _cells(row, comparison.level)
        for row in comparison.rows
        if everything or row.verdict not in _QUIET or _alone(row, comparison.level)
    ]
    return table_text(_HEAD, rows) if rows else ""


def _cells(row: Row, level: float) -> tuple[str, ...]:
    before, after = shown(row.before, row.unit), shown(row.after, row.unit)
    chance = row.p if row.adjusted is None else row.adjusted
    items = "" if row.items is None else f"{row.items:,}"
    written = ABSENT if chance is None else f"{chance:.3f}" if chance >= 0.001 else "≤ 0.001"
    return row.place, before, after, _difference(row), items, written, _verdict(row, level)


def _verdict(row: Row, level: float) -> str:
    if row.regression:
        return "worse: REGRESSION"
    if row.verdict == "not judged":
        return f"not judged ({row.why.removesuffix(': not judged')})"
    return f"same (alone: p = {row.p:.3f})" if _alone(row, level) else row.verdict


def _difference(row: Row) -> str:
    if row.difference is None or row.low is None or row.high is None:
        return ABSENT
    text = _signed(row.difference, row.unit)
    if row.method != "exact":
        text += f" ({_signed(row.low, row.unit)} to {_signed(row.high, row.unit)})"
    if row.relative and row.change is not None:
        text += f", {row.change:+.0%}"
    return text


def _signed(value: float, unit: Unit) -> str:
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{shown(abs(value), unit)}"


def _listed(what: str, places: tuple[str, ...]) -> str:
    if not places:
        return ""
    lines = [f"- {escaped(place)}" for place in places[:_LISTED]]
    if len(places) > _LISTED:
        lines.append(f"- and {len(places) - _LISTED} more")
    return f"{what}, {len(places)} in all:\n\n" + "\n".join(lines)


def _outcome(comparison: Comparison) -> str:
    found = comparison.regressions
    if not found:
        return "No regression: nothing that gates is worse beyond the noise and its bound."
    lines = []
    for row in found:
        by = ABSENT if row.change is None else f"{abs(row.change):.3g}"
        lines.append(f"- {escaped(row.place)}: worse by {by}, and {row.bound:g} may pass")
    count = "1 regression" if len(found) == 1 else f"{len(found)} regressions"
    return f"{count}:\n\n" + "\n".join(lines)
