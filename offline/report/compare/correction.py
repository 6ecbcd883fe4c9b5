"""Many figures judged at once: how much more sure each has to be."""

from __future__ import annotations

from collections.abc import Sequence

from offline.report.compare.comparison import CorrectionName


def adjusted(chances: Sequence[float], correction: CorrectionName) -> list[float]:
    """p values that can each be held against the level as if there were no others.

    "benjamini-hochberg" bounds the share of false ones among the differences told (Benjamini and
    Hochberg, Journal of the Royal Statistical Society B, 1995), "holm" the chance of any false
    one (Holm, Scandinavian Journal of Statistics, 1979). "none" leaves p as it is.

    Where nothing changed, every difference told is false, so both bound the chance of any, which
    is what a gate needs; where something did change, the first sees more of it. Holm's holds
    however the figures hang together; the other for figures that rise and fall together, as those
    of one ranking do.
    """
    count = len(chances)
    order = sorted(range(count), key=lambda place: chances[place])
    result = list(chances)
    if correction == "holm":
        reached = 0.0
        for rank, place in enumerate(order):
            reached = max(reached, min(1.0, (count - rank) * chances[place]))
            result[place] = reached
    elif correction == "benjamini-hochberg":
        reached = 1.0
        for rank in range(count, 0, -1):
            place = order[rank - 1]
            reached = min(reached, chances[place] * (count / rank))
            result[place] = reached
    return result
