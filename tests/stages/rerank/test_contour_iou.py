"""Reranking by contour against a twin with boolean masks and a plain sort."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.types import DOUBTS, BoolArray, Description, Hit
from stages.context import BuildContext
from stages.rerank import contour_iou

SIDE = 16
MakeDescription = Callable[..., Description]
MakeHit = Callable[..., Hit]


def box(width: int, height: int, x: int = 0, y: int = 0) -> BoolArray:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[y : y + height, x : x + width] = True
    return mask


def built(**values: object) -> contour_iou.ContourIou:
    return contour_iou.build(contour_iou.Options.model_validate(values), BuildContext())


def ids(hits: Sequence[Hit]) -> list[int]:
    return [hit.record.id for hit in hits]


def slow_iou(a: BoolArray, b: BoolArray) -> float:
    both = either = 0
    for left, right in zip(a.ravel(), b.ravel(), strict=True):
        both += bool(left and right)
        either += bool(left or right)
    return both / either if either else 0.0


def slow_order(query: Description, hits: Sequence[Hit], top_n: int) -> list[int]:
    """Take the untrusted hits out, sort the rest, and put the untrusted back in their places."""
    head = list(hits[:top_n])
    stuck = {
        i: hit
        for i, hit in enumerate(head)
        if query.quality.doubts or hit.record.description.quality.doubts
    }
    free = [hit for i, hit in enumerate(head) if i not in stuck]
    mask = query.contour.mask()
    free.sort(key=lambda h: slow_iou(mask, h.record.description.contour.mask()), reverse=True)
    ordered = [stuck[i] if i in stuck else free.pop(0) for i in range(len(head))]
    return ids([*ordered, *hits[top_n:]])


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_the_order_is_that_of_boolean_masks_and_a_plain_sort(
    described: MakeDescription, found: MakeHit, data: st.DataObject
) -> None:
    sizes = st.integers(0, SIDE)
    flags = st.sampled_from([(), (), (), ("empty",), ("touches_border", "several_objects")])
    query = described(box(data.draw(sizes), data.draw(sizes)), *data.draw(flags))
    hits = [
        found(i, 0.5, described(box(data.draw(sizes), data.draw(sizes)), *data.draw(flags)))
        for i in range(data.draw(st.integers(0, 9)))
    ]
    top_n = data.draw(st.integers(0, 10))
    assert ids(built(top_n=top_n).rerank(query, hits)) == slow_order(query, hits, top_n)


def test_the_best_overlap_comes_first_and_says_where_it_came_from(
    described: MakeDescription, found: MakeHit
) -> None:
    query = described(box(8, 8))
    hits = [found(1, 0.9, described(box(8, 4))), found(2, 0.8, described(box(8, 8)))]
    first, second = built().rerank(query, hits)
    assert ids([first, second]) == [2, 1]
    assert (first.iou, second.iou) == (1.0, 0.5)
    assert first.why == "contour IoU 1.00, its image went from place 2 to 1"
    assert second.why == "contour IoU 0.50, its image went from place 1 to 2"


def test_a_distrusted_query_moves_nothing_and_every_hit_says_why(
    described: MakeDescription, found: MakeHit
) -> None:
    query = described(box(8, 8), "touches_border")
    hits = [found(1, 0.9, described(box(8, 4))), found(2, 0.8, described(box(8, 8)))]
    answer = built().rerank(query, hits)
    assert ids(answer) == [1, 2]
    assert {h.why for h in answer} == {"kept its place: the query's mask touches the border"}


def test_a_distrusted_hit_stays_between_hits_that_change_places(
    described: MakeDescription, found: MakeHit
) -> None:
    query = described(box(8, 8))
    hits = [
        found(1, 0.9, described(box(8, 2))),
        found(2, 0.8, described(box(8, 8), "empty", "several_objects")),
        found(3, 0.7, described(box(8, 6))),
    ]
    answer = built().rerank(query, hits)
    assert ids(answer) == [3, 2, 1]
    assert answer[1].iou is None
    assert answer[1].why == (
        "kept its place: the catalogue image's mask is empty and shows several objects"
    )


@pytest.mark.parametrize("flag", DOUBTS)
def test_a_flag_that_is_not_distrusted_lets_the_contour_take_part(
    described: MakeDescription, found: MakeHit, flag: str
) -> None:
    query = described(box(8, 8), flag)
    hits = [found(1, 0.9, described(box(8, 2))), found(2, 0.8, described(box(8, 8), flag))]
    others = [name for name in DOUBTS if name != flag]
    assert ids(built(distrust=[flag]).rerank(query, hits)) == [1, 2]
    assert ids(built(distrust=others).rerank(query, hits)) == [2, 1]


def test_alignment_compares_the_normalised_silhouettes(
    described: MakeDescription, found: MakeHit
) -> None:
    query = described(box(4, 4), aligned=box(16, 16))
    near = found(1, 0.9, described(box(4, 4), aligned=box(2, 2)))
    alike = found(2, 0.8, described(box(4, 4, 12, 12), aligned=box(16, 16)))
    assert ids(built().rerank(query, [near, alike])) == [1, 2]
    assert ids(built(align=True).rerank(query, [near, alike])) == [2, 1]


def test_equal_overlaps_keep_the_order_of_retrieval(
    described: MakeDescription, found: MakeHit
) -> None:
    query = described(box(8, 8))
    hits = [found(i, 0.9, described(box(8, 4))) for i in (3, 1, 2)]
    assert ids(built().rerank(query, hits)) == [3, 1, 2]


def test_two_empty_contours_do_not_match(described: MakeDescription, found: MakeHit) -> None:
    hits = [found(1, 0.9, described(box(0, 0))), found(2, 0.8, described(box(1, 1)))]
    answer = built(distrust=()).rerank(described(box(0, 0)), hits)
    assert [h.iou for h in answer] == [0.0, 0.0]


def test_an_earlier_reason_is_kept_in_front(described: MakeDescription, found: MakeHit) -> None:
    hits = [found(1, 0.9, described(box(8, 8)), "nearest in jar")]
    (answer,) = built().rerank(described(box(8, 8)), hits)
    assert answer.why == "nearest in jar; contour IoU 1.00, its image stays at place 1"


def test_an_unknown_flag_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(ValidationError, match="touches_border"):
        contour_iou.Options.model_validate({"distrust": ["blurred"]})
