"""Every query answered as a user would be, and the stage at which the correct product was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.search import Ranked
from offline.datasets.relevance import clusters_of
from offline.evaluate.task import DescribedTask
from offline.report.document import Figure, Group
from offline.report.figures import averaged

PRODUCTS = 10  # per query, the default of a query
TOP = (1, 3, 5, 10)
SEARCHED = "categories searched"


class Loss(StrEnum):
    """The first stage after which the correct product could no longer come first, or did not."""

    NONE = "correct at first place"
    ROUTE = "lost in routing: its category was not searched"
    RETRIEVAL = "lost in retrieval: not among the images that the reranker sees"
    SPOILED = "lost in reranking: it was first before"
    NOT_LIFTED = "seen by the reranker, not put first"


@dataclass(frozen=True, eq=False)
class Outcome:
    """Of one query. ``rank``: of the correct product among the products, None where it is not
    among them; ``doubts``: about the photo's mask."""

    query: int
    ranked: Ranked
    loss: Loss
    rank: int | None
    doubts: tuple[str, ...]

    def within(self, k: int) -> bool:
        return self.rank is not None and self.rank <= k


def outcomes(task: DescribedTask) -> list[Outcome]:
    """Of every query that has a correct product in the gallery."""
    answerable = [at for at, answer in enumerate(task.task.relevance) if answer.relevant]
    return [outcome(task, query, task.answer(query, PRODUCTS)) for query in answerable]


def outcome(task: DescribedTask, query: int, ranked: Ranked) -> Outcome:
    """Correct is what the task lists as relevant, by any of its views."""
    relevant = set(task.task.relevance[query].relevant)
    products = {task.gallery[at].product_id for at in relevant}
    hits = ranked.products[:PRODUCTS]
    rank = next((hit.rank for hit in hits if hit.record.product_id in products), None)
    loss = _loss(task, ranked, relevant, rank)
    return Outcome(query, ranked, loss, rank, task.queries[query].quality.doubts)


def _loss(task: DescribedTask, ranked: Ranked, relevant: set[int], rank: int | None) -> Loss:
    if rank == 1:
        return Loss.NONE
    searched = set(ranked.route.categories)
    if not any(task.gallery[at].category in searched for at in relevant):
        return Loss.ROUTE
    seen = [hit.record.id for hit in ranked.retrieved]
    if seen and seen[0] in relevant:
        return Loss.SPOILED
    if relevant.intersection(seen[: task.searcher.images_needed]):
        return Loss.NOT_LIFTED
    return Loss.RETRIEVAL


def products_group(task: DescribedTask, found: Sequence[Outcome], seed: int) -> Group:
    """Fractions of queries, and how many categories were searched."""
    columns = {f"top@{k} products": [float(one.within(k)) for one in found] for k in TOP}
    columns["MRR products"] = [1.0 / one.rank if one.rank else 0.0 for one in found]
    columns["right category searched"] = [float(one.loss != Loss.ROUTE) for one in found]
    columns[SEARCHED] = [float(len(one.ranked.route.categories)) for one in found]
    images = [task.task.queries[one.query] for one in found]
    clusters = clusters_of(images)
    return Group(
        name="products",
        figures=tuple(_figure(name, column, clusters, seed) for name, column in columns.items()),
        items=tuple(image.id for image in images),
        clusters=clusters,
        meaning="What a user gets for one photo. top@k products: the correct one among the first "
        "k.",
    )


def _figure(name: str, column: Sequence[float], clusters: Sequence[str], seed: int) -> Figure:
    if name == SEARCHED:
        return averaged(
            name, column, seed=seed, clusters=clusters, better="lower", unit="categories"
        )
    return averaged(name, column, seed=seed, clusters=clusters)
