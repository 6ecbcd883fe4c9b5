"""Many figures compared at once: chance is not taken for change, nor change for chance."""

import numpy as np
import pytest

from offline.report.compare.judging import compare
from offline.report.compare.rules import Rules
from offline.report.compare.text import comparison_text
from tests.offline.report.compare.compared_reports import ITEMS, reported, row, sampled
from tests.offline.report.made_report import report, system


def test_fewer_figures_need_less_correction() -> None:
    random = np.random.default_rng(4)
    old = {f"f{n}": random.random(50) for n in range(40)}
    new = {name: values + 0.25 * (random.random(50) - 0.5) for name, values in old.items()}
    new["f0"] = old["f0"] - 0.25 * random.random(50) + 0.07
    before, after = (
        reported(*(sampled(name, values.tolist()) for name, values in one.items()))
        for one in (old, new)
    )
    alone = row(compare(before, after, Rules(only=("f0",))), "f0")
    among = row(compare(before, after, Rules(correction="holm")), "f0")
    assert alone.adjusted == alone.p == pytest.approx(among.p)
    assert among.adjusted is not None and among.p is not None and among.adjusted > among.p


def test_comparing_the_other_way_round_mirrors_every_row() -> None:
    one, other = report(system(share=0.8)), report(system(share=0.6))
    opposite = {"better": "worse", "worse": "better"}
    there, back = compare(one, other), compare(other, one)
    assert {row.verdict for row in there.rows} > {"worse", "same"}
    for left, right in zip(there.rows, back.rows, strict=True):
        assert right.verdict == opposite.get(left.verdict, left.verdict)
        assert right.p == left.p and right.adjusted == left.adjusted and right.items == left.items
        if left.difference is not None and left.low is not None and left.high is not None:
            assert right.difference == -left.difference
            assert (right.low, right.high) == pytest.approx((-left.high, -left.low))


def test_equal_systems_seldom_fail_the_gate() -> None:
    """60 comparisons of 20 figures that move together, none of them really different: at 5 % a
    gate may fail 3 times; more than 8 is beyond three standard errors (1.7)."""
    wrong = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        reports = []
        for _ in range(2):
            common = random.normal(0.5, 0.2, 30)
            figures = [
                sampled(f"f{n}", (common + random.normal(0, 0.1, 30)).tolist()) for n in range(20)
            ]
            reports.append(reported(*figures, items=ITEMS[:30]))
        wrong += not compare(reports[0], reports[1]).passes()
    assert wrong <= 8


def test_the_same_reports_and_seed_give_the_same() -> None:
    one, other = report(system(share=0.8)), report(system(share=0.7))
    assert compare(one, other, Rules(seed=3)) == compare(one, other, Rules(seed=3))


def test_what_would_differ_alone_is_shown_though_it_passes() -> None:
    """30 figures of noise, and one that 7 of 50 items speak against: p alone is 2 ** -6."""
    random = np.random.default_rng(8)
    old, new = (
        [sampled(f"f{n}", random.normal(0.5, 0.1, 50).tolist()) for n in range(30)]
        for _ in range(2)
    )
    before = reported(*old, sampled("R@1", [1.0] * 50))
    after = reported(*new, sampled("R@1", [0.0] * 7 + [1.0] * 43))
    found = compare(before, after)
    assert row(found, "R@1").verdict == "same" and found.passes()
    text = comparison_text(found)
    assert "alone" in text and "same (alone: p = 0.0" in text
    assert not compare(before, after, Rules(only=("R@1",))).passes()


def test_figures_that_cannot_differ_do_not_hide_those_that_do() -> None:
    """Nothing changed in 200 figures; 7 of 50 items speak against one: alone p is 2 ** -6."""
    still = [sampled(f"f{n}", [0.5] * 50) for n in range(200)]
    before = reported(*still, sampled("R@1", [1.0] * 50))
    found = compare(before, reported(*still, sampled("R@1", [0.0] * 7 + [1.0] * 43)))
    assert found.judged == 1 and [one.figure for one in found.regressions] == ["R@1"]
    assert row(found, "f0").adjusted is None and row(found, "f0").p == 1.0
    assert "200 more" in comparison_text(found)
