"""How every query fared, at every level and by every way of ranking.

Rankings are judged one query after the other and not kept: those of 60,000 queries in as many
pictures would be 30 GB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.types import Float64Array, IntArray
from offline.evaluate.retrieving.levels import Level
from offline.evaluate.retrieving.ranked import found
from offline.metrics.retrieval import metric_values

# A query to its rankings, by the name of the way.
Ways = Callable[[int], Mapping[str, IntArray]]


@dataclass
class Standing:
    """Of a level's answerable queries, in their order: ``rows`` (Q, M) of the measures, and the
    rank of the first right answer, None where none is found."""

    rows: list[Float64Array] = field(default_factory=list)
    firsts: list[int | None] = field(default_factory=list)

    @property
    def figures(self) -> Float64Array:
        return np.concatenate(self.rows)


@dataclass(frozen=True)
class Standings:
    """``heads``: of every query and way the first positions, for whoever shows them."""

    by_level: Mapping[str, Mapping[str, Standing]]
    heads: Sequence[Mapping[str, IntArray]]

    def of(self, level: Level) -> Mapping[str, Standing]:
        """By way; empty where no query of the level has an answer."""
        return self.by_level[level.name]


def stand(
    levels: Sequence[Level], queries: int, ways: Ways, measures: Sequence[str], *, head: int = 0
) -> Standings:
    """``ways`` is asked once a query. Raises ConfigError for an unknown measure."""
    kept: dict[str, dict[str, Standing]] = {level.name: {} for level in levels}
    heads = []
    for query in range(queries):
        orders = ways(query)
        heads.append({way: order[:head].copy() for way, order in orders.items()})
        for level in levels:
            if not level.totals[query]:
                continue
            relevant = level.relevant(query)
            for way, order in orders.items():
                one = found(order, relevant, level.totals[query])
                standing = kept[level.name].setdefault(way, Standing())
                standing.rows.append(metric_values([one], measures))
                standing.firsts.append(int(one.ranks[0]) if len(one.ranks) else None)
    return Standings(kept, heads)
