"""The reranker by shared neighbours: the same order as the whole method, within its top n."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.distances import distances
from engine.types import Description, FloatArray, Hit, Record
from stages.context import BuildContext
from stages.rerank import k_reciprocal
from stages.rerank.k_reciprocal import k_reciprocal_distances
from tests.engine.made_descriptions import described


def built(**values: object) -> k_reciprocal.KReciprocal:
    return k_reciprocal.build(k_reciprocal.Options.model_validate(values), BuildContext())


def points(seed: int, count: int) -> FloatArray:
    return np.random.default_rng(seed).integers(0, 6, (count, 2)).astype(np.float32)


def hit(id_: int, description: Description, query: FloatArray) -> Hit:
    record = Record(
        id_, "0" * 64, f"p{id_}", "jar", True, f"{id_}.jpg", MappingProxyType({}), description
    )
    distance = float(np.linalg.norm(description.embedding.vector - query))
    return Hit(record, rank=id_, score=1 / (1 + distance), distance=distance)


def retrieved(rows: FloatArray, query: FloatArray) -> list[Hit]:
    hits = [hit(id_, described(row.tolist()), query) for id_, row in enumerate(rows, start=1)]
    return sorted(hits, key=lambda one: (one.distance, one.record.id))


def ids(hits: Sequence[Hit]) -> list[int]:
    return [hit.record.id for hit in hits]


@given(seed=st.integers(0, 999), count=st.integers(0, 25), k1=st.integers(1, 6))
@settings(max_examples=40)
def test_where_top_n_covers_the_gallery_the_order_is_that_of_the_whole_method(
    seed: int, count: int, k1: int
) -> None:
    rows, query = points(seed, count), np.array([2, 2], np.float32)
    everything = np.concatenate([query[None], rows])
    square = distances(everything, everything, "euclidean")
    expected = k_reciprocal_distances(square, 1, k1, 2, 0.3)[0]
    hits = retrieved(rows, query)
    order = sorted(hits, key=lambda one: expected[one.record.id - 1])
    answer = built(k1=k1, k2=2).rerank(described([2, 2]), hits)
    assert ids(answer) == ids(order)


@given(seed=st.integers(0, 999), top_n=st.integers(0, 12))
@settings(max_examples=30)
def test_it_permutes_its_top_n_and_says_so(seed: int, top_n: int) -> None:
    query = np.array([1, 3], np.float32)
    hits = retrieved(points(seed, 10), query)
    answer = built(top_n=top_n, k1=3, k2=1).rerank(described([1, 3]), hits)
    assert sorted(ids(answer[:top_n])) == sorted(ids(hits[:top_n]))
    assert ids(answer[top_n:]) == ids(hits[top_n:])
    assert [one.rank for one in answer] == list(range(1, 11))
    assert all("k-reciprocal distance" in one.why for one in answer[:top_n])
    assert all(one.why == "" for one in answer[top_n:])
    again = built(top_n=top_n, k1=3, k2=1).rerank(described([1, 3]), answer)
    assert ids(again) == ids(answer)


@pytest.mark.parametrize("values", [{"k1": 0}, {"k2": 0}, {"weight": 1.5}, {"top_n": -1}])
def test_an_option_out_of_range_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        built(**values)
