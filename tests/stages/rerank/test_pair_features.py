"""What a learned reranker sees: aligned, finite, the same in any order, and deaf to bad masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.contours import iou
from engine.types import (
    CategoryScores,
    Contour,
    Description,
    Embedding,
    Hit,
    MatteQuality,
    Record,
)
from stages.rerank._descriptor_cache import DescriptorCache, ShapeDescriptors
from stages.rerank._pair_features import (
    CONCEPTS,
    CONTOURS,
    MEANINGS,
    NAMES,
    SHAPE,
    pair_features,
)

SIDE = 16
FLAGGED = MatteQuality(touches_border=True)


def silhouette(seed: int, *, blank: bool = False) -> Contour:
    random = np.random.default_rng(seed)
    width, height = random.integers(2, SIDE, 2)
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[:height, :width] = not blank
    return Contour.from_mask(mask)


def described(
    seed: int,
    quality: MatteQuality | None = None,
    trust: float | None = None,
    *,
    blank: bool = False,
) -> Description:
    shares = np.array([0.7, 0.3], np.float32)
    return Description(
        CategoryScores(("jar", "tube"), shares),
        Embedding(np.ones(2, np.float32)),
        silhouette(seed, blank=blank),
        silhouette(seed + 100, blank=blank),
        quality or MatteQuality(),
        trust,
    )


def found(id_: int, score: float, description: Description, category: str = "jar") -> Hit:
    record = Record(
        id_, "0" * 64, f"p{id_}", category, True, f"{id_}.jpg", MappingProxyType({}), description
    )
    return Hit(record, rank=id_, score=score, distance=1 - score)


def hits_of(scores: Sequence[float]) -> list[Hit]:
    return [found(at, score, described(at)) for at, score in enumerate(scores)]


def column(name: str, query: Description, hits: Sequence[Hit]) -> list[float]:
    values: list[float] = pair_features(query, hits).rows[:, NAMES.index(name)].tolist()
    return values


qualities = st.sampled_from([MatteQuality(), MatteQuality(), FLAGGED])
trusts = st.one_of(st.none(), st.floats(0, 1))
descriptions = st.builds(described, st.integers(0, 9), qualities, trusts, blank=st.booleans())
hit_lists = st.lists(
    st.tuples(st.floats(-3, 3, width=32), descriptions, st.sampled_from(["jar", "tube", "cap"])),
    max_size=8,
).map(lambda drawn: [found(at, *one) for at, one in enumerate(drawn)])


def test_every_column_has_a_name_a_meaning_and_one_concept() -> None:
    assert len(set(NAMES)) == len(NAMES) == sum(map(len, CONCEPTS.values()))
    assert set(MEANINGS) == set(NAMES)
    assert set(SHAPE) < set(CONCEPTS)


@given(query=descriptions, hits=hit_lists)
@settings(max_examples=60, deadline=None)
def test_there_is_a_finite_row_a_hit(query: Description, hits: list[Hit]) -> None:
    features = pair_features(query, hits)
    assert features.rows.shape == (len(hits), len(NAMES))
    assert features.rows.dtype == np.float64 and np.isfinite(features.rows).all()
    assert len(features.overlaps) == len(features.comparable) == len(hits)


@given(query=descriptions, hits=hit_lists, seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_order_in_which_hits_come_in_changes_no_row(
    query: Description, hits: list[Hit], seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(hits))
    rows = pair_features(query, hits).rows
    np.testing.assert_array_equal(
        pair_features(query, [hits[at] for at in order]).rows, rows[order]
    )


@given(query=descriptions, hits=hit_lists)
@settings(max_examples=40, deadline=None)
def test_a_mask_that_raises_a_flag_has_no_say(query: Description, hits: list[Hit]) -> None:
    """Any other silhouette in its place gives the same rows."""

    def other(description: Description) -> Description:
        if not description.quality.doubts:
            return description
        return replace(description, contour=silhouette(77), aligned=silhouette(78))

    swapped = [
        replace(hit, record=replace(hit.record, description=other(hit.record.description)))
        for hit in hits
    ]
    np.testing.assert_array_equal(
        pair_features(other(query), swapped).rows, pair_features(query, hits).rows
    )


def test_where_no_pair_is_comparable_no_outline_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def of(self: DescriptorCache, contours: Sequence[Contour]) -> list[ShapeDescriptors]:
        asked.append(len(contours))
        return measured(self, contours)

    measured = DescriptorCache.of
    monkeypatch.setattr(DescriptorCache, "of", of)
    hits = [found(1, 0.5, described(1)), found(2, 0.4, described(2, FLAGGED))]
    rows = pair_features(described(3, FLAGGED), hits).rows
    assert not asked
    assert not rows[:, [NAMES.index(name) for name in CONTOURS]].any()
    pair_features(described(3), hits)
    assert asked == [3]


def test_scores_are_compared_with_the_rest_of_the_list() -> None:
    hits = hits_of([0.9, 0.5, 0.5, 0.1])
    assert column("score", described(1), hits) == [0.9, 0.5, 0.5, 0.1]
    assert column("behind", described(1), hits) == pytest.approx([0, -0.4, -0.4, -0.8])
    assert column("place", described(1), hits) == [1, 1 / 2, 1 / 2, 1 / 4]
    standing = column("standing", described(1), hits)
    assert np.mean(standing) == pytest.approx(0) and np.std(standing) == pytest.approx(1)


def test_equal_scores_stand_where_they_stand() -> None:
    assert column("standing", described(1), hits_of([0.5, 0.5])) == [0, 0]
    assert column("place", described(1), hits_of([0.5, 0.5])) == [1, 1]


def test_a_category_that_the_classifier_does_not_know_has_no_probability() -> None:
    hits = [found(at, 0.5, described(at), name) for at, name in enumerate(["jar", "tube", "cap"])]
    assert column("category", described(1), hits) == pytest.approx([0.7, 0.3, 0.0])


def test_overlaps_are_those_of_the_silhouettes() -> None:
    query, hits = described(3), hits_of([0.9, 0.8, 0.7])
    aligned = [iou(query.aligned, hit.record.description.aligned) for hit in hits]
    assert column("overlap", query, hits) == aligned
    assert column("overlap_behind", query, hits) == pytest.approx(
        np.subtract(aligned, max(aligned))
    )
    assert column("overlap_agreed", query, hits) == pytest.approx(
        np.multiply(aligned, max(aligned))
    )
    assert column("frame", query, hits) == [
        iou(query.contour, hit.record.description.contour) for hit in hits
    ]


def test_equal_silhouettes_are_alike_in_every_respect() -> None:
    query = described(4)
    for name in ("overlap", "frame", "shape", "fourier", "width", "area", "aspect"):
        assert column(name, query, [found(1, 0.5, described(4))]) == pytest.approx([1], abs=0.01)


def test_empty_silhouettes_match_nothing() -> None:
    query = described(4, blank=True)
    for name in ("overlap", "frame", "shape", "fourier", "width", "area", "aspect", "fit"):
        assert column(name, query, [found(1, 0.5, described(4, blank=True))]) == [0]


def test_trust_of_both_masks_counts_and_no_judgement_is_told_apart() -> None:
    query = described(4, trust=0.5)
    hits = [found(1, 0.5, described(4, trust=0.8)), found(2, 0.4, described(4))]
    assert column("hit_trust", query, hits) == pytest.approx([0.8, 0.5])
    assert column("hit_unjudged", query, hits) == [0, 1]
    assert column("query_trust", query, hits) == [0.5, 0.5]
    assert column("query_unjudged", query, hits) == [0, 0]
    assert column("overlap_trusted", query, hits) == pytest.approx([0.4, 0.25])
