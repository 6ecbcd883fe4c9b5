"""The bullseye table as Markdown and as JSON."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np

from offline.evaluate.shape.measure import CANDIDATES, Measured, ShapeResult
from offline.report.tables import markdown

SCHEMA = 1
_HARDEST = 5  # classes named below the table


def markdown_text(result: ShapeResult, name: str) -> str:
    """A table with a row for each descriptor, and the hardest classes of the last one."""
    head = (
        "descriptor",
        "bullseye",
        "95 % interval",
        "describe, ms",
        f"{CANDIDATES:,} candidates, ms",
    )
    rows = [_row(one) for one in result.measured]
    shapes = Counter(result.classes)
    last = result.measured[-1]
    worst = sorted(_by_class(result, last).items(), key=lambda pair: (pair[1], pair[0]))[:_HARDEST]
    return "\n\n".join(
        [
            f"## {name}: {len(result.classes)} silhouettes of {len(shapes)} classes, "
            f"{result.depth or 'twice the relevant'} answers judged",
            markdown(head, rows),
            "Intervals resample classes. Milliseconds are the processor's, all threads together, "
            "medians.",
            f"Hardest for {last.method}: " + ", ".join(f"{n} {score:.2f}" for n, score in worst),
        ]
    )


def json_text(result: ShapeResult, name: str, seed: int) -> str:
    """Every value of the table, and the score of every class."""
    found = {
        "schema": SCHEMA,
        "data": name,
        "seed": seed,
        "shapes": len(result.classes),
        "gallery": result.gallery,
        "depth": result.depth,
        "descriptors": [
            {
                "name": one.method,
                "bullseye": one.bullseye.mean,
                "low": one.bullseye.low,
                "high": one.bullseye.high,
                "describe_ms": one.describing,
                f"compare_{CANDIDATES}_ms": one.comparing,
                "classes": _by_class(result, one),
            }
            for one in result.measured
        ],
    }
    return json.dumps(found, indent=1, ensure_ascii=False)


def _row(one: Measured) -> tuple[str, ...]:
    interval = f"{one.bullseye.low:.3f} to {one.bullseye.high:.3f}"
    times = (f"{one.describing:.2f}", f"{one.comparing:.2f}")
    return (one.method, f"{one.bullseye.mean:.3f}", interval, *times)


def _by_class(result: ShapeResult, one: Measured) -> dict[str, float]:
    """The mean score of each class's queries, in the classes' order."""
    classes = np.array(result.classes)
    scores = np.array(one.scores)
    return {name: float(scores[classes == name].mean()) for name in dict.fromkeys(result.classes)}
