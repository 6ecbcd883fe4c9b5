"""Retrieval metrics of one query, from the ranks of its relevant images, and their names.

Ranks count from 1, after the ignored images (junk) were taken out of the ranking: so do Philbin
et al. (CVPR 2007) and Radenović et al. (CVPR 2018). A relevant image without a rank was not
retrieved. All metrics lie in [0, 1], higher is better, and are 0 for a query without a relevant
image; ``offline.evaluate`` leaves such queries out of its means. Metrics at k count the hits among
the first k and raise ValueError for k < 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np

from engine.config import unknown_key
from engine.errors import ConfigError
from engine.types import BoolArray, Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class Found:
    """The ranks of the relevant images of one query.

    ``ranks`` (n,) ascend strictly from 1 on; ``total``: how many relevant images the gallery
    holds, n of them retrieved.
    """

    ranks: IntArray
    total: int

    def __post_init__(self) -> None:
        ranks = np.asarray(self.ranks, np.int64)
        if ranks.ndim != 1 or bool((np.diff(ranks, prepend=0) < 1).any()):
            raise ValueError(f"Found.ranks must ascend from 1 on without repeats, not {self.ranks}")
        if len(ranks) > self.total:
            raise ValueError(f"{len(ranks)} relevant images retrieved, but only {self.total} exist")
        object.__setattr__(self, "ranks", ranks)

    @classmethod
    def of(cls, relevant: Sequence[bool] | BoolArray, total: int | None = None) -> Self:
        """From whether each answer is relevant, in ranked order; ``total``: as many as were
        retrieved unless given."""
        ranks = np.flatnonzero(relevant) + 1
        return cls(ranks, len(ranks) if total is None else total)

    def within(self, k: int) -> int:
        """How many relevant images are among the first k."""
        if k < 1:
            raise ValueError(f"@{k} is not defined: k must be at least 1")
        return int(np.searchsorted(self.ranks, k, side="right"))


def instance_recall_at(found: Found, k: int) -> float:
    """1 if any of the first k is relevant, else 0: the recall@k of instance retrieval.

    Jégou, Douze, Schmid, PAMI 2011; Oh Song et al., CVPR 2016. Where the labels are classes it
    is the top-k accuracy.
    """
    return float(found.within(k) > 0)


def set_recall_at(found: Found, k: int) -> float:
    """Hits / total: the fraction of the relevant images that are among the first k (Manning,
    Raghavan, Schütze: Introduction to Information Retrieval, 2008, eq. 8.2)."""
    return found.within(k) / found.total if found.total else 0.0


def precision_at(found: Found, k: int) -> float:
    """Hits / k: the fraction of relevant images among the first k. It is divided by k even where
    the gallery is smaller, as in trec_eval."""
    return found.within(k) / k


def f1_at(found: Found, k: int) -> float:
    """The harmonic mean of precision and set recall at k: 2 hits / (k + total)."""
    return 2 * found.within(k) / (k + found.total)


def average_precision(found: Found) -> float:
    """Mean of the precision at the rank of every relevant image, 0 for those not retrieved.

    Not interpolated, as trec_eval has it (Buckley, Voorhees, SIGIR 2000).
    """
    return _summed_precisions(found.ranks) / found.total if found.total else 0.0


def average_precision_at(found: Found, k: int) -> float:
    """Average precision of the first k, over min(total, k): a perfect head scores 1."""
    head = found.ranks[: found.within(k)]
    return _summed_precisions(head) / min(found.total, k) if found.total else 0.0


def map_at_r(found: Found) -> float:
    """MAP@R: average precision of the first R = total, over R (Musgrave, Belongie, Lim: A Metric
    Learning Reality Check, ECCV 2020, eq. 6)."""
    return average_precision_at(found, found.total) if found.total else 0.0


def trapezoid_average_precision(found: Found) -> float:
    """The average precision of Oxford5k and Paris6k, and of their revisited versions.

    The area below precision over recall by the trapezoidal rule, with precision 1 before the
    first rank: every relevant image adds the mean of the precision at its rank and of that
    just before it (Philbin et al., compute_ap of the Oxford Buildings data set, CVPR 2007;
    Radenović et al., CVPR 2018). Differs from ``average_precision`` by up to some points.
    """
    if not found.total:
        return 0.0
    before = np.arange(len(found.ranks))  # relevant images found earlier
    earlier = np.where(found.ranks > 1, before / np.maximum(found.ranks - 1, 1), 1.0)
    return float(((before + 1) / found.ranks + earlier).sum() / (2 * found.total))


def revisited_precision_at(found: Found, k: int) -> float:
    """mP@k of the revisited Oxford and Paris: the precision at min(k, rank of the last relevant).

    A query with fewer than k relevant images can reach 1 (Radenović et al., CVPR 2018, as
    their evaluation computes it). 0 where none is retrieved.
    """
    hits = found.within(k)
    return hits / min(k, int(found.ranks[-1])) if hits else 0.0


def r_precision(found: Found) -> float:
    """Precision at R = total (Manning, Raghavan, Schütze 2008, section 8.4)."""
    return precision_at(found, found.total) if found.total else 0.0


def reciprocal_rank(found: Found) -> float:
    """1 / rank of the first relevant image, 0 for none (Voorhees, TREC-8, 1999)."""
    return 1.0 / float(found.ranks[0]) if len(found.ranks) else 0.0


@dataclass(frozen=True)
class Metric:
    """``of`` one query; tables show the mean over queries. ``meaning`` is for the legend."""

    name: str
    meaning: str
    of: Callable[[Found], float]


# The metrics by the names that tables give them: a new one is a function above and a row here.
METRICS: Mapping[str, tuple[str, Callable[[Found], float]]] = {
    "mAP": ("mean average precision, not interpolated", average_precision),
    "mAP-trapezoid": (
        "mean average precision as Oxford5k's authors compute it",
        trapezoid_average_precision,
    ),
    "MAP@R": ("average precision of the first R, over R = relevant", map_at_r),
    "MRR": ("mean reciprocal rank of the first relevant image", reciprocal_rank),
    "R-precision": ("precision at R = relevant", r_precision),
}
# Those with a depth, such as R@1 and AP@10.
METRICS_AT_K: Mapping[str, tuple[str, Callable[[Found, int], float]]] = {
    "R": ("a relevant image among the first k", instance_recall_at),
    "top": ("accuracy: the correct label among the first k", instance_recall_at),
    "recall": ("fraction of the relevant images among the first k", set_recall_at),
    "P": ("fraction of relevant images among the first k", precision_at),
    "F1": ("harmonic mean of P@k and recall@k", f1_at),
    "AP": ("average precision of the first k", average_precision_at),
    "mP": ("precision at k or at the last relevant image", revisited_precision_at),
}


def metric(name: str) -> Metric:
    """By its name in a table, such as "mAP" or "R@5"; ConfigError with the valid names."""
    if name in METRICS:
        meaning, of = METRICS[name]
        return Metric(name, f"{name}: {meaning}", of)
    kind, _, depth = name.partition("@")
    if kind not in METRICS_AT_K or not depth.isdecimal() or int(depth) < 1:
        valid = [*METRICS, *(f"{known}@K" for known in METRICS_AT_K)]
        raise unknown_key("metrics", name, valid, "metric")
    meaning, at = METRICS_AT_K[kind]
    return Metric(name, f"{kind}@k: {meaning}", partial(_at, at, int(depth)))


def metric_values(answers: Sequence[Found], names: Sequence[str]) -> Float64Array:
    """(Q, M), a row for every query, a column for every name. ConfigError for an unknown name."""
    metrics = [metric(name) for name in names]
    if not metrics:
        raise ConfigError("metrics: none given.", remedy="Name one, such as mAP.")
    rows = [[one.of(found) for one in metrics] for found in answers]
    return np.asarray(rows, np.float64).reshape(len(answers), len(metrics))


def _at(of: Callable[[Found, int], float], k: int, found: Found) -> float:
    return of(found, k)


def _summed_precisions(ranks: IntArray) -> float:
    return float((np.arange(1, len(ranks) + 1) / ranks).sum())
