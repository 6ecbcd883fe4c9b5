"""An ablation as a table and a chart."""

from __future__ import annotations

from collections.abc import Sequence

from offline.evaluate.ablation.costs import TIMED, Cost
from offline.evaluate.ablation.measure import METRICS, Ablation, Switched
from offline.metrics.statistics import Interval
from offline.report.document import Bars, Block, Series, Table

SHOWN = ("top@1", "mAP")


def ablation_blocks(found: Ablation) -> list[Block]:
    """Differences with their paired intervals; nothing where nothing was switched."""
    if not found.switched:
        return []
    costs = [_costs(found.costs)] if found.costs else []
    return [_table(found), *costs, _bars(found)]


def verdict(difference: Interval) -> str:
    """Against the system as it is; an interval that holds 0 decides nothing."""
    if difference.low > 0:
        return "better"
    return "worse" if difference.high < 0 else "within noise"


def _table(found: Ablation) -> Table:
    base = {figure.name: figure.value or 0.0 for figure in found.base.figures}
    first = ("as it is", *(f"{base[name]:.3f}" for name in METRICS), "", "", "")
    return Table(
        title="One part switched at a time",
        columns=("variant", *METRICS, *(f"{name}, difference" for name in SHOWN), "in top@1"),
        rows=(first, *map(_row, found.switched)),
        note="Differences from the system as it is, query by query, with 95 % bootstrap "
        "intervals. With this many rows, some leave 0 by chance.",
    )


def _row(one: Switched) -> tuple[str, ...]:
    values = {figure.name: figure.value or 0.0 for figure in one.group.figures}
    differences = dict(zip(METRICS, one.differences, strict=True))
    return (
        one.variant.name,
        *(f"{values[name]:.3f}" for name in METRICS),
        *(_difference(differences[name]) for name in SHOWN),
        verdict(differences["top@1"]),
    )


def _difference(interval: Interval) -> str:
    return f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def _costs(costs: Sequence[Cost]) -> Table:
    return Table(
        title="What an adaptation costs",
        columns=("variant", "ms a query", "bytes once", "bytes an image, indexes"),
        rows=tuple(
            (one.name, f"{one.milliseconds:.2f}", f"{one.once:,}", f"{one.image:,.0f}")
            for one in costs
        ),
        note=f"Processor time, median of {TIMED} queries at most, from the described photo to the "
        "answer: vote or category head, routing, search, reranking, in a gallery on disk.",
    )


def _bars(found: Ablation) -> Bars:
    return Bars(
        title="What each switch changes",
        labels=tuple(one.variant.name for one in found.switched),
        series=tuple(_series(found, name) for name in SHOWN),
        note="Difference from the system as it is, with its 95 % interval.",
        told=True,
    )


def _series(found: Ablation, name: str) -> Series:
    intervals = [one.differences[METRICS.index(name)] for one in found.switched]
    return Series(
        name=name,
        xs=tuple(float(at) for at in range(len(intervals))),
        ys=tuple(one.mean for one in intervals),
        lows=tuple(one.low for one in intervals),
        highs=tuple(one.high for one in intervals),
    )
