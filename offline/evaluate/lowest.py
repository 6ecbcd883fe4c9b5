"""Which categories a chart shows where there are more than can be read: those that do worst."""

from __future__ import annotations

from collections.abc import Mapping

MOST = 40


def lowest(values: Mapping[str, float], most: int = MOST) -> tuple[tuple[str, ...], str]:
    """Names of the lowest values, in the order of ``values``; ties by name. And a sentence that
    says so, empty where all are shown."""
    worst = set(sorted(values, key=lambda name: (values[name], name))[:most])
    left = len(values) - len(worst)
    note = f"The {most} categories that do worst; {left} more do better." if left else ""
    return tuple(name for name in values if name in worst), note
