"""Metrics of a classifier against scikit-learn's, and its resamples against drawing photos."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.metrics.classification import (
    Averages,
    Tally,
    averages,
    category_metrics,
    confusion_matrix,
    resampled_tally,
    summary,
    tally_of,
)

sklearn_metrics = pytest.importorskip("sklearn.metrics")

CATEGORIES = 5
Photos = list[tuple[int, int]]
# Of five categories few take part in a short list: some have no photo, some are never predicted.
photos = st.lists(
    st.tuples(st.integers(0, CATEGORIES - 1), st.integers(0, CATEGORIES - 1)),
    min_size=1,
    max_size=25,
)


def columns(pairs: Photos) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(predicted, true)"""
    predicted, true = zip(*pairs, strict=True)
    return np.array(predicted), np.array(true)


@given(photos)
@settings(max_examples=100, deadline=None)
def test_every_category_agrees_with_scikit_learn(pairs: Photos) -> None:
    predicted, true = columns(pairs)
    numbers = list(range(CATEGORIES))
    confusion = confusion_matrix(predicted, true, CATEGORIES)
    expected = sklearn_metrics.confusion_matrix(true, predicted, labels=numbers)
    np.testing.assert_array_equal(confusion, expected)
    found = category_metrics(confusion)
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        true, predicted, labels=numbers, zero_division=0
    )
    np.testing.assert_allclose([one.precision for one in found], precision)
    np.testing.assert_allclose([one.recall for one in found], recall)
    np.testing.assert_allclose([one.f1 for one in found], f1)
    assert [one.support for one in found] == support.tolist()
    for number, one in enumerate(found):  # equation 6 is the accuracy of one against all
        binary = sklearn_metrics.accuracy_score(true == number, predicted == number)
        assert one.accuracy == pytest.approx(binary)


@given(photos)
@settings(max_examples=100, deadline=None)
def test_every_average_agrees_with_scikit_learn(pairs: Photos) -> None:
    predicted, true = columns(pairs)
    found = summary(confusion_matrix(predicted, true, CATEGORIES))
    there = sorted(set(true.tolist()))
    for average in ("macro", "weighted"):
        expected = sklearn_metrics.precision_recall_fscore_support(
            true, predicted, labels=there, average=average, zero_division=0
        )[:3]
        names = [f"{average}_{name}" for name in ("precision", "recall", "f1")]
        assert [getattr(found, name) for name in names] == pytest.approx(list(expected))
    assert found.accuracy == pytest.approx(sklearn_metrics.accuracy_score(true, predicted))
    ours = [one.accuracy for one in category_metrics(confusion_matrix(predicted, true, CATEGORIES))]
    assert found.average_accuracy == pytest.approx(np.mean([ours[at] for at in there]))
    assert found.accuracy_variance == pytest.approx(np.var([ours[at] for at in there]))


@given(photos)
@settings(max_examples=60, deadline=None)
def test_accuracy_is_all_three_micro_averages(pairs: Photos) -> None:
    predicted, true = columns(pairs)
    micro = sklearn_metrics.precision_recall_fscore_support(
        true, predicted, labels=range(CATEGORIES), average="micro", zero_division=0
    )[:3]
    accuracy = summary(confusion_matrix(predicted, true, CATEGORIES)).accuracy
    assert list(micro) == pytest.approx([accuracy] * 3)


def test_the_variance_of_the_accuracies_by_hand() -> None:
    """Of five photos one jar was taken for a bottle: 4/5 for these two, 1 for the cap."""
    confusion = np.array([[2, 0, 0], [1, 1, 0], [0, 0, 1]])
    found = summary(confusion)
    assert found.average_accuracy == pytest.approx((0.8 + 0.8 + 1) / 3)
    mean = (0.8 + 0.8 + 1) / 3
    assert found.accuracy_variance == pytest.approx((2 * (0.8 - mean) ** 2 + (1 - mean) ** 2) / 3)


@given(photos, st.integers(0, 1000), st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_resample_is_the_matrix_of_the_photos_that_were_drawn(
    pairs: Photos, seed: int, clustered: bool
) -> None:
    predicted, true = columns(pairs)
    clusters = [at // 2 for at in range(len(pairs))] if clustered else None
    found = averages(
        resampled_tally(predicted, true, CATEGORIES, seed=seed, resamples=12, clusters=clusters)
    )
    random = np.random.default_rng(seed)
    for row in range(12):
        matrix = np.zeros((CATEGORIES, CATEGORIES), np.int64)
        if clusters is None:
            drawn = random.integers(0, len(pairs), len(pairs)).tolist()
        else:
            groups = random.integers(0, max(clusters) + 1, max(clusters) + 1).tolist()
            drawn = [at for one in groups for at, name in enumerate(clusters) if name == one]
        for at in drawn:
            matrix[true[at], predicted[at]] += 1
        expected = summary(matrix)
        for name in ("accuracy", "macro_f1", "weighted_precision", "accuracy_variance"):
            assert getattr(found, name)[row] == pytest.approx(getattr(expected, name))


def counts_of(tally: Tally) -> tuple[npt.NDArray[np.float64], ...]:
    return tally.hits, tally.true, tally.given


def test_many_matrices_at_once_are_each_as_if_alone() -> None:
    random = np.random.default_rng(0)
    matrices = random.integers(0, 4, (3, 4, 4)) * (random.random((3, 4, 4)) < 0.6)
    matrices[1, 2] = 0  # a category without a photo
    tallies = [tally_of(matrix) for matrix in matrices]
    together = averages(
        Tally(
            *(
                np.stack([getattr(t, name) for t in tallies])
                for name in ("hits", "true", "predicted")
            )
        )
    )
    for at, tally in enumerate(tallies):
        alone: Averages = averages(tally)
        for name in ("accuracy", "macro_recall", "weighted_f1", "average_accuracy"):
            assert getattr(together, name)[at] == pytest.approx(float(getattr(alone, name)))


def test_a_matrix_without_a_photo_has_zeros() -> None:
    nothing = Tally(*(np.zeros(3) for _ in range(3)))
    assert float(averages(nothing).macro_f1) == float(averages(nothing).accuracy) == 0.0
