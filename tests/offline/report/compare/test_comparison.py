"""Two reports compared: verdicts, regressions, and what is gone."""

import numpy as np
import pytest

from offline.report.compare.judging import compare
from offline.report.compare.rules import Rules
from offline.report.compare.text import comparison_text
from offline.report.document import Figure
from tests.offline.report.compare.compared_reports import ranged, reported, row, sampled
from tests.offline.report.made_report import report, system


def test_worse_better_and_same_are_distinguished() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 50)
    old = [0.5] * 50
    before = reported(*(sampled(name, old) for name in ("down", "up", "same", "noise")))
    after = reported(
        sampled("down", [0.2] * 45 + [0.5] * 5),
        sampled("up", [0.9] * 50),
        sampled("same", old),
        sampled("noise", [0.5 + float(one) for one in noise]),
    )
    found = compare(before, after)
    verdicts = {one.figure: one.verdict for one in found.rows}
    assert verdicts == {"down": "worse", "up": "better", "same": "same", "noise": "same"}
    assert [one.figure for one in found.regressions] == ["down"]
    assert row(found, "down").difference == pytest.approx(-0.27)
    assert row(found, "down").items == 50 and row(found, "down").method == "paired"
    assert found.judged == 3 and found.by_chance == pytest.approx(0.15)  # nothing moved in "same"
    assert not found.passes()


def test_lower_is_better_where_a_figure_has_it_so_and_neither_is_only_different() -> None:
    old, new = [0.1] * 50, [0.3] * 50
    before = reported(sampled("MAE", old, "lower"), sampled("share", old, "neither"))
    found = compare(
        before, reported(sampled("MAE", new, "lower"), sampled("share", new, "neither"))
    )
    assert [one.verdict for one in found.rows] == ["worse", "different"]
    assert [one.figure for one in found.regressions] == ["MAE"]


def test_a_loss_within_the_bound_may_pass() -> None:
    before, after = reported(sampled("R@1", [0.5] * 50)), reported(sampled("R@1", [0.48] * 50))
    assert not compare(before, after).passes()
    for rules in (Rules(bound=0.02), Rules(bounds={"R@1": 0.03}), Rules(bounds={"retr*": 0.02})):
        found = compare(before, after, rules)
        assert found.passes() and row(found, "R@1").verdict == "worse"
    assert not compare(before, after, Rules(bound=0.019)).passes()
    assert not compare(before, after, Rules(bound=1.0, bounds={"*": 1.0, "R@1": 0.0})).passes()


def test_only_items_of_both_reports_count_and_empty_samples_do_not() -> None:
    before = reported(sampled("R@1", [0.0] * 25 + [1.0] * 24 + [None]))
    other = tuple(f"query {number}" for number in range(25, 75))
    after = reported(sampled("R@1", [1.0] * 25 + [0.0] * 25), items=other)
    one = row(compare(before, after), "R@1")
    assert one.items == 24 and one.difference == 0.0 and one.verdict == "same"
    assert one.before != one.after  # of all items


def test_an_item_that_stands_twice_is_one_witness() -> None:
    samples = [1.0] * 8
    before, after = sampled("R@1", samples), sampled("R@1", [0.0] * 8)
    apart = tuple("abcdefgh")
    assert not compare(reported(before, items=apart), reported(after, items=apart)).passes()
    twice = ("a", "a", "b", "b", "c", "c", "d", "d")
    found = compare(reported(before, items=twice), reported(after, items=twice))
    assert row(found, "R@1").items == 4 and found.passes()  # p is 2 ** -3


def test_clusters_of_both_reports_are_resampled_together() -> None:
    items, clusters = tuple("abcdefgh"), ("jar", "jar", "jar", "jar", "cap", "cap", "cap", "cap")
    before, after = sampled("R@1", [1.0] * 8), sampled("R@1", [0.0] * 8)
    old = reported(before, items=items, clusters=clusters)
    found = compare(old, reported(after, items=items, clusters=clusters))
    assert found.passes() and row(found, "R@1").items == 8
    assert not compare(old, reported(after, items=items)).passes()  # only one has clusters


