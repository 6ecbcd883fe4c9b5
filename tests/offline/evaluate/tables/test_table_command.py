"""`packsight evaluate table`: what it prints and writes, and what it refuses in one line."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.config import StageSettings
from offline.evaluate.tables.layout import classifier_variant
from offline.evaluate.tables.registry import LAYOUTS
from offline.report.files import read_report
from stages.classify._artefact import ClassifierArtefact, artefact_path
from stages.profiles import DEFAULT
from tests.contracts.test_embedders import write_backbone
from tests.drawn_catalogue import QUICK, QUICK_FLAGS, package, save
from tests.offline.evaluate.counting_parts import quick_settings
from tests.offline.evaluate.tables.drawn_trees import write_eyeglasses
from tests.packsight_command import Command
from tests.stages.classify.small_heads import SOFTMAX, write_head


@pytest.fixture
def glasses(tmp_path: Path) -> Path:
    write_eyeglasses(tmp_path / "glasses")
    return tmp_path / "glasses"


# Those of embedding would be options of an embedder that is named by a flag.
CUTTING = [part for one in QUICK if not one.startswith("embed.") for part in ("--set", one)]


def flags(
    name: str, data: Path, *more: str | Path, quick: Sequence[str] = QUICK_FLAGS
) -> list[str | Path]:
    cache = data.parent / "cache"
    return ["evaluate", "table", name, "--data", data, "--cache", cache, "--quiet", *quick, *more]


def test_without_a_name_all_tables_are_listed_with_their_data(packsight: Command) -> None:
    shown = packsight("evaluate", "table")
    assert shown.code == 0
    for name, layout in LAYOUTS.items():
        assert f"{name} " in shown.out and layout.needs in shown.out


def test_the_printed_table_is_in_all_three_files(
    packsight: Command, glasses: Path, tmp_path: Path
) -> None:
    trunk = write_backbone(tmp_path)
    shown = packsight(
        *flags(
            "eyeglasses-2",
            glasses,
            "--embedder",
            f"tiny={trunk}",
            "--seed",
            "3",
            "--out",
            tmp_path / "out",
            "--json",
            tmp_path / "table.json",
            quick=CUTTING,
        )
    )
    assert shown.code == 0 and shown.err == ""
    (row,) = [line for line in shown.out.splitlines() if line.startswith("| tiny ")]
    assert row in (tmp_path / "out" / "report.md").read_text("utf-8")
    assert "tiny" in (tmp_path / "out" / "report.html").read_text("utf-8")
    report = read_report(tmp_path / "table.json")
    assert report == read_report(tmp_path / "out" / "report.json")
    assert [system.name for system in report.systems] == ["tiny"]
    assert report.provenance.seed == 3 and len(report.provenance.dataset_checksum) == 64
    assert report.systems[0].settings["embed"]["weights"] == str(trunk)
    assert len(report.blocks) == 1


def test_the_profile_is_the_only_row_where_no_trunk_is_named(
    packsight: Command, glasses: Path
) -> None:
    shown = packsight(*flags("sop", glasses))
    assert [line for line in shown.out.splitlines() if line.startswith(f"| {DEFAULT} ")]


def test_a_run_that_is_asked_again_says_the_same(packsight: Command, glasses: Path) -> None:
    assert packsight(*flags("sop", glasses)).out == packsight(*flags("sop", glasses)).out
    shutil.rmtree(glasses.parent / "cache")
    assert packsight(*flags("sop", glasses)).code == 0


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("sap", (), "unknown table 'sap'. Did you mean 'sop'"),
        ("sop", ("--shown", "3"), "sop has no use for --shown"),
        ("sop", ("--classifier", "a=b.onnx"), "sop has no use for --classifier"),
        ("sop", ("--embedder", "trunk.onnx"), "must read NAME=FILE.onnx"),
        ("sop", ("--embedder", "a=x.onnx", "--embedder", "a=y.onnx"), "called 'a'"),
        ("sop", ("--embedder", "a=nowhere.onnx"), "nowhere.onnx"),
        ("sop", ("--data", "nowhere"), "made of one data set, not of 2"),
        ("waqas-1", (), "has no split test, val or validation"),
        ("waqas-1", ("--split", "queries"), "have no categories"),
        ("waqas-1", ("--split", "judged"), "no split 'judged'"),
        ("sop", ("--out", "/dev/null/x"), "cannot be written"),
    ],
)
def test_bad_input_is_one_line(
    name: str, more: tuple[str, ...], said: str, packsight: Command, glasses: Path
) -> None:
    refused = packsight(*flags(name, glasses, *more, quick=CUTTING))
    assert refused.code == 1 and said in refused.line


def test_a_table_without_data_says_what_data_it_needs(packsight: Command) -> None:
    refused = packsight("evaluate", "table", "sop")
    assert refused.code == 1 and LAYOUTS["sop"].needs in refused.line


def test_a_trained_classifier_is_asked_without_a_gallery(
    packsight: Command, tmp_path: Path
) -> None:
    """Images of one colour, by a network that names the strongest channel; a red one among the
    green ones: the accuracies of red and green are 5 / 6."""
    colours = {"red": (250, 9, 9), "green": (9, 250, 9), "blue": (9, 9, 250)}
    for name, colour in colours.items():
        for at, shown in enumerate((colour, colours["red"] if name == "green" else colour)):
            pixels = np.full((32, 32, 3), shown, np.uint8)
            save(tmp_path / "colours" / "test" / name / f"{at}.png", pixels)
    head = write_head(tmp_path, SOFTMAX)
    shown = packsight(
        *flags(
            "waqas-2",
            tmp_path / "colours",
            "--classifier",
            f"head={head}",
            "--set",
            "segment.name=whole",
        )
    )
    cells = [line.strip("| ").split(" | ") for line in shown.out.splitlines() if "|" in line]
    assert {row[0].strip(): row[1].strip() for row in cells[2:]} == {
        "blue": "1.000",
        "green": "0.833",
        "red": "0.833",
        "average": "0.889",
        "variance": "6.17e-03",
        "plain accuracy": "0.833",
    }
    assert "classified by a trained model" in shown.out
    assert "never learned" not in shown.out


def test_categories_that_a_trained_classifier_never_learned_are_told(
    packsight: Command, tmp_path: Path
) -> None:
    for at, category in enumerate(("red", "jar", "jar")):
        save(tmp_path / "data" / "test" / category / f"{at}.png", package("jar", at))
    head = write_head(tmp_path, SOFTMAX)
    shown = packsight(*flags("waqas-1", tmp_path / "data", "--classifier", f"head={head}"))
    assert shown.code == 0
    assert "2 photos are of categories that this classifier never learned" in shown.out


def test_a_trained_classifiers_images_are_cut_as_those_it_learned_from(tmp_path: Path) -> None:
    head = write_head(tmp_path, SOFTMAX).rename(tmp_path / "classifier.onnx")
    cut = {"cutout": {"name": "grey_on_white", "size": 48}}
    artefact = ClassifierArtefact(labels=("a", "b", "c"), output="probabilities", cut=cut)
    artefact_path(head).write_text(artefact.text(), "utf-8")
    found = classifier_variant(f"mine={tmp_path}", quick_settings(), ["cutout.size=40"])
    assert found.name == "mine" and found.settings.classify.name == "onnx"
    assert found.settings.cutout == StageSettings(name="grey_on_white", options={"size": 40})
    assert found.settings.classify.options["weights"] == str(head)
