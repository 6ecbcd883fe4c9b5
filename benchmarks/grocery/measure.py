"""One row of the table: every query searched, every answer judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.describe import Described
from engine.protocols import Reranker
from engine.search import Searcher
from engine.types import Description, Hit
from grocery.images import Query
from grocery.rows import Row
from offline.metrics.retrieval import Found, average_precision, instance_recall_at
from stages.open_searcher import open_searcher

SHOWN = 5  # products judged


@dataclass(frozen=True)
class Outcome:
    """How one query fared. Hits are of products, ``ap`` is of images; see ``grocerystore``."""

    product_hit: tuple[float, float]  # at 1 and at 5
    category_hit: tuple[float, float]
    ap: float
    routed: int  # categories searched
    holds: bool  # the true category among them
    unsure: bool


@dataclass
class Watching:
    """A reranker that remembers the images it ordered, before they are grouped by product."""

    inner: Reranker
    ordered: list[Hit] = field(default_factory=list)

    @property
    def top_n(self) -> int:
        return self.inner.top_n

    def rerank(self, query: Description, hits: Sequence[Hit]) -> list[Hit]:
        self.ordered = self.inner.rerank(query, hits)
        return self.ordered


@dataclass(frozen=True)
class Judge:
    """A searcher whose ranking of images can be seen, and what its gallery holds."""

    searcher: Searcher
    watching: Watching
    products: dict[int, str]  # product of every image, by id
    images: Counter[str]  # images a product

    def search(self, described: Described, query: Query, row: Row) -> Outcome:
        held = tuple(self.searcher.gallery.categories())
        seen = {"routed": None, "all": held, "true": (query.category,)}[row.sees]
        results = self.searcher.rank(described.description, SHOWN, seen)
        hits = results.products[:SHOWN]
        products = Found.of([hit.record.product_id == query.product for hit in hits])
        categories = Found.of([hit.record.category == query.category for hit in hits])
        ranked = self.ranked(described.description, results.route.categories)
        return Outcome(
            product_hit=_recall(products),
            category_hit=_recall(categories),
            ap=average_precision(
                Found.of(
                    [product == query.product for product in ranked], self.images[query.product]
                )
            ),
            routed=len(results.route.categories),
            holds=query.category in results.route.categories,
            unsure=results.route.unsure,
        )

    def ranked(self, query: Description, categories: Sequence[str]) -> list[str]:
        """Products of all searched images: the reranked ones, then the retrieval's rest."""
        gallery, head = self.searcher.gallery, self.watching.ordered
        found = gallery.search(query.embedding, len(self.products), categories)
        rest = [self.products[neighbour.id] for neighbour in found[len(head) :]]
        return [hit.record.product_id for hit in head] + rest


def _recall(found: Found) -> tuple[float, float]:
    return instance_recall_at(found, 1), instance_recall_at(found, SHOWN)


def measure(
    row: Row, gallery: Path, photos: Sequence[Query], described: Sequence[Described]
) -> list[Outcome]:
    """One outcome a query, in order."""
    with judging(row, gallery) as judge:
        return [judge.search(one, query, row) for one, query in zip(described, photos, strict=True)]


@contextmanager
def judging(row: Row, gallery: Path) -> Iterator[Judge]:
    """Open a gallery with the settings of a row."""
    with open_searcher(gallery, profile=row.profile, overrides=row.overrides) as opened:
        watching = Watching(opened.searcher.reranker)
        products = {source.id: source.product_id for source in opened.gallery.sources()}
        searcher = replace(opened.searcher, reranker=watching)
        yield Judge(searcher, watching, products, Counter(products.values()))
