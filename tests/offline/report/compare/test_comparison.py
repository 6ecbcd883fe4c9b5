"""Two reports compared: verdicts, regressions, what is gone, and who may be compared."""

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from offline.report.compare.comparison import Comparison, Row
from offline.report.compare.judging import compare
from offline.report.compare.rules import Rules
from offline.report.compare.text import comparison_text
from offline.report.data import json_text
from offline.report.document import Better, Figure, Group, Report, Section, System, Unit
from tests.offline.report.made_report import report, system
from tests.packsight_command import Command

ITEMS = tuple(f"query {number}" for number in range(50))


def sampled(name: str, samples: list[float | None], better: Better = "higher") -> Figure:
    given = [one for one in samples if one is not None]
    return Figure(name=name, value=float(np.mean(given)), samples=tuple(samples), better=better)


def ranged(
    name: str, value: float, half: float, unit: Unit = "", better: Better = "higher"
) -> Figure:
    return Figure(
        name=name, value=value, low=value - half, high=value + half, unit=unit, better=better
    )


def reported(
    *figures: Figure, name: str = "classic", items: tuple[str, ...] = ITEMS,
    clusters: tuple[str, ...] = (), checksum: str = "c" * 64, seed: int = 0,
) -> Report:  # fmt: skip
    used = items if any(figure.samples for figure in figures) else ()
    group = Group(name="product", figures=figures, items=used, clusters=clusters if used else ())
    section = Section(stage="retrieve", groups=(group,))
    one = System(name=name, fingerprint="f", settings={}, weights={}, sections=(section,))
    return report(one, checksum=checksum, seed=seed)


def row(found: Comparison, figure: str) -> Row:
    (one,) = [row for row in found.rows if row.figure == figure]
    return one


def test_worse_better_and_same_are_told_apart() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 50)
    old = [0.5] * 50
    before = reported(*(sampled(name, old) for name in ("down", "up", "same", "noise")))
    after = reported(
        sampled("down", [0.2] * 45 + [0.5] * 5), sampled("up", [0.9] * 50), sampled("same", old),
        sampled("noise", [0.5 + float(one) for one in noise]),
    )  # fmt: skip
    found = compare(before, after)
    verdicts = {one.figure: one.verdict for one in found.rows}
    assert verdicts == {"down": "worse", "up": "better", "same": "same", "noise": "same"}
    assert [one.figure for one in found.regressions] == ["down"]
    assert row(found, "down").difference == pytest.approx(-0.27)
    assert row(found, "down").items == 50 and row(found, "down").method == "paired"
    assert found.judged == 3 and found.by_chance == pytest.approx(0.15)  # nothing moved in "same"
    assert not found.passes()


def test_lower_is_better_where_a_figure_says_so_and_neither_is_only_different() -> None:
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
        ranged("AUROC", 0.9, 0.01), ranged("F1", 0.9, 0.2), Figure(name="bare", value=0.9),
        Figure(name="equal", value=0.5),
    )  # fmt: skip
    after = reported(
        ranged("AUROC", 0.8, 0.01), ranged("F1", 0.8, 0.2), Figure(name="bare", value=0.1),
        Figure(name="equal", value=0.5),
    )  # fmt: skip
    found = compare(before, after)
    assert [one.verdict for one in found.rows] == ["worse", "same", "not judged", "same"]
    assert [one.method for one in found.rows] == ["intervals", "intervals", "none", "exact"]
    assert "no interval" in row(found, "bare").why
    assert found.judged == 2


def test_times_and_sizes_are_relative_and_gate_only_when_asked() -> None:
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


def test_growth_from_nothing_is_beyond_any_share() -> None:
    before = reported(Figure(name="cache", value=0, unit="bytes", better="lower"))
    after = reported(Figure(name="cache", value=9, unit="bytes", better="lower"))
    found = compare(before, after, Rules(gate_times=True, relative_bound=1e6))
    assert row(found, "cache").change is None and not found.passes()
    assert "worse" in comparison_text(found)


def test_what_vanished_is_told_and_fails_when_strict() -> None:
    one, gone = sampled("R@1", [1.0] * 50), sampled("R@5", [1.0] * 50)
    lost = Figure(name="mAP", value=None, why="no query has a relevant picture")
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
    lost = Figure(name="mAP", value=None, why="no query has a relevant picture")
    both = reported(sampled("R@1", [1.0] * 50), lost)
    found = compare(both, both)
    assert row(found, "mAP").verdict == "not judged" and not found.vanished
    assert "not defined" in row(found, "mAP").why


def test_systems_are_paired_by_name_or_because_each_report_has_one() -> None:
    renamed = compare(reported(sampled("R@1", [1.0] * 50)),
                      reported(sampled("R@1", [1.0] * 50), name="compact"))  # fmt: skip
    assert renamed.rows[0].system == "classic → compact"
    two = report(system("classic"), system("compact", 1))
    found = compare(two, report(system("compact", 1)))
    assert {one.system for one in found.rows} == {"compact"}
    assert all(place.startswith("classic / ") for place in found.vanished) and found.vanished