def test_figures_without_samples_are_judged_by_their_intervals_or_not_at_all() -> None:
    before = reported(
        ranged("AUROC", 0.9, 0.01),
        ranged("F1", 0.9, 0.2),
        Figure(name="bare", value=0.9),
        Figure(name="equal", value=0.5),
    )
    after = reported(
        ranged("AUROC", 0.8, 0.01),
        ranged("F1", 0.8, 0.2),
        Figure(name="bare", value=0.1),
        Figure(name="equal", value=0.5),
    )
    found = compare(before, after)
    assert [one.verdict for one in found.rows] == ["worse", "same", "not judged", "same"]
    assert [one.method for one in found.rows] == ["intervals", "intervals", "none", "exact"]
    assert "no interval" in row(found, "bare").why
    assert found.judged == 2


def test_times_and_sizes_are_relative_and_gate_only_with_the_flag() -> None:
    before = reported(
        ranged("a photo", 100, 1, "ms", "lower"),
        Figure(name="gallery", value=1000, unit="bytes", better="lower"),
        ranged("edge", 2.0, 0.01, "px", "lower"),
    )
    after = reported(
        ranged("a photo", 150, 1, "ms", "lower"),
        Figure(name="gallery", value=1050, unit="bytes", better="lower"),
        ranged("edge", 2.1, 0.01, "px", "lower"),
    )
    assert compare(before, after).passes()
    found = compare(before, after, Rules(gate_times=True))
    assert [one.verdict for one in found.rows] == ["worse"] * 3
    assert [one.change for one in found.rows] == pytest.approx([0.5, 0.05, 0.05])
    assert [one.figure for one in found.regressions] == ["a photo"]
    tight = Rules(gate_times=True, relative_bound=0.04)
    assert len(compare(before, after, tight).regressions) == 3
    assert len(compare(before, after, Rules(relative_bound=0.04)).regressions) == 1  # the edge


def test_growth_from_nothing_is_beyond_any_fraction() -> None:
    before = reported(Figure(name="cache", value=0, unit="bytes", better="lower"))
    after = reported(Figure(name="cache", value=9, unit="bytes", better="lower"))
    found = compare(before, after, Rules(gate_times=True, relative_bound=1e6))
    assert row(found, "cache").change is None and not found.passes()
    assert "worse" in comparison_text(found)


def test_what_vanished_is_listed_and_fails_when_strict() -> None:
    one, gone = sampled("R@1", [1.0] * 50), sampled("R@5", [1.0] * 50)
    lost = Figure(name="mAP", value=None, why="no query has a relevant image")
    found = compare(
        reported(one, gone, sampled("mAP", [0.5] * 50)),
        reported(one, lost, sampled("new", [1.0] * 50)),
    )
    assert found.vanished == (
        "classic / retrieve / product / R@5",
        "classic / retrieve / product / mAP",
    )
    assert found.appeared == ("classic / retrieve / product / new",)
    assert found.passes() and not found.passes(strict=True)
    text = comparison_text(found)
    assert "Gone, 2 in all" in text and "R@5" in text and "New, 1 in all" in text


def test_figures_that_neither_report_defines_are_not_judged() -> None:
    lost = Figure(name="mAP", value=None, why="no query has a relevant image")
    both = reported(sampled("R@1", [1.0] * 50), lost)
    found = compare(both, both)
    assert row(found, "mAP").verdict == "not judged" and not found.vanished
    assert "not defined" in row(found, "mAP").why


def test_systems_are_paired_by_name_or_because_each_report_has_one() -> None:
    renamed = compare(
        reported(sampled("R@1", [1.0] * 50)), reported(sampled("R@1", [1.0] * 50), name="compact")
    )
    assert renamed.rows[0].system == "classic → compact"
    two = report(system("classic"), system("compact", 1))
    found = compare(two, report(system("compact", 1)))
    assert {one.system for one in found.rows} == {"compact"}
    assert all(place.startswith("classic / ") for place in found.vanished) and found.vanished
