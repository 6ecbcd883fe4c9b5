"""What matting adds to a segmenter's masks, picture by picture."""

from __future__ import annotations

from offline.evaluate.segmentation.figures import MEASURES, Measure, cluster_of
from offline.evaluate.segmentation.judging import JudgedMask, JudgedMasks
from offline.metrics.statistics import bootstrap
from offline.report.document import Table


def matting_gain(judged: JudgedMasks, seed: int) -> Table:
    """Of mattes with and without; an interval without 0 is a change beyond the noise."""
    pairs = list(zip(judged.served, judged.rough, strict=True))
    rows = (_row(measure, pairs, seed) for measure in MEASURES)
    return Table(
        title="What matting changes",
        columns=("measure", "better", "without", "with", "change", "95 % interval"),
        rows=tuple(row for row in rows if row is not None),
        note="Change: mean over pictures of the difference on the same picture.",
    )


def _row(
    measure: Measure, pairs: list[tuple[JudgedMask, JudgedMask]], seed: int
) -> tuple[str, ...] | None:
    """None where no picture counts."""
    known = [
        (with_, without, cluster_of(one))
        for one, other in pairs
        if (with_ := measure.of(one)) is not None and (without := measure.of(other)) is not None
    ]
    if not known:
        return None
    refined, rough, clusters = zip(*known, strict=True)
    gain = bootstrap(
        [a - b for a, b in zip(refined, rough, strict=True)], seed=seed, clusters=clusters
    )
    return (
        measure.name,
        measure.better,
        f"{sum(rough) / len(rough):.3f}",
        f"{sum(refined) / len(refined):.3f}",
        f"{gain.mean:+.4f}",
        f"{gain.low:+.4f} to {gain.high:+.4f}",
    )
