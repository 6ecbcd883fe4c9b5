"""What a rerank did to the rank of every query's first right answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from offline.report.document import Histogram, Lines, Series, Table

DEPTH = 50  # of the curve: what somebody may still scroll through


@dataclass(frozen=True)
class Change:
    """Ranks of a query's first right answer, None where it is not found."""

    query: int
    before: int | None
    after: int | None

    @property
    def gained(self) -> int:
        """Places won, negative for lost ones; 0 where it is not found."""
        return self.before - self.after if self.before and self.after else 0


def changes(
    queries: Sequence[int], before: Sequence[int | None], after: Sequence[int | None]
) -> list[Change]:
    """One a query, in order, from the ranks of the first right answers."""
    triples = zip(queries, before, after, strict=True)
    return [Change(query, old, new) for query, old, new in triples]


def change_table(found: Sequence[Change]) -> Table:
    """How many queries went which way."""
    kinds = (
        ("became right at first place", lambda c: c.after == 1 and c.before != 1),
        ("was right at first place, is no longer", lambda c: c.before == 1 and c.after != 1),
        ("moved up", lambda c: c.gained > 0),
        ("moved down", lambda c: c.gained < 0),
        ("kept its rank", lambda c: c.before is not None and c.gained == 0),
        ("not found: its category was not searched", lambda c: c.before is None),
    )
    rows = tuple((name, str(sum(map(test, found)))) for name, test in kinds)
    return Table(
        title="What the rerank moved",
        columns=("first right answer", "queries"),
        rows=(*rows, ("all", str(len(found)))),
        note="The first two rows are among the two below them.",
    )


def change_histogram(found: Sequence[Change]) -> Histogram | None:
    """Places won and lost; None where the rerank moved nothing."""
    moved = [change.gained for change in found if change.gained]
    if not moved:
        return None
    edges = _edges(moved)
    counts = [sum(low <= gained < high for gained in moved) for low, high in pairwise(edges)]
    return Histogram(
        title="Rank changes by the rerank",
        x="places won (right of 0) or lost (left)",
        edges=edges,
        counts={"queries": tuple(counts)},
        marks=(("no change", 0.0),),
        note="The first right answer of every query that moved.",
    )


def _edges(moved: Sequence[int]) -> tuple[float, ...]:
    """At half places, one place a bin, as far as the furthest move, at most 20 each way."""
    reach = min(20, max(abs(gained) for gained in moved))
    inner = [at - 0.5 for at in range(-reach, reach + 2)]
    low, high = min(*moved, -reach) - 0.5, max(*moved, reach) + 0.5
    return tuple(sorted({low, *inner, high}))


def match_curve(firsts: Mapping[str, Sequence[int | None]], depth: int = DEPTH) -> Lines:
    """The share of queries with a right answer within k, for every k: the cumulative match
    characteristic (Moon, Phillips: Computational and Performance Aspects of PCA-Based Face
    Recognition Algorithms, Perception 2001)."""
    return Lines(
        title="Answered within k hits",
        x="k",
        y="share of queries",
        series=tuple(_within(name, found, depth) for name, found in firsts.items()),
    )


def _within(name: str, firsts: Sequence[int | None], depth: int) -> Series:
    ranks = [rank for rank in firsts if rank is not None]
    places = range(1, depth + 1)
    shares = [sum(rank <= k for rank in ranks) / len(firsts) for k in places]
    return Series(name=name, xs=tuple(map(float, places)), ys=tuple(shares))
