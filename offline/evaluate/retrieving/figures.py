"""Rankings to groups of figures: every measure by level, before and after rerank."""

from __future__ import annotations

from collections.abc import Sequence

from offline.evaluate.evidence import Evidence
from offline.evaluate.ranking import Positions
from offline.evaluate.retrieving.levels import Level
from offline.evaluate.retrieving.ranked import found
from offline.evaluate.summary import Summary, clusters_of, summarise
from offline.report.document import Figure, Group
from offline.retrieval_metrics import Found

# What an evaluator asks of any retrieval; R@k of instance retrieval is top@k here.
MEASURES = (
    "top@1", "top@5", "mAP", "MRR", "P@5", "P@10", "recall@5", "recall@10", "F1@10", "AP@10",
    "R-precision",
)  # fmt: skip


def found_at(level: Level, orders: Sequence[Positions]) -> list[Found]:
    """Of the level's answerable queries, in their order."""
    return [
        found(orders[query], level.relevance[query], level.totals[query])
        for query in level.answerable
    ]


def group(
    name: str,
    evidence: Evidence,
    queries: Sequence[int],
    answers: Sequence[Found],
    *,
    measures: Sequence[str] = MEASURES,
    meaning: str = "",
    seed: int = 0,
) -> Group:
    """``answers`` are of ``queries``; means with 95 % bootstrap intervals."""
    asked = [evidence.task.queries[query] for query in queries]
    clusters = clusters_of(asked)
    return Group(
        name=name,
        figures=figures_of(summarise(answers, measures, seed=seed, clusters=clusters)),
        items=tuple(picture.id for picture in asked),
        clusters=clusters,
        meaning=meaning,
    )


def figures_of(summary: Summary) -> tuple[Figure, ...]:
    """With a sample a query."""
    columns = summary.figures.T.tolist()
    return tuple(
        Figure(
            name=name,
            value=interval.mean,
            low=interval.low,
            high=interval.high,
            samples=tuple(column),
        )
        for name, interval, column in zip(summary.names, summary.intervals, columns, strict=True)
    )
