"""The queries of a Packbench, the chain that searches, and how each query fared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grocery.images import Query
from grocery.measure import judging
from grocery.rows import NO_RERANK, SOFT, Row, Variant, variants

from engine.describe import Described
from offline.datasets import Dataset, DatasetImage
from offline.metrics.retrieval import Found, average_precision, instance_recall_at

SHOWN = 5  # products that a query shows


@dataclass(frozen=True)
class Chain:
    """One way to describe, and one to search; ``name`` stands in the table."""

    name: str
    variant: Variant
    row: Row


@dataclass(frozen=True)
class Queries:
    """Queries of one kind, and the family of every product by the gallery's name for it."""

    queries: tuple[Query, ...]
    families: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """How one query fared; products are in the order of their nearest image."""

    product_at_1: float
    product_at_5: float
    family_at_1: float
    ap: float  # of images, before they are grouped by product
    distance: float  # to the nearest image


def chains(u2netp: Path | None, backbone: Path | None) -> list[Chain]:
    """``classic`` as shipped; where both models are given, U²-Netp with a backbone's features."""
    shipped = Row("", "classic", (), profile="classic")
    found = [Chain("classic", Variant("classic", ()), shipped)]
    if u2netp is not None and backbone is not None:
        crop = variants(u2netp, backbone)["crop"]
        found.append(Chain(f"u2netp + {backbone.stem}", crop, Row("", "", (*NO_RERANK, *SOFT))))
    return found


def queries_of(dataset: Dataset, split: str) -> Queries:
    """The images of a split as queries; Raises ConfigError where there is no such split."""
    queries = tuple(_query(image) for image in dataset.images(split))
    images = [p for name in ("catalogue", split) for p in dataset.images(name)]
    return Queries(queries, {_product(image): str(image.family) for image in images})


def answers(
    chain: Chain, gallery: Path, task: Queries, described: Sequence[Described]
) -> list[Answer]:
    """One a query, in order."""
    found = []
    with judging(chain.row, gallery) as judge:
        for one, query in zip(described, task.queries, strict=True):
            results = judge.searcher.rank(one.description, SHOWN)
            ranked = judge.ranked(one.description, results.route.categories)
            nearest = list(dict.fromkeys(ranked))[:SHOWN]
            product = Found.of([product == query.product for product in nearest])
            own = task.families[query.product]
            family = Found.of([task.families[product] == own for product in nearest])
            images = Found.of(
                [product == query.product for product in ranked], judge.images[query.product]
            )
            found.append(
                Answer(
                    instance_recall_at(product, 1),
                    instance_recall_at(product, SHOWN),
                    instance_recall_at(family, 1),
                    average_precision(images),
                    min((hit.distance for hit in results.products[:SHOWN]), default=float("inf")),
                )
            )
    return found


def _query(image: DatasetImage) -> Query:
    return Query(image.path.absolute(), _product(image), str(image.category))


def _product(image: DatasetImage) -> str:
    """As an ingest names it from the catalogue's folders."""
    return f"{image.category}/{image.product}"