def test_reports_of_different_pictures_are_not_compared_by_mistake() -> None:
    before = reported(sampled("R@1", [1.0] * 50))
    after = reported(sampled("R@1", [1.0] * 50), checksum="d" * 64, seed=3)
    with pytest.raises(ConfigError, match="different pictures") as caught:
        compare(before, after)
    assert "--anyway" in caught.value.remedy
    found = compare(before, after, anyway=True)
    assert len(found.warnings) == 2 and "seeds, 0 and 3" in found.warnings[1]


def test_a_gate_that_could_judge_nothing_is_no_gate() -> None:
    bare = reported(Figure(name="R@1", value=0.5))
    with pytest.raises(ConfigError, match="no figure in common that can be judged"):
        compare(bare, reported(Figure(name="R@1", value=0.4)))
    with pytest.raises(ConfigError, match="no figure in common"):
        compare(reported(sampled("R@1", [1.0] * 50)), reported(sampled("R@5", [1.0] * 50)))


def test_a_pattern_that_fits_no_figure_is_refused() -> None:
    one = reported(sampled("R@1", [1.0] * 50))
    for rules in (Rules(bounds={"R@2": 0.1}), Rules(only=("recall*",))):
        with pytest.raises(ConfigError, match="Figures are: R@1"):
            compare(one, one, rules)
    with pytest.raises(ConfigError, match="at least 0"):
        Rules(bound=-0.1)


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
    gate may be wrong 3 times; more than 8 is beyond three standard errors (1.7)."""
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


def test_the_same_reports_and_seed_say_the_same() -> None:
    one, other = report(system(share=0.8)), report(system(share=0.7))
    assert compare(one, other, Rules(seed=3)) == compare(one, other, Rules(seed=3))


@pytest.fixture
def saved(tmp_path: Path) -> dict[str, Path]:
    texts = {
        "good": json_text(report(system(share=0.8))), "bad": json_text(report(system(share=0.4))),
        "other": json_text(report(checksum="d" * 64)), "broken": '{"format_version": 1',
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in texts}


def test_the_command_is_a_gate(
    saved: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packsight = Command(capsys)
    same = packsight("evaluate", "compare", saved["good"], saved["good"])
    assert same.code == 0 and "No regression" in same.out
    out = tmp_path / "new" / "comparison.json"
    worse = packsight("evaluate", "compare", saved["good"], saved["bad"], "--json", out)
    assert worse.code == 1 and "worse: REGRESSION" in worse.out
    assert Comparison.model_validate_json(out.read_text()).regressions
    loose = packsight("evaluate", "compare", saved["good"], saved["bad"], "--bound", "1")
    assert loose.code == 0
    own = ("--bound", "1", "--bound", "R@1=0.01", "--only", "R@1", "--all")
    found = packsight("evaluate", "compare", saved["good"], saved["bad"], *own)
    assert found.code == 1 and "R@5" not in found.out


@pytest.mark.parametrize(
    ("before", "after", "more", "words"),
    [
        ("good", "broken", (), "no JSON"), ("good", "nowhere", (), "No such file"),
        ("good", "other", (), "different pictures"),
        ("good", "good", ("--bound", "x"), "no number"),
        ("good", "good", ("--bound", "R@77=0.1"), "R@77"),
        ("good", "good", ("--seed", "-1"), "seed"),
        ("good", "good", ("--bound", "nan"), "at least 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_neither_good_nor_bad(
    saved: dict[str, Path], capsys: pytest.CaptureFixture[str],
    before: str, after: str, more: tuple[str, ...], words: str,
) -> None:  # fmt: skip
    paths = [saved["good"].with_name(name) for name in (before, after)]
    found = Command(capsys)("evaluate", "compare", *paths, *more)
    assert found.code == 2 and words in found.line


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
    assert " would differ if judged alone" in text and "same (alone: p = 0.0" in text
    assert not compare(before, after, Rules(only=("R@1",))).passes()


def test_figures_that_cannot_differ_do_not_hide_those_that_do() -> None:
    """Nothing changed in 200 figures; 7 of 50 items speak against one: alone p is 2 ** -6."""
    still = [sampled(f"f{n}", [0.5] * 50) for n in range(200)]
    before = reported(*still, sampled("R@1", [1.0] * 50))
    found = compare(before, reported(*still, sampled("R@1", [0.0] * 7 + [1.0] * 43)))
    assert found.judged == 1 and [one.figure for one in found.regressions] == ["R@1"]
    assert row(found, "f0").adjusted is None and row(found, "f0").p == 1.0
    assert "200 more have too few items that changed" in comparison_text(found)
