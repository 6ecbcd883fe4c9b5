"""The report's section on retrieval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.types import IntArray
from offline.evaluate.evidence import Evidence
from offline.evaluate.retrieving.changes import (
    change_histogram,
    change_table,
    changes,
    match_curve,
)
from offline.evaluate.retrieving.examples import HITS, example_cards
from offline.evaluate.retrieving.figures import MEASURES, group
from offline.evaluate.retrieving.levels import Level, levels
from offline.evaluate.retrieving.ranked import reranked
from offline.evaluate.retrieving.standings import Standing, Standings, stand
from offline.metrics.statistics import RESAMPLES
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
    found = levels(evidence)
    queries = len(evidence.queries)
    standings = stand(found, queries, lambda query: _ways(evidence, query), MEASURES, head=HITS)
    groups = [
        _group(evidence, level, way, standing, seed)
        for level in found
        for way, standing in standings.of(level).items()
    ]
    return Section(
        stage="retrieve",
        groups=tuple(groups),
        blocks=(*_blocks(evidence, found[0], standings), *more),
        notes=(*_notes(evidence, found[0], seed), *notes),
    )


def _ways(evidence: Evidence, query: int) -> dict[str, IntArray]:
    order, _ = evidence.order(query)
    everywhere, _ = evidence.order(query, route=False)
    return {
        RERANKED: reranked(evidence, query, order),
        RETRIEVED: order,
        EVERYWHERE: everywhere,
    }


def _group(evidence: Evidence, level: Level, way: str, standing: Standing, seed: int) -> Group:
    name = f"{level.name}, {way}"
    meaning = f"{MEANINGS[way]} Right is the same {level.name}."
    return group(name, evidence, level.answerable, standing, meaning=meaning, seed=seed)


def _blocks(evidence: Evidence, level: Level, standings: Standings) -> list[Block]:
    if not level.answerable:
        return []
    firsts = {way: standing.firsts for way, standing in standings.of(level).items()}
    moved = changes(level.answerable, firsts[RETRIEVED], firsts[RERANKED])
    histogram = change_histogram(moved)
    blocks: list[Block] = [match_curve(firsts), change_table(moved)]
    if histogram is not None:
        blocks.append(histogram)
    heads = [head[RERANKED] for head in standings.heads]
    return [
        *blocks,
        _by_category(evidence, level, firsts),
        *example_cards(evidence, level, moved, heads),
    ]


def _by_category(
    evidence: Evidence, level: Level, firsts: Mapping[str, Sequence[int | None]]
) -> Table:
    """Share of queries that are right at first place, by the query's own category."""
    names = [evidence.task.queries[query].category or "–" for query in level.answerable]
    rows = []
    for name in sorted(set(names)):
        mine = [at for at, other in enumerate(names) if other == name]
        shares = [sum(ranks[at] == 1 for at in mine) / len(mine) for ranks in firsts.values()]
        rows.append((name, str(len(mine)), *(f"{share:.3f}" for share in shares)))
    return Table(
        title="top@1 by category",
        columns=("category", "queries", *firsts),
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
