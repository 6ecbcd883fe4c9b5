"""The report's section on retrieval: what the rankings' metrics are, and examples to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.types import IntArray
from offline.evaluate.example_images import hit_thumbnail, matched, query_thumbnail
from offline.evaluate.retrieval.measure import (
    Level,
    Measured,
    levels,
    measure_rankings,
    metric_group,
)
from offline.evaluate.task import EVERYWHERE, RERANKED, RETRIEVED, DescribedTask
from offline.metrics.statistics import RESAMPLES
from offline.report.document import (
    Block,
    Card,
    Cards,
    Histogram,
    Lines,
    Section,
    Series,
    Table,
)

WAYS = {
    RERANKED: "Routed, retrieved and reranked: images as a query meets them.",
    RETRIEVED: "Routed and retrieved, in the order of distances.",
    EVERYWHERE: "Retrieved from all categories, in the order of distances: routing left out.",
}
DEPTH = 50  # of the curve: what a user may still scroll through
SHOWN = 6  # queries per list of examples
HITS = 5  # hits per query: with the query two rows of three


@dataclass(frozen=True)
class RankChange:
    """Ranks of a query's first relevant image before and after reranking, None where it is not
    found."""

    query: int
    before: int | None
    after: int | None

    @property
    def gained(self) -> int:
        """Places won, negative for lost ones; 0 where it is not found."""
        return self.before - self.after if self.before and self.after else 0


def retrieval_section(
    task: DescribedTask, seed: int = 0, more: Sequence[Block] = (), notes: Sequence[str] = ()
) -> Section:
    """Groups by level and way of ranking, the task's own level reranked first; ``more`` blocks
    follow the section's own."""
    found = levels(task)
    measured = measure_rankings(task, found, tuple(WAYS), head=HITS)
    images = task.task.queries
    groups = [
        metric_group(
            f"{level.name}, {way}",
            [images[query] for query in level.answerable],
            values.values,
            meaning=f"{WAYS[way]} Relevant is {level.meaning}.",
            seed=seed,
        )
        for level in found
        for way, values in measured.of(level).items()
    ]
    return Section(
        stage="retrieve",
        groups=tuple(groups),
        blocks=(*_blocks(task, found[0], measured), *more),
        notes=(*_notes(task, found[0], seed), *notes),
    )


def _blocks(task: DescribedTask, level: Level, measured: Measured) -> list[Block]:
    if not level.answerable:
        return []
    ranks = {way: values.first_ranks for way, values in measured.of(level).items()}
    triples = zip(level.answerable, ranks[RETRIEVED], ranks[RERANKED], strict=True)
    changes = [RankChange(query, before, after) for query, before, after in triples]
    histogram = change_histogram(changes)
    heads = [head[RERANKED] for head in measured.heads]
    return [
        match_curve(ranks),
        change_table(changes),
        *([] if histogram is None else [histogram]),
        _by_category(task, level, ranks),
        *example_cards(task, level, changes, heads),
    ]


def match_curve(first_ranks: Mapping[str, Sequence[int | None]], depth: int = DEPTH) -> Lines:
    """The fraction of queries with a relevant image within k, for every k: the cumulative match
    characteristic (Moon, Phillips: Computational and Performance Aspects of PCA-Based Face
    Recognition Algorithms, Perception 2001)."""
    places = range(1, depth + 1)
    series = []
    for way, found in first_ranks.items():
        ranks = [rank for rank in found if rank is not None]
        fractions = [sum(rank <= k for rank in ranks) / len(found) for k in places]
        series.append(Series(name=way, xs=tuple(map(float, places)), ys=tuple(fractions)))
    return Lines(
        title="Answered within k hits", x="k", y="fraction of queries", series=tuple(series)
    )


def change_table(changes: Sequence[RankChange]) -> Table:
    """How many queries moved which way."""
    kinds = (
        ("became correct at first place", lambda c: c.after == 1 and c.before != 1),
        ("was correct at first place, is no longer", lambda c: c.before == 1 and c.after != 1),
        ("moved up", lambda c: c.gained > 0),
        ("moved down", lambda c: c.gained < 0),
        ("kept its rank", lambda c: c.before is not None and c.gained == 0),
        ("not found: its category was not searched", lambda c: c.before is None),
    )
    rows = tuple((name, str(sum(map(test, changes)))) for name, test in kinds)
    return Table(
        title="What reranking moved",
        columns=("first relevant image", "queries"),
        rows=(*rows, ("all", str(len(changes)))),
        note="The first two rows are among the two below them.",
    )


