"""The report's section on retrieval."""

from __future__ import annotations

from collections.abc import Sequence

from offline.evaluate.evidence import Evidence
from offline.evaluate.ranking import Positions
from offline.evaluate.retrieving.changes import (
    change_histogram,
    change_table,
    changes,
    match_curve,
)
from offline.evaluate.retrieving.examples import example_cards
from offline.evaluate.retrieving.figures import found_at, group
from offline.evaluate.retrieving.levels import Level, levels
from offline.evaluate.retrieving.ranked import ranked
from offline.metrics import RESAMPLES
from offline.report.document import Block, Group, Section, Table

# The ways of ranking that stand side by side, and what each one is.
RERANKED, RETRIEVED, EVERYWHERE = "reranked", "before rerank", "all categories searched"
MEANINGS = {
    RERANKED: "Routed, retrieved and reranked: images as a query meets them.",
    RETRIEVED: "Routed and retrieved, in the order of distances.",
    EVERYWHERE: "Retrieved from all categories, in the order of distances: routing left out.",
}


def retrieval_section(
    evidence: Evidence, seed: int = 0, more: Sequence[Block] = (), notes: Sequence[str] = ()
) -> Section:
    """Groups by level and way of ranking, the task's own level reranked first; ``more`` blocks
    follow the section's own."""
    orders = _orders(evidence)
    found = levels(evidence)
    groups = [
        _group(evidence, level, way, orders[way], seed)
        for level in found
        if level.answerable
        for way in orders
    ]
    return Section(
        stage="retrieve",
        groups=tuple(groups),
        blocks=(*_blocks(evidence, found[0], orders), *more),
        notes=(*_notes(evidence, found[0], seed), *notes),
    )


def _orders(evidence: Evidence) -> dict[str, list[Positions]]:
    routed = ranked(evidence)
    queries = range(len(evidence.queries))
    return {
        RERANKED: [one.reranked for one in routed],
        RETRIEVED: [one.order for one in routed],
        EVERYWHERE: [evidence.order(query, route=False)[0] for query in queries],
    }


def _group(
    evidence: Evidence, level: Level, way: str, orders: Sequence[Positions], seed: int
) -> Group:
    name = f"{level.name}, {way}"
    answers = found_at(level, orders)
    meaning = f"{MEANINGS[way]} Right is the same {level.name}."
    return group(name, evidence, level.answerable, answers, meaning=meaning, seed=seed)


def _blocks(evidence: Evidence, level: Level, orders: dict[str, list[Positions]]) -> list[Block]:
    if not level.answerable:
        return []
    answers = {way: found_at(level, of_way) for way, of_way in orders.items()}
    moved = changes(level.answerable, answers[RETRIEVED], answers[RERANKED])
    histogram = change_histogram(moved)
    blocks: list[Block] = [match_curve(answers), change_table(moved)]
    if histogram is not None:
        blocks.append(histogram)
    return [
        *blocks,
        _by_category(evidence, level, orders),
        *example_cards(evidence, level, moved, orders[RERANKED]),
    ]


def _by_category(evidence: Evidence, level: Level, orders: dict[str, list[Positions]]) -> Table:
    """Share of queries that are right at first place, by the query's own category."""
    ways = (RERANKED, RETRIEVED, EVERYWHERE)
    firsts = {way: [one.within(1) for one in found_at(level, orders[way])] for way in ways}
    names = [evidence.task.queries[query].category or "–" for query in level.answerable]
    rows = []
    for name in sorted(set(names)):
        mine = [at for at, other in enumerate(names) if other == name]
        shares = [sum(firsts[way][at] for at in mine) / len(mine) for way in ways]
        rows.append((name, str(len(mine)), *(f"{share:.3f}" for share in shares)))
    return Table(
        title="top@1 by category",
        columns=("category", "queries", *ways),
        rows=tuple(rows),
    )


def _notes(evidence: Evidence, level: Level, seed: int) -> list[str]:
    task, asked = evidence.task, len(level.answerable)
    notes = [
        f"Task {task.name}: {asked} queries, {len(task.gallery)} gallery pictures. Junk and a "
        "query's own picture are taken out of a ranking; equal distances rank by place.",
        f"Means over queries with 95 % bootstrap intervals ({RESAMPLES} resamples, seed {seed}); "
        "all photos of a product are drawn together, as they are not independent.",
        "top@k: a right answer among the first k; recall@k: right ones among the first k of all "
        "right ones; P@k, F1@k, AP@k of the first k; what was not searched is never found.",
    ]
    left_out = len(evidence.queries) - asked
    if left_out:
        notes.append(f"{left_out} queries have no right answer in the gallery and are left out.")
    if evidence.copies:
        notes.append(
            f"{evidence.copies} queries are in the gallery as well, the very same file: they make "
            "it look easier than it is."
        )
    if evidence.unread:
        notes.append(
            f"{len(evidence.unread)} gallery pictures cannot be read: they are never found, and "
            "count among the right answers."
        )
    return notes
