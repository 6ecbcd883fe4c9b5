"""At which stage the right answer to a query was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from offline.evaluate.answering.answers import Answer
from offline.evaluate.evidence import Evidence
from offline.report.document import Table


class Loss(StrEnum):
    """The first stage after which the right product could no longer come first, or did not."""

    NONE = "right at first place"
    ROUTE = "lost in routing: its category was not searched"
    RETRIEVAL = "lost in retrieval: not among the images that the rerank sees"
    SPOILED = "lost in rerank: it was first before"
    NOT_LIFTED = "seen by the rerank, not put first"


@dataclass(frozen=True)
class Fate:
    """Of one query. ``rank``: of the right product among the products, None where it is not
    answered at all; ``flags``: what is wrong with the photo's mask."""

    query: int
    loss: Loss
    rank: int | None
    flags: tuple[str, ...]


def fate(evidence: Evidence, query: int, answer: Answer) -> Fate:
    """Right is what the task says is right, by any of its views."""
    task = evidence.task
    right = set(task.relevance[query].relevant)
    products = {evidence.gallery[at].product_id for at in right}
    rank = next((hit.rank for hit in answer.hits if hit.record.product_id in products), None)
    flags = evidence.queries[query].quality.flags
    return Fate(query, _loss(evidence, answer, right, rank), rank, flags)


def _loss(evidence: Evidence, answer: Answer, right: set[int], rank: int | None) -> Loss:
    if rank == 1:
        return Loss.NONE
    searched = set(answer.route.categories)
    if not any(evidence.gallery[at].category in searched for at in right):
        return Loss.ROUTE
    first = answer.retrieved[0].record.id if answer.retrieved else None
    if first in right:
        return Loss.SPOILED
    seen = answer.retrieved[: evidence.parts.reranker.top_n]
    if any(hit.record.id in right for hit in seen):
        return Loss.NOT_LIFTED
    return Loss.RETRIEVAL


def loss_table(fates: Sequence[Fate]) -> Table:
    """How many queries each stage lost, and how many of them had a doubtful mask."""
    rows = []
    for loss in Loss:
        mine = [one for one in fates if one.loss == loss]
        doubtful = sum(bool(one.flags) for one in mine)
        rows.append((loss.value, str(len(mine)), f"{len(mine) / len(fates):.3f}", str(doubtful)))
    return Table(
        title="Where the right product is lost",
        columns=("the right product is", "queries", "share", "with a doubtful mask"),
        rows=tuple(rows),
        note="A mask is doubtful where it raises a flag: empty, touching the border, several "
        "objects, nearly everything, untrusted.",
    )
