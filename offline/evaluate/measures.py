"""Measures by the names that tables give them: mAP, R@1, mP@10."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.config import unknown_key
from engine.errors import ConfigError
from engine.types import Float64Array
from offline.metrics import retrieval as metrics
from offline.metrics.retrieval import Found


@dataclass(frozen=True)
class Measure:
    """``of`` one query; its table shows the mean over queries. ``meaning`` is for the legend."""

    name: str
    meaning: str
    of: Callable[[Found], float]


@dataclass(frozen=True)
class _AtK:
    meaning: str
    of: Callable[[Found, int], float]


_WHOLE = {
    "mAP": Measure(
        "mAP", "mAP: mean average precision, not interpolated", metrics.average_precision
    ),
    "mAP-trapezoid": Measure(
        "mAP-trapezoid",
        "mAP-trapezoid: mean average precision as Oxford5k's authors compute it",
        metrics.trapezoid_average_precision,
    ),
    "MAP@R": Measure(
        "MAP@R", "MAP@R: average precision of the first R, over R = relevant", metrics.map_at_r
    ),
    "MRR": Measure(
        "MRR", "MRR: mean reciprocal rank of the first relevant picture", metrics.reciprocal_rank
    ),
    "R-precision": Measure(
        "R-precision", "R-precision: precision at R = relevant", metrics.r_precision
    ),
}
_AT_K = {
    "R": _AtK("a relevant picture among the first k", metrics.instance_recall_at),
    "top": _AtK("accuracy: the right label among the first k", metrics.instance_recall_at),
    "recall": _AtK("relevant pictures found among the first k", metrics.set_recall_at),
    "P": _AtK("relevant ones among the first k", metrics.precision_at),
    "F1": _AtK("harmonic mean of P@k and recall@k", metrics.f1_at),
    "AP": _AtK("average precision of the first k", metrics.average_precision_at),
    "mP": _AtK("precision at k or at the last relevant picture", metrics.revisited_precision_at),
}


def measure(name: str) -> Measure:
    """By name; ConfigError with the valid ones."""
    if name in _WHOLE:
        return _WHOLE[name]
    kind, _, depth = name.partition("@")
    if kind not in _AT_K or not depth.isdecimal() or int(depth) < 1:
        valid = [*_WHOLE, *(f"{known}@K" for known in _AT_K)]
        raise unknown_key("measures", name, valid, "measure")
    at = _AT_K[kind]
    return Measure(name, f"{kind}@k: {at.meaning}", partial(_at, at.of, int(depth)))


def _at(of: Callable[[Found, int], float], k: int, found: Found) -> float:
    return of(found, k)


def figures(answers: Sequence[Found], names: Sequence[str]) -> Float64Array:
    """(Q, M) of every query and measure. Raises ConfigError for an unknown name."""
    wanted = [measure(name) for name in names]
    if not wanted:
        raise ConfigError("measures: none given.", remedy="Name one, such as mAP.")
    rows = [[one.of(found) for one in wanted] for found in answers]
    return np.asarray(rows, np.float64).reshape(len(answers), len(wanted))
