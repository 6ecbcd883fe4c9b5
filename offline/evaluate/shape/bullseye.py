"""The bullseye score: the share of a shape's class among twice as many answers.

Latecki, Lakämper, Eckhardt: Shape Descriptors for Non-Rigid Shapes with a Single Closed Contour,
CVPR 2000: with 20 shapes a class, those of the query's own among the 40 nearest, itself counted,
over 20. The mean over all queries is the score.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from offline.datasets.types import Relevance
from offline.evaluate.ranking import first
from offline.evaluate.shape.methods import Distances


def bullseye(distances: Distances, answer: Relevance, depth: int) -> float:
    """Of one query with (N,) distances, in [0, 1]: relevant among the ``depth`` nearest, over
    all relevant.

    Ties by position; an infinite distance is never an answer. 0 where nothing is relevant.
    Raises ValueError for NaN.
    """
    if bool(np.isnan(distances).any()):
        raise ValueError("a distance is not a number")
    if not answer.relevant:
        return 0.0
    line = np.array(distances, np.float32)
    line[list(answer.ignored)] = np.inf
    found = np.isin(first(line, depth), answer.relevant)
    return float(found.sum()) / len(answer.relevant)


def bullseyes(
    rows: Iterable[Distances], answers: Sequence[Relevance], depth: int | None = None
) -> list[float]:
    """One score for each query, aligned with ``rows`` and ``answers``; a ``depth`` of None is
    twice as many answers as the query has relevant ones."""
    return [
        bullseye(row, answer, depth or 2 * len(answer.relevant))
        for row, answer in zip(rows, answers, strict=True)
    ]
