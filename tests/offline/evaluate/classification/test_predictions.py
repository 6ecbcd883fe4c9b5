"""Predictions as arrays: any order of names, ties by alphabet, what is not named is not found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.types import CategoryScores
from offline.datasets import DatasetImage
from offline.evaluate.classification.predictions import Predictions, predictions_of

sklearn_metrics = pytest.importorskip("sklearn.metrics")

NAMES = ("bottle", "cap", "jar", "puff")


def scored(shares: dict[str, float], *, unknown: bool = False) -> CategoryScores:
    return CategoryScores(
        tuple(shares), np.array(list(shares.values()), np.float32), unknown=unknown
    )


def photo(number: int, category: str | None) -> DatasetImage:
    return DatasetImage(f"photo-{number}", Path(f"photo-{number}.png"), category=category)


def found_of(*pairs: tuple[str, dict[str, float]]) -> Predictions:
    images = [photo(at, category) for at, (category, _) in enumerate(pairs)]
    found = predictions_of(images, [scored(shares) for _, shares in pairs])
    assert found is not None
    return found


def test_scores_may_name_categories_in_any_order_and_not_all_of_them() -> None:
    found = found_of(
        ("jar", {"jar": 0.7, "bottle": 0.3}),
        ("bottle", {"cap": 0.6, "bottle": 0.4}),
        ("puff", {"bottle": 1.0}),
    )
    assert found.names == NAMES
    expected = [[0.3, 0, 0.7, 0], [0.4, 0.6, 0, 0], [1, 0, 0, 0]]
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
    assert [found.names[at] for at in found.predicted] == ["jar", "cap", "bottle"]
    assert found.correct.tolist() == [True, False, False]
    assert found.ranks.tolist() == [1, 2, np.inf]
    assert found.named.tolist() == [True, True, False]
    np.testing.assert_array_equal(found.confusion.sum(axis=1), [1, 0, 1, 1])


def test_equally_likely_categories_go_by_alphabet_as_in_a_search() -> None:
    found = found_of(("jar", {"jar": 0.4, "cap": 0.4, "bottle": 0.2}))
    assert found.names[found.predicted[0]] == found.scores[0].ranked()[0][0] == "cap"
    assert found.ranks.tolist() == [2]


shares = st.lists(st.integers(0, 3), min_size=4, max_size=4).filter(any)


@given(st.lists(st.tuples(st.sampled_from(NAMES), shares), min_size=1, max_size=12))
@settings(max_examples=80, deadline=None)
def test_the_true_category_is_found_among_k_as_in_scikit_learn(
    photos: list[tuple[str, list[int]]],
) -> None:
    """Small whole numbers make ties. scikit-learn breaks them by the highest column: turned
    round, that is our alphabet."""
    found = found_of(
        *(
            (name, {other: one / sum(row) for other, one in zip(NAMES, row, strict=True)})
            for name, row in photos
        )
    )
    reversed_rows = found.probabilities[:, ::-1]
    labels = len(found.names) - 1 - found.true
    for k in (1, 2, 3):
        expected = sklearn_metrics.top_k_accuracy_score(
            labels, reversed_rows, k=k, labels=range(len(found.names))
        )
        assert (found.ranks <= k).mean() == pytest.approx(expected)
    assert (found.ranks[found.correct] == 1).all()


def test_probabilities_that_are_not_numbers_never_get_here() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        scored({"jar": float("nan"), "cap": 1.0})


def test_images_without_a_category_are_left_out() -> None:
    images = [photo(0, None), photo(1, "jar")]
    found = predictions_of(images, [scored({"cap": 1.0}), scored({"jar": 1.0})])
    assert found is not None and found.items == ("photo-1",)
    assert found.names == ("jar",)  # the other's scores do not count
    assert predictions_of(images[:1], [scored({"cap": 1.0})]) is None
    assert predictions_of([], []) is None
    with pytest.raises(ValueError, match="1 scores for 2"):
        predictions_of(images, [scored({"cap": 1.0})])


def test_a_part_of_the_photos_keeps_all_names() -> None:
    found = found_of(("jar", {"jar": 1.0}), ("cap", {"bottle": 1.0}))
    part = found.where([False, True])
    assert part.names == found.names and part.items == ("photo-1",)
    assert part.true.tolist() == [found.names.index("cap")]