def change_histogram(changes: Sequence[RankChange]) -> Histogram | None:
    """Places won and lost; None where reranking moved nothing."""
    moved = [change.gained for change in changes if change.gained]
    if not moved:
        return None
    # Edges at half places, one place per bin, as far as the furthest move, at most 20 each way.
    reach = min(20, max(abs(gained) for gained in moved))
    inner = [at - 0.5 for at in range(-reach, reach + 2)]
    low, high = min(*moved, -reach) - 0.5, max(*moved, reach) + 0.5
    edges = tuple(sorted({low, *inner, high}))
    counts = [sum(low <= gained < high for gained in moved) for low, high in pairwise(edges)]
    return Histogram(
        title="Rank changes by reranking",
        x="places won (right of 0) or lost (left)",
        edges=edges,
        counts={"queries": tuple(counts)},
        marks=(("no change", 0.0),),
        note="The first relevant image of every query that moved.",
    )


def _by_category(
    task: DescribedTask, level: Level, first_ranks: Mapping[str, Sequence[int | None]]
) -> Table:
    """Fraction of queries that are correct at first place, by the query's own category."""
    names = [task.task.queries[query].category or "–" for query in level.answerable]
    rows = []
    for name in sorted(set(names)):
        mine = [at for at, other in enumerate(names) if other == name]
        correct = [sum(ranks[at] == 1 for at in mine) / len(mine) for ranks in first_ranks.values()]
        rows.append((name, str(len(mine)), *(f"{fraction:.3f}" for fraction in correct)))
    return Table(
        title="top@1 by category",
        columns=("category", "queries", *first_ranks),
        rows=tuple(rows),
    )


def example_cards(
    task: DescribedTask,
    level: Level,
    changes: Sequence[RankChange],
    heads: Sequence[IntArray],
    shown: int = SHOWN,
) -> list[Cards]:
    """Lists of queries that reranking corrected, that it spoiled, and that rank worst; a list
    without queries is left out. ``heads``: the first positions of every query's ranking."""
    lists = (
        ("Corrected by reranking", [c for c in changes if c.gained > 0 and c.after == 1]),
        ("Spoiled by reranking", [c for c in changes if c.gained < 0 and c.before == 1]),
        ("Furthest from correct", [c for c in changes if c.after is None or c.after > 1]),
    )
    return [
        Cards(
            title=title,
            cards=tuple(
                _card(task, level, change, heads[change.query])
                for change in sorted(found, key=_worst_first)[:shown]
            ),
            note=f"{len(found)} such queries; relevant is {level.meaning}.",
        )
        for title, found in lists
        if found
    ]


def _worst_first(change: RankChange) -> tuple[float, int]:
    """Those not found at all come first; ties by the order of the queries."""
    rank = float("inf") if change.after is None else max(change.after, change.before or 0)
    return -rank, change.query


def _card(described: DescribedTask, level: Level, change: RankChange, head: IntArray) -> Card:
    task = described.task
    relevant = level.relevant(change.query)
    positions = head[:HITS].tolist()
    matches = matched(described, change.query, positions)
    # The query has room for the places of one hit.
    shown = next((place for place, match in enumerate(matches) if match is not None), None)
    hits = [
        hit_thumbnail(
            task.gallery[at],
            f"{'correct' if relevant[at] else 'incorrect'}, {place + 1}",
            match if place == shown else None,
        )
        for place, (at, match) in enumerate(zip(positions, matches, strict=True))
    ]
    query = task.queries[change.query]
    before, after = (
        "none" if rank is None else f"rank {rank}" for rank in (change.before, change.after)
    )
    places = ", ".join(
        f"{match.inliers}{' (mirrored)' if match.mirrored else ''} with hit {place}"
        for place, match in enumerate(matches, start=1)
        if match is not None
    )
    return Card(
        title=query.product or query.category or query.id,
        pictures=(
            query_thumbnail(query, "query", None if shown is None else matches[shown]),
            *hits,
        ),
        lines=(
            f"first relevant image: {before} before, {after} after",
            f"searched: {described.routes[change.query].why}",
            *([f"matching places on the label: {places}"] if places else []),
        ),
    )


def _notes(described: DescribedTask, level: Level, seed: int) -> list[str]:
    task, count = described.task, len(level.answerable)
    notes = [
        f"Task {task.name}: {count} queries, {len(task.gallery)} gallery images. Junk and a "
        "query's own image are taken out of a ranking; equal distances rank by place.",
        f"Means over queries with 95 % bootstrap intervals ({RESAMPLES} resamples, seed {seed}); "
        "all photos of a product are resampled together, as they are not independent.",
        "top@k: a relevant image among the first k; recall@k: relevant ones among the first k of "
        "all relevant ones; P@k, F1@k, AP@k of the first k; what was not searched is never found.",
    ]
    left_out = len(described.queries) - count
    if left_out:
        notes.append(f"{left_out} queries have no relevant image in the gallery and are left out.")
    if described.copies:
        notes.append(
            f"{described.copies} queries are in the gallery as well, the very same file: they "
            "make it look easier than it is."
        )
    if described.unread:
        notes.append(
            f"{len(described.unread)} gallery images cannot be read: they are never found, and "
            "count among the relevant ones."
        )
    return notes
