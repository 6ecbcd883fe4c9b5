"""The weighted sum of similarity and overlap against its plain formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.types import BoolArray, Description, Hit
from stages.context import BuildContext
from stages.rerank import fused

SIDE = 16
MakeDescription = Callable[..., Description]
MakeHit = Callable[..., Hit]


def rows(count: int) -> BoolArray:
    """The first ``count`` rows: the IoU with all 16 rows is count / 16."""
    return np.repeat((np.arange(SIDE) < count)[:, None], SIDE, axis=1)


def built(**values: object) -> fused.Fused:
    return fused.build(fused.Options.model_validate(values), BuildContext())


def ids(hits: Sequence[Hit]) -> list[int]:
    return [hit.record.id for hit in hits]


@given(
    pairs=st.lists(st.tuples(st.integers(0, SIDE), st.floats(0, 1)), max_size=10),
    weight=st.floats(0, 1),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_is_that_of_the_formula(
    described: MakeDescription,
    found: MakeHit,
    pairs: list[tuple[int, float]],
    weight: float,
) -> None:
    hits = [found(i, score, described(rows(n))) for i, (n, score) in enumerate(pairs)]
    value = [weight * (n / SIDE) + (1 - weight) * score for n, score in pairs]
    expected = sorted(range(len(pairs)), key=lambda i: (-value[i], i))
    answer = built(weight=weight).rerank(described(rows(SIDE)), hits)
    assert ids(answer) == expected


def test_weight_1_is_the_overlap_alone_and_weight_0_the_retrieval(
    described: MakeDescription, found: MakeHit
) -> None:
    query = described(rows(16))
    hits = [found(1, 0.9, described(rows(2))), found(2, 0.1, described(rows(12)))]
    assert ids(built(weight=1).rerank(query, hits)) == [2, 1]
    assert ids(built(weight=0).rerank(query, hits)) == [1, 2]


def test_the_fused_value_stands_in_why_and_the_score_stays(
    described: MakeDescription, found: MakeHit
) -> None:
    hits = [found(1, 0.5, described(rows(8)))]
    (answer,) = built(weight=0.5).rerank(described(rows(16)), hits)
    assert (
        answer.why == "contour IoU 0.50, look and shape together 0.500, its image stays at place 1"
    )
    assert answer.score == 0.5


def test_fused_aligns_unless_told_otherwise(described: MakeDescription, found: MakeHit) -> None:
    query = described(rows(1), aligned=rows(16))
    hits = [found(1, 0.5, described(rows(1), aligned=rows(4)))]
    assert built().rerank(query, hits)[0].iou == 0.25
    assert built(align=False).rerank(query, hits)[0].iou == 1.0


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_outside_0_to_1_is_refused(weight: float) -> None:
    with pytest.raises(ValidationError):
        built(weight=weight)
