"""What a search answers to every query of some evidence: products, each by its best view."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from engine.search import IMAGES_A_PRODUCT, group_by_product
from engine.types import Hit, Route
from offline.evaluate.evidence import Evidence


@dataclass(frozen=True)
class Answer:
    """``hits``: one a product, best first. ``retrieved`` were the images that the rerank saw, in
    the order of distances."""

    hits: tuple[Hit, ...]
    retrieved: tuple[Hit, ...]
    route: Route


def answer(evidence: Evidence, query: int, k: int = 10, *, without: Collection[str] = ()) -> Answer:
    """As ``engine.search.Searcher.match`` over a gallery of this evidence (a test holds the two
    together), products in ``without`` taken out of the gallery."""
    reranker = evidence.parts.reranker
    wanted = max(reranker.top_n, k * IMAGES_A_PRODUCT)
    hits = evidence.candidates(query, wanted, without=without)
    while len(hits) == wanted and len({hit.record.product_id for hit in hits}) < k:
        wanted *= 2
        hits = evidence.candidates(query, wanted, without=without)
    ordered = reranker.rerank(evidence.queries[query], hits)
    return Answer(tuple(group_by_product(ordered)[:k]), tuple(hits), evidence.route(query))
