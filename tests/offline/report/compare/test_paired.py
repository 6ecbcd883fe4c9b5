"""Differences item by item, against slow twins and against chance."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.report.compare.differences import (
    RESAMPLES,
    Estimate,
    adjusted,
    estimates,
    from_intervals,
)

numbers = st.floats(-2, 2).map(lambda number: round(number, 3))


def one(differences: list[float], seed: int = 0) -> Estimate:
    sums = np.array(differences, np.float64)[:, None]
    (found,) = estimates(sums, np.ones_like(sums), seed)
    return found


def exact_chance(differences: list[float]) -> float:
    """All ways to turn the signs; the fraction that is as far from zero as what was measured."""
    measured = abs(sum(differences))
    turned = [
        abs(sum(sign * d for sign, d in zip(signs, differences, strict=True)))
        for signs in product((-1, 1), repeat=len(differences))
    ]
    return float(np.mean([value >= measured - 1e-12 for value in turned]))


def slow_interval(sums: list[float], counts: list[int], seed: int) -> tuple[float, float]:
    random = np.random.default_rng(seed)
    means = []
    for _ in range(RESAMPLES):
        picks = random.integers(0, len(sums), len(sums)).tolist()
        count = sum(counts[pick] for pick in picks)
        if count:
            means.append(sum(sums[pick] for pick in picks) / count)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


@given(st.lists(numbers, min_size=1, max_size=9))
def test_the_chance_is_that_of_turning_all_signs(differences: list[float]) -> None:
    exact = exact_chance(differences)
    found = one(differences).p
    noise = 4 * math.sqrt(exact * (1 - exact) / RESAMPLES) + 2 / RESAMPLES
    assert found == pytest.approx(exact, abs=max(noise, 1e-9)) or found > exact
    assert found >= min(1.0, 2.0 ** (1 - np.count_nonzero(differences)))


@pytest.mark.parametrize("seed", [0, 7])
def test_the_interval_is_that_of_the_slow_bootstrap(seed: int) -> None:
    random = np.random.default_rng(3)
    counts = random.integers(0, 3, 12)
    sums = random.normal(0.1, 1.0, 12) * counts
    (found,) = estimates(sums[:, None], counts[:, None].astype(float), seed)
    low, high = slow_interval(sums.tolist(), counts.tolist(), seed)
    assert found.difference == pytest.approx(sums.sum() / counts.sum())
    assert (found.low, found.high) == pytest.approx((low, high))


@given(st.lists(numbers, min_size=1, max_size=12))
def test_the_other_way_round_mirrors_everything(differences: list[float]) -> None:
    there, back = one(differences), one([-d for d in differences])
    assert back.difference == -there.difference and back.p == there.p
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))


def test_no_difference_is_certain_to_be_none() -> None:
    assert one([0.0] * 5) == Estimate(0.0, 0.0, 0.0, 1.0, 1.0)
    assert one([1e-16, -3e-17]).p == 1.0  # rounding is no difference


def test_few_items_prove_nothing_however_alike() -> None:
    assert one([0.5]).p == 1.0
    assert one([0.5] * 4 + [-0.5] + [0.0] * 300).least == 1 / 16
    assert one([0.5] * 4 + [0.0] * 300).p == pytest.approx(1 / 8, abs=0.03)
    assert one([0.5] * 40).p < 1e-6


def test_a_difference_beyond_all_resamples_has_a_chance_below_their_number() -> None:
    random = np.random.default_rng(1)
    found = one(random.normal(0.5, 1.0, 400).tolist())
    assert 0 < found.p < 1e-9


def test_columns_do_not_disturb_each_other() -> None:
    random = np.random.default_rng(5)
    sums = random.normal(0, 1, (20, 3))
    together = estimates(sums, np.ones_like(sums), 4)
    alone = [estimates(sums[:, [at]], np.ones((20, 1)), 4)[0] for at in range(3)]
    for left, right in zip(together, alone, strict=True):
        assert left.p == right.p
        assert (left.low, left.high) == pytest.approx((right.low, right.high))


def test_a_figure_without_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        estimates(np.zeros((2, 1)), np.zeros((2, 1)), 0)


@pytest.mark.parametrize("kind", ["hits", "shares"])
def test_noise_is_called_a_difference_about_as_often_as_the_level(kind: str) -> None:
    """600 pairs of equally good systems, 60 items each: 5 % of them at 0.05, give or take
    three standard errors (0.9 points each); coarse fractions of hits may only be more careful."""
    random = np.random.default_rng(11)
    if kind == "hits":
        easy = random.random((60, 1))
        drawn = [random.random((60, 600)) < easy for _ in range(2)]
        differences = drawn[0].astype(float) - drawn[1]
    else:
        differences = random.normal(0, 0.3, (60, 600)) + random.exponential(0.2, (60, 600)) - 0.2
    found = estimates(differences, np.ones_like(differences), 0)
    alarms = np.mean([estimate.p <= 0.05 for estimate in found])
    assert alarms <= 0.05 + 0.027
    assert alarms >= (0.01 if kind == "hits" else 0.023)
    apart = np.mean([not estimate.low <= 0 <= estimate.high for estimate in found])
    assert apart == pytest.approx(0.05, abs=0.03)


def wilson(hits: int, count: int) -> tuple[float, float, float]:
    z, share = 1.959963984540054, hits / count
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return share, (middle - half) / scale, (middle + half) / scale


def test_intervals_alone_follow_the_paper() -> None:
    """Newcombe (Statistics in Medicine 1998, 873-890), table II, contrast (a), method 10."""
    found = from_intervals(wilson(48, 80), wilson(56, 70))
    assert found.difference == pytest.approx(0.2)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    assert found.p < 0.05


measured = st.tuples(numbers, st.floats(0, 1), st.floats(0, 1)).map(
    lambda m: (m[0], m[0] - m[1], m[0] + m[2])
)


@given(measured, measured)
def test_intervals_the_other_way_round_mirror_everything(
    before: tuple[float, float, float], after: tuple[float, float, float]
) -> None:
    there, back = from_intervals(before, after), from_intervals(after, before)
    assert back.difference == -there.difference
    assert back.p == pytest.approx(there.p)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))


@given(measured, measured)
def test_p_and_interval_agree_whether_there_is_a_difference(
    before: tuple[float, float, float], after: tuple[float, float, float]
) -> None:
    found = from_intervals(before, after)
    nearest = min(abs(found.low), abs(found.high))
    if nearest > 1e-6:
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)


def test_two_certain_figures_that_differ_do_differ() -> None:
    assert from_intervals((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)).p == 0.0
    assert from_intervals((1.0, 1.0, 1.0), (1.0, 1.0, 1.0)).p == 1.0


def test_corrections_follow_their_papers() -> None:
    """The 15 p values of Benjamini and Hochberg's example (1995, section 3.2): four are found at
    5 %, and Bonferroni's kin finds three."""
    chances = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0000,
    ]
    assert sum(p <= 0.05 for p in adjusted(chances, "benjamini-hochberg")) == 4
    assert sum(p <= 0.05 for p in adjusted(chances, "holm")) == 3
    assert adjusted(chances, "none") == chances
    assert adjusted([], "holm") == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_corrections_keep_the_order_and_only_raise(chances: list[float]) -> None:
    for name in ("benjamini-hochberg", "holm"):
        found = adjusted(chances, name)  # type: ignore[arg-type]
        assert all(p <= more <= 1.0 for p, more in zip(chances, found, strict=True))
        pairs = sorted(zip(chances, found, strict=True))
        assert all(a[1] <= b[1] for a, b in pairwise(pairs))
