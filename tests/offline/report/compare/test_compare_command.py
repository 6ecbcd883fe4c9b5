"""Which reports may be compared, and `packsight evaluate compare` as a gate."""

from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.report.compare.comparison import Comparison
from offline.report.compare.judging import compare
from offline.report.compare.rules import Rules
from offline.report.document import Figure
from offline.report.files import json_text
from tests.offline.report.compare.compared_reports import reported, sampled
from tests.offline.report.made_report import report, system
from tests.packsight_command import Command


def test_reports_of_different_images_are_not_compared_by_mistake() -> None:
    before = reported(sampled("R@1", [1.0] * 50))
    after = reported(sampled("R@1", [1.0] * 50), checksum="d" * 64, seed=3)
    with pytest.raises(ConfigError, match="different images") as caught:
        compare(before, after)
    assert "--anyway" in caught.value.remedy
    found = compare(before, after, anyway=True)
    assert len(found.warnings) == 2 and "seeds, 0 and 3" in found.warnings[1]


def test_a_gate_that_could_judge_nothing_is_no_gate() -> None:
    bare = reported(Figure(name="R@1", value=0.5))
    with pytest.raises(ConfigError, match="no figure in common"):
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


@pytest.fixture
def saved(tmp_path: Path) -> dict[str, Path]:
    texts = {
        "good": json_text(report(system(share=0.8))),
        "bad": json_text(report(system(share=0.4))),
        "other": json_text(report(checksum="d" * 64)),
        "broken": '{"format_version": 1',
    }
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
        ("good", "broken", (), "not JSON"),
        ("good", "nowhere", (), "No such file"),
        ("good", "other", (), "different images"),
        ("good", "good", ("--bound", "x"), "not a number"),
        ("good", "good", ("--bound", "R@77=0.1"), "R@77"),
        ("good", "good", ("--seed", "-1"), "seed"),
        ("good", "good", ("--bound", "nan"), "at least 0"),
    ],
)
def test_what_cannot_be_compared_is_neither_good_nor_bad(
    saved: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    before: str,
    after: str,
    more: tuple[str, ...],
    words: str,
) -> None:
    paths = [saved["good"].with_name(name) for name in (before, after)]
    found = Command(capsys)("evaluate", "compare", *paths, *more)
    assert found.code == 2 and words in found.line
