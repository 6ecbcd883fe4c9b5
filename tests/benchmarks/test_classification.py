"""The tables of trained classifiers, from a hand-made one on a few drawn images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.config import load
from engine.images import load as load_image
from engine.probabilities import UnknownRule
from offline.calibration import softmax_at
from offline.datasets import open_dataset
from offline.metrics.calibration import expected_calibration_error
from stages.assemble import assemble_cutting
from stages.classify._artefact import ClassifierArtefact, artefact_path
from stages.profiles import read_profile
from tests.benchmarks.running import run_benchmark, table
from tests.drawn_catalogue import QUICK
from tests.offline.datasets.packbench.written_packbench import write_benchmark
from tests.stages.classify.small_heads import LOGITS, write_head

LABELS = ("jar", "bottle", "cap\nlid")
TEMPERATURE = 0.05


def trained(folder: Path, labels: tuple[str, ...] = LABELS) -> Path:
    """A run's folder whose classifier tells colours apart and calls them categories."""
    folder.mkdir()
    head = write_head(folder, LOGITS).rename(folder / "classifier.onnx")
    (folder / "recipe.json").write_text('{"backbone": "TinyNet"}')
    (folder / "head.toml").rename(folder / "classifier.toml")
    cutting = assemble_cutting(load(read_profile("classic"), env={}, flags=QUICK))
    tables = cutting.settings.tables()
    made = ClassifierArtefact(
        labels=labels,
        output="logits",
        temperature=TEMPERATURE,
        least_probability=0.3,
        unknown=UnknownRule(score="max_probability", threshold=0.34),
        cut_fingerprint=cutting.fingerprint,
        cut={section: tables[section] for section in ("segment", "matting", "trust", "cutout")},
        figures={"parameters": 4_100_000},
    )
    artefact_path(head).write_text(made.text(), encoding="utf-8")
    return folder


def means(data: Path) -> tuple[np.ndarray, list[str]]:
    """(N, 3) the head's outputs on the catalogue, by the cutting alone, and the categories."""
    cutting = assemble_cutting(load(read_profile("classic"), env={}, flags=QUICK)).cutting
    images = open_dataset(data).images("catalogue")
    cuts = cutting.cut([load_image(image.path) for image in images])
    rows = [cut.cutout.pixels.astype(np.float64).mean(axis=(0, 1)) / 255 for cut in cuts]
    return np.array(rows), [str(image.category) for image in images]


def test_the_tables_say_what_the_classifier_does(tmp_path: Path) -> None:
    write_benchmark(tmp_path / "data", side=48)
    run = trained(tmp_path / "colours")
    arguments = (run, "--data", tmp_path / "data", "--split", "catalogue", "--mass", "0.4", "1")
    done = run_benchmark("classification.py", *arguments, "--work", tmp_path / "work")
    assert done.returncode == 0, done.stderr
    logits, categories = means(tmp_path / "data")
    true = np.array([LABELS.index(name) for name in categories])
    guessed = logits.argmax(axis=1)

    first = table(done.stdout, "category (colours)")
    assert list(first) == ["jar", "bottle", "cap lid", "mean"]
    assert (first["jar"][4], first["bottle"][4], first["mean"][4]) == ("4", "4", "8")
    recall = ((guessed == 0) & (true == 0)).sum() / 4
    assert float(first["jar"][1]) == pytest.approx(recall, abs=1e-3)

    second = table(done.stdout, "run")["colours"]
    assert second[:2] == ["TinyNet", "4.1 M"]
    assert float(second[3].split()[0]) == pytest.approx((guessed == true).mean(), abs=1e-3)
    for cell, temperature in ((second[5], 1.0), (second[6], TEMPERATURE)):
        expected = expected_calibration_error(softmax_at(logits, temperature), true)
        assert float(cell) == pytest.approx(expected, abs=5e-3)
    assert float(second[9]) > 0

    routed = table(done.stdout, "run, route")
    assert list(routed) == [
        "colours, hard",
        "colours, mass 0.4",
        "colours, mass 1",
        "colours, probability 0.3",
    ]
    assert float(routed["colours, hard"][0]) == pytest.approx((guessed == true).mean(), abs=1e-4)
    assert routed["colours, mass 1"][:2] == ["1.0000", "3.00"]


def test_what_was_not_learned_counts_as_unknown(tmp_path: Path) -> None:
    write_benchmark(tmp_path / "data", side=48)
    write_benchmark(tmp_path / "other", side=48)
    run = trained(tmp_path / "colours", ("jar", "lamp", "cap"))
    arguments = (run, "--data", tmp_path / "data", "--split", "catalogue")
    work = ("--work", tmp_path / "work")
    done = run_benchmark("classification.py", *arguments, *work)
    assert done.returncode == 0, done.stderr
    assert table(done.stdout, "category (colours)")["mean"][4] == "4"
    (cells,) = table(done.stdout, "run, score").values()
    assert (cells[0], cells[2]) == ("4", "4")
    assert all(0 <= float(cells[place]) <= 1 for place in (1, 3, 4))
    more = run_benchmark("classification.py", *arguments, *work, "--unknown", tmp_path / "other")
    (wider,) = table(more.stdout, "run, score").values()
    assert int(wider[2]) > 4


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (["--set", "cutout.size=48"], "cut out"),
        (["--split", "nowhere"], "nowhere"),
    ],
)
def test_settings_and_splits_that_do_not_fit_are_told_in_one_line(
    tmp_path: Path, flags: list[str], fault: str
) -> None:
    write_benchmark(tmp_path / "data", side=48)
    run = trained(tmp_path / "colours")
    places = ("--data", tmp_path / "data", "--work", tmp_path / "work")
    done = run_benchmark("classification.py", run, *places, *flags)
    assert done.returncode == 1
    assert fault in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_without_a_classifier_is_told_in_one_line(tmp_path: Path) -> None:
    write_benchmark(tmp_path / "data", side=48)
    places = ("--data", tmp_path / "data", "--work", tmp_path / "work")
    done = run_benchmark("classification.py", tmp_path, *places)
    assert done.returncode == 1
    assert "packsight train classifier" in done.stderr
    assert len(done.stderr.splitlines()) == 1
