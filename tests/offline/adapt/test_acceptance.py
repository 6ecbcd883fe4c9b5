"""ROC curves and thresholds, held against scikit-learn's and against counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from offline.adapt.acceptance import absent_needed, roc, threshold_at
from offline.metrics.classification import auroc

# Few values, so that most drawings have ties within and between the sides.
TIED = st.lists(st.sampled_from([-2.0, 0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=12)
ANY = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12)


def sides(present: list[float], absent: list[float]) -> tuple[list[bool], list[float]]:
    return [True] * len(present) + [False] * len(absent), [*present, *absent]


@given(st.one_of(TIED, ANY), st.one_of(TIED, ANY))
def test_the_curve_and_its_area_are_those_of_scikit_learn(
    present: list[float], absent: list[float]
) -> None:
    labels, scores = sides(present, absent)
    false, true, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    found = roc(present, absent)
    np.testing.assert_array_equal(found.thresholds, thresholds)
    np.testing.assert_allclose(found.false_accepts, false)
    np.testing.assert_allclose(found.true_accepts, true)
    assert auroc(present, absent) == pytest.approx(roc_auc_score(labels, scores))
    area = np.trapezoid(found.true_accepts, found.false_accepts)
    assert auroc(present, absent) == pytest.approx(area)


def test_equal_scores_pass_together_or_not_at_all() -> None:
    found = roc([0.5, 0.5], [0.5])
    assert found.false_accepts.tolist() == [0, 1]
    assert found.true_accepts.tolist() == [0, 1]
    assert auroc([0.5, 0.5], [0.5]) == 0.5


@pytest.mark.parametrize(("present", "absent"), [([], [1.0]), ([1.0], []), ([math.nan], [1.0])])
def test_a_side_that_is_empty_or_no_number_is_refused(
    present: list[float], absent: list[float]
) -> None:
    for measure in (roc, auroc):
        with pytest.raises(ValueError, match="score"):
            measure(present, absent)


@given(st.one_of(TIED, ANY), st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.5, 0.9]))
def test_no_larger_share_of_the_absent_passes_than_was_asked(
    absent: list[float], share: float
) -> None:
    threshold = threshold_at(absent, share)
    passing = sum(score > threshold for score in absent)
    assert passing <= share * (len(absent) + 1)
    assert threshold in absent


@pytest.mark.parametrize("share", [0.01, 0.02, 0.05, 0.1, 1 / 3, 0.5])
def test_enough_absent_ones_are_needed_for_a_promise(share: float) -> None:
    needed = absent_needed(share)
    assert 1 / (needed + 1) <= share + 1e-12
    assert needed == 0 or 1 / needed > share
    assert threshold_at(range(needed), share) == needed - 1
    assert threshold_at(range(10 * needed + 9), share) < 10 * needed + 8


def test_a_new_absent_product_passes_as_often_as_promised() -> None:
    """Mean over many calibrations on 59 absent products: 5 % of further ones, at most."""
    random = np.random.default_rng(3)
    rates = []
    for _ in range(400):
        threshold = threshold_at(random.normal(size=59), 0.05)
        rates.append((random.normal(size=200) > threshold).mean())
    assert np.mean(rates) == pytest.approx(0.05, abs=0.006)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, math.nan])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold_at([1.0], share)
    with pytest.raises(ValueError, match="between 0 and 1"):
        absent_needed(share)


def test_thresholds_need_scores_that_are_numbers() -> None:
    for scores in ([], [0.5, math.nan]):
        with pytest.raises(ValueError, match="score"):
            threshold_at(scores, 0.05)
