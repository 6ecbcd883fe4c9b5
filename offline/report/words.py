"""How values and stages are written, in all forms of a report: units, digits and titles."""

from __future__ import annotations

from offline.report.document import Better, Figure, StageName, Unit

STAGES: dict[StageName, str] = {
    "segment": "Segmentation",
    "classify": "Classification",
    "retrieve": "Retrieval",
    "no-match": "No match",
    "end-to-end": "End to end",
    "efficiency": "Efficiency",
}
AGAIN = "How to make this report again"
SIDE_BY_SIDE = "All systems side by side"
TOGETHER = "At a glance"
ABSENT = "–"
ARROWS: dict[Better, str] = {"higher": "↑", "lower": "↓", "neither": ""}
MEANINGS: dict[Better, str] = {
    "higher": "higher is better",
    "lower": "lower is better",
    "neither": "neither is better",
}


def shown(value: float | None, unit: Unit = "") -> str:
    """Such as 0.874, 1,800, 12.3 ms or 4.5 MiB; a dash for None."""
    if value is None:
        return ABSENT
    if unit == "bytes":
        return _bytes(value)
    if unit == "pictures":  # the JSON's word, which users have
        return f"{value:,.0f} images"
    return f"{plain(value)} {unit}" if unit else plain(value)


def plain(value: float) -> str:
    """Three decimals below ten, three digits or all before the point above, where whole numbers
    are written as such.

    A number below 0.001 keeps two digits, so that it does not read as nothing.
    """
    size = abs(value)
    if value == int(value) and size < 1e15:
        return f"{value:,.0f}" if size >= 10 else f"{value:.3f}"
    if size < 0.001:
        return f"{value:.2g}"
    digits = 3 if size < 10 else 1 if size < 100 else 0
    return f"{value:,.{digits}f}"


def bare(value: float) -> str:
    """As short as it can be, in six digits at most: for ticks and positions."""
    if abs(value) < 1e-12:
        return "0"
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e9 else f"{value:.6g}"


def interval(figure: Figure) -> str:
    """Such as "0.851–0.902" or "76.8–84.8 ms", with "to" where a dash could be a minus; "" where
    a figure has none."""
    if figure.low is None or figure.high is None:
        return ""
    low, high = shown(figure.low, figure.unit), shown(figure.high, figure.unit)
    number, _, unit = low.partition(" ")
    if unit and high.endswith(f" {unit}"):
        low = number
    return f"{low}–{high}" if figure.low >= 0 else f"{low} to {high}"


def _bytes(value: float) -> str:
    for name in ("bytes", "KiB", "MiB", "GiB"):
        if abs(value) < 1024 or name == "GiB":
            return f"{value:,.0f} {name}" if name == "bytes" else f"{value:,.1f} {name}"
        value /= 1024
    raise AssertionError("unreachable")
