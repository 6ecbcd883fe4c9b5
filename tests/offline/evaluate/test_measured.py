"""Figures from items: means, percentiles, and what stands where there is nothing to measure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.evaluate.measured import averaged, evenly, percentile

NUMBERS = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12)


@given(NUMBERS, st.integers(0, 3))
def test_a_mean_lies_in_its_interval_and_items_that_do_not_count_change_nothing(
    values: list[float], left_out: int
) -> None:
    plain = averaged("x", values, seed=0)
    with_gaps = averaged("x", [*values, *[None] * left_out], seed=0)
    assert plain.value == pytest.approx(np.mean(values)) == with_gaps.value
    assert plain.low is not None and plain.high is not None and plain.value is not None
    assert plain.low - 1e-9 <= plain.value <= plain.high + 1e-9
    assert with_gaps.low == plain.low and with_gaps.samples is not None
    assert len(with_gaps.samples) == len(values) + left_out


@given(NUMBERS, st.sampled_from([50, 95]))
def test_a_percentile_is_numpys_and_has_no_samples(values: list[float], q: int) -> None:
    found = percentile("x", values, q, seed=0)
    assert found.value == pytest.approx(np.percentile(values, q))
    assert found.samples is None
    assert found.low is not None and found.high is not None
    assert min(values) <= found.low <= found.high <= max(values)


def test_nothing_to_measure_is_a_reason_and_nan_is_refused() -> None:
    assert averaged("x", [None], seed=0, why="none was asked").why == "none was asked"
    assert percentile("x", [], 50, seed=0).value is None
    with pytest.raises(ValueError, match="not finite"):
        averaged("x", [float("nan")], seed=0)


@given(st.integers(1, 500), st.integers(1, 40))
def test_places_are_distinct_in_order_and_reach_both_ends(count: int, wanted: int) -> None:
    places = evenly(count, wanted)
    assert len(places) == min(count, wanted) == len(set(places))
    assert places == sorted(places) and places[0] == 0
    assert wanted == 1 or places[-1] == count - 1


def test_of_nothing_or_for_nothing_there_is_no_place() -> None:
    assert evenly(0, 5) == evenly(5, 0) == []
