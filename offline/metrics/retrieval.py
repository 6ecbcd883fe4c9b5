"""How well one query was answered, from the ranks of its relevant pictures: the papers' measures.

Ranks count from 1, after the ignored pictures (junk) were taken out of the ranking: so do Philbin
et al. (CVPR 2007) and Radenović et al. (CVPR 2018). A relevant picture without a rank was never
retrieved. Every measure is 0 for a query that nothing answers; ``offline.evaluate`` leaves such
queries out of its means. Measures at k count the hits among the first k and raise ValueError for
k < 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.types import IntArray


@dataclass(frozen=True, eq=False)
class Found:
    """Where the relevant pictures of one query stand.

    ``ranks`` (n,) ascend strictly from 1 on; ``total``: how many relevant pictures there are, n
    of them retrieved.
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

    def within(self, k: int) -> int:
        """How many relevant pictures stand among the first k."""
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
    """The share of the relevant pictures that stand among the first k (Manning, Raghavan,
    Schütze: Introduction to Information Retrieval, 2008, eq. 8.2)."""
    return found.within(k) / found.total if found.total else 0.0


def precision_at(found: Found, k: int) -> float:
    """The share of relevant pictures among the first k; k divides even where the gallery is
    smaller, as in trec_eval."""
    return found.within(k) / k


def f1_at(found: Found, k: int) -> float:
    """The harmonic mean of precision and set recall at k: 2 hits / (k + total)."""
    return 2 * found.within(k) / (k + found.total)


def average_precision(found: Found) -> float:
    """Mean of the precision at the rank of every relevant picture, 0 for those not retrieved.

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
    first rank: every relevant picture adds the mean of the precision at its rank and of that
    just before it (Philbin et al., compute_ap of the Oxford Buildings data set, CVPR 2007;
    Radenović et al., CVPR 2018). Differs from ``average_precision`` by up to some points.
    """
    if not found.total:
        return 0.0
    before = np.arange(len(found.ranks))  # relevant pictures found earlier
    earlier = np.where(found.ranks > 1, before / np.maximum(found.ranks - 1, 1), 1.0)
    return float(((before + 1) / found.ranks + earlier).sum() / (2 * found.total))


def revisited_precision_at(found: Found, k: int) -> float:
    """mP@k of the revisited Oxford and Paris: the precision at min(k, rank of the last relevant).

    A query with fewer than k relevant pictures can reach 1 (Radenović et al., CVPR 2018, as
    their evaluation computes it). 0 where none is retrieved.
    """
    hits = found.within(k)
    return hits / min(k, int(found.ranks[-1])) if hits else 0.0


def r_precision(found: Found) -> float:
    """Precision at R = total (Manning, Raghavan, Schütze 2008, section 8.4)."""
    return precision_at(found, found.total) if found.total else 0.0


def reciprocal_rank(found: Found) -> float:
    """1 / rank of the first relevant picture, 0 for none (Voorhees, TREC-8, 1999)."""
    return 1.0 / float(found.ranks[0]) if len(found.ranks) else 0.0


def _summed_precisions(ranks: IntArray) -> float:
    return float((np.arange(1, len(ranks) + 1) / ranks).sum())
