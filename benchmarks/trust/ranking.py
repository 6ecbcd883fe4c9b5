"""Queries against a catalogue in memory, every category searched, under one rule of trust."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from engine.protocols import Reranker
from engine.search import group_by_product
from engine.types import Description, FloatArray, Hit, Record
from trust.two_ways import TwoWays

SHOWN = 5  # products judged
HEAD = 60  # images that are ranked one by one: five products have at most twelve views each

Chooses = Callable[[TwoWays], Description]


@dataclass(frozen=True)
class Outcome:
    """How one query fared; products in the order of their best image."""

    product_at_1: float
    product_at_5: float
    family_at_1: float
    family_at_5: float
    reciprocal: float  # 1 / rank of the correct product, 0 beyond the head


def outcomes_of(
    queries: Sequence[TwoWays],
    catalogue: Sequence[TwoWays],
    reranker: Reranker,
    chooses: Chooses,
) -> list[Outcome]:
    """One a query, in order."""
    held = [chooses(one) for one in catalogue]
    vectors = np.stack([one.embedding.vector for one in held])
    records = [_record(n, catalogue[n], one) for n, one in enumerate(held)]
    families = {_product(one): str(one.image.family) for one in catalogue}
    chosen = [chooses(one) for one in queries]
    distances = _distances(np.stack([one.embedding.vector for one in chosen]), vectors)
    found = []
    for query, described, row in zip(queries, chosen, distances, strict=True):
        hits = _nearest(row, records)
        ranked = group_by_product(reranker.rerank(described, hits))
        products = [hit.record.product_id for hit in ranked]
        found.append(_outcome(products, _product(query), str(query.image.family), families))
    return found


def _distances(queries: FloatArray, vectors: FloatArray) -> FloatArray:
    """(Q, N) Euclidean."""
    squares = (queries**2).sum(1)[:, None] + (vectors**2).sum(1) - 2 * queries @ vectors.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float32)


def _nearest(distances: FloatArray, records: Sequence[Record]) -> list[Hit]:
    order = np.argsort(distances, kind="stable")[:HEAD]
    return [
        Hit(records[n], rank, 1 - float(distances[n]) ** 2 / 2, float(distances[n]))
        for rank, n in enumerate(order.tolist(), start=1)
    ]


def _outcome(
    products: Sequence[str], product: str, family: str, families: dict[str, str]
) -> Outcome:
    right = [one == product for one in products]
    kin = [families[one] == family for one in products]
    return Outcome(
        float(any(right[:1])),
        float(any(right[:SHOWN])),
        float(any(kin[:1])),
        float(any(kin[:SHOWN])),
        1 / (1 + right.index(True)) if any(right) else 0.0,
    )


def _record(number: int, one: TwoWays, described: Description) -> Record:
    image = one.image
    return Record(
        number,
        "",
        _product(one),
        str(image.category),
        True,
        str(image.path),
        MappingProxyType({}),
        described,
    )


def _product(one: TwoWays) -> str:
    return f"{one.image.category}/{one.image.product}"
