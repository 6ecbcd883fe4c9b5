"""Figures from items: means, percentiles, the reason where there are none, the lowest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.report.figures import averaged, lowest, percentile

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


def test_all_are_shown_where_there_is_room() -> None:
    assert lowest({"b": 0.1, "a": 0.9}, most=2) == (("b", "a"), "")


def test_the_worst_are_shown_in_their_order_and_the_rest_is_counted() -> None:
    names, note = lowest({"d": 0.5, "c": 0.9, "b": 0.1, "a": 0.5}, most=2)
    assert names == ("b", "a")  # of the two at 0.5 the first by name
    assert "2 more" in note
