"""The rule for unknown photos against trying every threshold, AUROC against every pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.calibration import choose_unknown, max_probability, negative_energy
from offline.metrics.classification import auroc

values = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=25)  # many ties


@given(values, values)
def test_auroc_counts_every_pair_with_ties_by_half(
    known: list[float], unknown: list[float]
) -> None:
    pairs = [(a > b) + 0.5 * (a == b) for a in known for b in unknown]
    assert auroc(known, unknown) == pytest.approx(sum(pairs) / len(pairs))
    assert auroc(known, unknown) + auroc(unknown, known) == pytest.approx(1)


def test_auroc_of_scores_that_are_apart_equal_or_turned_round() -> None:
    assert (auroc([2, 3], [0, 1]), auroc([1, 1], [1]), auroc([0], [1])) == (1, 0.5, 0)


@pytest.mark.parametrize(("known", "unknown"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0])])
def test_auroc_of_nothing_is_refused(known: list[float], unknown: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        auroc(known, unknown)


def logits(seed: int, count: int, strength: float) -> np.ndarray:
    """(N, 4): one column of every row is raised by ``strength``."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, 4))
    rows[np.arange(count), random.integers(0, 4, count)] += strength
    return rows


@given(st.integers(0, 10**6), st.integers(1, 60), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_without_outliers_the_threshold_keeps_its_fraction_and_a_higher_one_would_not(
    seed: int, count: int, keep: float
) -> None:
    rows = logits(seed, count, 3.0)
    rule = choose_unknown(rows, keep=keep, temperature=1.5)
    scores = max_probability(rows, 1.5)
    assert rule.score == "max_probability"
    assert (scores >= rule.threshold).mean() >= keep - 1e-12
    higher = scores[scores > rule.threshold]
    if len(higher):
        assert (scores >= higher.min()).mean() < keep
    assert (~rule.decide(rows, 1.5)).mean() >= keep - 1e-12


@given(st.integers(0, 10**6), st.floats(0, 3), st.sampled_from([0.6, 0.9, 1.0]))
def test_with_outliers_no_allowed_threshold_has_a_higher_youden_index(
    seed: int, strength: float, keep: float
) -> None:
    known, unknown = logits(seed, 40, 4.0), logits(seed + 1, 25, strength)
    rule = choose_unknown(known, unknown, keep=keep)
    score = max_probability if rule.score == "max_probability" else negative_energy
    mine, others = score(known), score(unknown)
    indices = {
        t: (mine >= t).mean() - (others >= t).mean()
        for t in [*mine, *others]
        if (mine >= t).mean() >= keep - 1e-12
    }
    found = (mine >= rule.threshold).mean() - (others >= rule.threshold).mean()
    assert found == pytest.approx(max(indices.values()))
    assert (mine >= rule.threshold).mean() >= keep - 1e-12
    areas = (
        auroc(max_probability(known), max_probability(unknown)),
        auroc(negative_energy(known), negative_energy(unknown)),
    )
    assert areas[0 if rule.score == "max_probability" else 1] == max(areas)


def test_energy_is_chosen_where_it_tells_more() -> None:
    # Unknown photos have small logits, but as far apart as those of known ones.
    known = logits(1, 50, 4.0)
    outliers = known - 20
    rule = choose_unknown(known, outliers)
    assert rule.score == "energy"
    assert rule.decide(outliers, 1.0).all()
    assert not rule.decide(known, 1.0).any()
    only = choose_unknown(known, outliers, scores=("max_probability",))
    assert only.score == "max_probability"


def test_a_fraction_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="keep"):
        choose_unknown(logits(1, 5, 1.0), keep=0.0)
