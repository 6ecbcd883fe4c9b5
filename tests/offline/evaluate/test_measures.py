"""Measures by name, and tables of them: means, intervals, queries in rows."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import ConfigError
from offline.evaluate.measures import figures, measure
from offline.evaluate.summary import summarise
from offline.metrics import retrieval as metrics
from offline.metrics.retrieval import Found

FIRST, SECOND = Found(np.array([1, 4]), 2), Found(np.array([2]), 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("R@1", metrics.instance_recall_at(SECOND, 1)),
        ("top@5", 1.0),
        ("recall@5", 1 / 3),
        ("P@4", 1 / 4),
        ("F1@3", 2 / 6),
        ("AP@10", metrics.average_precision_at(SECOND, 10)),
        ("mP@10", 1 / 2),
        ("mAP", 1 / 6),
        ("mAP-trapezoid", 1 / 12),
        ("MAP@R", 1 / 6),
        ("MRR", 1 / 2),
        ("R-precision", 1 / 3),
    ],
)
def test_a_name_is_the_measure_that_papers_call_so(name: str, value: float) -> None:
    assert measure(name).of(SECOND) == pytest.approx(value)


@pytest.mark.parametrize("name", ["", "mPA", "R", "R@", "R@0", "R@-1", "R@1.5", "Q@3", "mAP@3x"])
def test_an_unknown_name_is_told_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match=r"unknown measure .* Valid: .*MRR.*recall@K"):
        measure(name)


def test_figures_have_a_row_a_query_and_a_column_a_measure() -> None:
    found = figures([FIRST, SECOND], ["R@1", "MRR", "recall@5"])
    np.testing.assert_allclose(found, [[1, 1, 1], [0, 1 / 2, 1 / 3]])
    with pytest.raises(ConfigError, match="none given"):
        figures([FIRST], [])


def test_a_summary_has_the_means_and_intervals_around_them() -> None:
    summary = summarise([FIRST, SECOND] * 10, ["R@1", "MRR"], seed=4)
    assert summary.mean("R@1") == pytest.approx(1 / 2)
    assert summary.mean("MRR") == pytest.approx(3 / 4)
    for interval in summary.intervals:
        assert interval.low < interval.mean < interval.high
    assert summary.intervals == summarise([FIRST, SECOND] * 10, ["R@1", "MRR"], seed=4).intervals


def test_a_summary_of_no_queries_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        summarise([], ["mAP"])
