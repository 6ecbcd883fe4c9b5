"""`packsight train classifier` from images to a served file, whatever happens on the way."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from engine.config import Settings
from engine.errors import ConfigError
from engine.types import Cutout
from offline.datasets.packbench import shipped
from offline.train.classifier import training
from offline.train.classifier.recipe import ClassifierRecipe, Schedule
from stages.classify.onnx import Options, build
from stages.context import BuildContext
from tests.drawn_catalogue import package, save, write_catalogue
from tests.packsight_command import ENTRY, ROOT, Command, Outcome
from tests.watched_processes import wait

QUICK = (
    *("--backbone", "MobileNetV2", "--weights", "none", "--side", "32", "--batch", "8"),
    *("--profile", "classic", "--set", "segment.name=whole"),
    *(
        "--set",
        "cutout.name=grey_on_white",
        "--set",
        "cutout.size=32",
        "--set",
        "matting.name=none",
    ),
)


@pytest.fixture
def packsight(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def train(folder: Path, out: Path, *more: str | Path) -> Outcome:
    """In a process of its own, on the backend that Packsight chooses."""
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, *map(str, asked(folder, out, *more))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Outcome(done.returncode, done.stdout, done.stderr)


def asked(folder: Path, out: Path, *more: str | Path) -> list[str | Path]:
    return ["train", "classifier", "--data", folder, "--out", out, *QUICK, *more]


def split_catalogue(folder: Path) -> Path:
    write_catalogue(folder / "train", products=4, views=2)
    for category in ("bottle", "jar", "stick"):
        for view in (5, 6):
            save(folder / "validation" / category / f"v{view}.png", package(category, 9, view))
    return folder


# Looked for, not imported: TensorFlow would come into this process, before the torch of others.
needs_keras = pytest.mark.skipif(find_spec("keras") is None, reason="needs the extra `train`")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("keras") is None:
        pytest.skip("needs the extra `train`")
    folder = tmp_path_factory.mktemp("trained")
    done = train(split_catalogue(folder / "data"), folder / "run", "--epochs", "3")
    assert done.code == 0, done.err
    return folder / "run"


def history(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


# Refused before anything heavy is imported: these run without the train extra.


def test_a_missing_folder_is_one_line(packsight: Command, tmp_path: Path) -> None:
    done = packsight(*asked(tmp_path / "absent", tmp_path / "run"))
    assert done.code == 1 and "no such folder" in done.line


def test_a_category_of_one_image_is_named(packsight: Command, tmp_path: Path) -> None:
    split_catalogue(tmp_path / "data")
    save(tmp_path / "data/train/tube/only.png", package("stick", 50))
    done = packsight(*asked(tmp_path / "data", tmp_path / "run"))
    assert done.code == 1 and "tube (1)" in done.line and "--drop-small" in done.line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--backbone", "VGG16"), "unknown backbone 'VGG16'"),
        (("--optimiser", "lion"), "unknown --optimiser 'lion'. Valid: sgd, adam, rmsprop"),
        (("--epochs", "0"), "--epochs 0: must be at least 1"),
        (("--side", "16"), "--input-size 16"),
        (("--rate", "0"), "--learning-rate 0.0: must be above 0"),
        (("--weights", "no/such.h5"), "--weights no/such.h5: there is no such file"),
        (("--train-split", "x"), "no split 'x'"),
        (("--set", "cutout.nosuch=1"), "unknown option 'nosuch'"),
    ],
)
def test_wrong_flags_are_one_line_that_says_which(
    packsight: Command, tmp_path: Path, flags: tuple[str, ...], expected: str
) -> None:
    split_catalogue(tmp_path / "data")
    done = packsight(*asked(tmp_path / "data", tmp_path / "run", *flags))
    assert done.code == 1 and expected in done.line


def test_an_empty_folder_is_one_line(packsight: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert packsight(*asked(tmp_path / "data", tmp_path / "run")).code == 1


def test_all_images_are_learned_by_default_where_that_is_cheap() -> None:
    assert not ClassifierRecipe().refits
    assert ClassifierRecipe(frozen_backbone=True).refits
    assert not ClassifierRecipe(frozen_backbone=True, refit=False).refits
    assert ClassifierRecipe(refit=True).refits


def test_images_are_cut_by_the_settings_of_the_gallery(
    packsight: Command, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Settings] = []

    def record(
        dataset: object, out: object, recipe: object, settings: Settings, **_: object
    ) -> None:
        used.append(settings)
        raise ConfigError("that is all.")

    monkeypatch.setattr(training, "train_classifier", record)
    packsight.ingest(catalogue, tmp_path / "g", "--set", "cutout.size=48", "--no-adapt")
    plain = ("train", "classifier", "--data", catalogue, "--out", tmp_path / "run")
    for more in ((), ("--gallery", tmp_path / "g"), ("--profile", "paper")):
        packsight(*plain, *more)
    of_gallery = used[1]
    assert [one.segment.name for one in used] == ["saliency", "whole", "u2net"]
    assert (of_gallery.cutout.name, of_gallery.cutout.options["size"]) == ("whole", 48)
    assert training.cutting_in_words(of_gallery) == "segment whole, cutout whole"
    assert packsight(*plain, "--gallery", tmp_path / "none").code == 1 and len(used) == 3


def test_the_papers_recipe_is_the_default() -> None:
    schedule = Schedule()
    assert (schedule.optimiser, schedule.learning_rate) == ("sgd", 1e-3)


@pytest.mark.slow
def test_what_was_trained_is_served_without_keras(trained: Path) -> None:
    stage = build(
        Options(weights=str(trained / "classifier.onnx"), any_cutting=True), BuildContext()
    )
    assert stage.categories == ("bottle", "jar", "stick")
    pixels = np.full((32, 32, 3), 255, np.uint8)
    (scores,) = stage.classify(
        [Cutout(pixels, np.ones((32, 32), np.float32), (0, 0, 32, 32))],
        np.zeros((1, 1), np.float32),
    )
    assert float(scores.probabilities.sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_the_run_leaves_its_card_history_and_recipe(trained: Path) -> None:
    card = (trained / "card.md").read_text("utf-8")
    for expected in (
        "24 images to learn from, 6 for validation",
        "MobileNetV2",
        "sgd",
        "| jar | 8 |",
    ):
        assert expected in card
    assert [row["epoch"] for row in history(trained)] == [1, 2, 3]
    assert json.loads((trained / "recipe.json").read_text())["categories"] == [
        "bottle",
        "jar",
        "stick",
    ]


@pytest.mark.slow
def test_a_finished_run_is_not_trained_again_and_another_recipe_is_refused(
    trained: Path, tmp_path: Path
) -> None:
    data = trained.parent / "data"
    before = history(trained)
    assert train(data, trained, "--epochs", "3").code == 0
    assert history(trained) == before
    done = train(data, trained, "--epochs", "3", "--rate", "0.01")
    assert done.code == 1 and "learning_rate" in done.err and "0.001" in done.err


# Stops for ever when the second epoch is kept.
STALLING = """
import time
from offline.store.run_folder import RunFolder
record = RunFolder.record
def stalling(run, epochs):
    record(run, epochs)
    if len(epochs) == 2:
        time.sleep(600)
RunFolder.record = stalling
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_like_the_unbroken_one(trained: Path, tmp_path: Path) -> None:
    data, run = trained.parent / "data", tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", STALLING + ENTRY, *map(str, asked(data, run, "--epochs", "3"))],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait((run / "history.jsonl").is_file, 300)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 1 <= len(history(run)) < 3
    assert train(data, run, "--epochs", "3").code == 0
    for one, other in zip(history(run), history(trained), strict=True):
        assert one.keys() == other.keys()
        # Sums in another order: threads share the work as they come.
        np.testing.assert_allclose(list(one.values()), list(other.values()), rtol=0.02, atol=0.02)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_one_line(trained: Path, tmp_path: Path) -> None:

    run = shutil.copytree(trained, tmp_path / "run")
    (run / "checkpoint.npz").write_bytes(b"no zip")
    done = train(trained.parent / "data", run, "--epochs", "3")
    assert done.code == 1 and "checkpoint.npz: not a checkpoint of this run" in done.err


@needs_keras
@pytest.mark.slow
def test_unreadable_images_and_copies_are_reported_and_the_run_goes_on(tmp_path: Path) -> None:
    data = split_catalogue(tmp_path / "data")
    (data / "train/jar/p0/bad.png").write_text("this is text")
    shutil.copy(data / "train/jar/p1/v0.png", data / "validation/jar/copy.png")
    done = train(data, tmp_path / "run", "--epochs", "1")
    assert done.code == 0
    for expected in ("bad.png: left out", "not learned, the same image as"):
        assert expected in done.err and expected in (tmp_path / "run/card.md").read_text("utf-8")


@needs_keras
@pytest.mark.slow
def test_a_frozen_backbone_learns_the_shipped_benchmark(tmp_path: Path) -> None:
    done = train(
        shipped(),
        tmp_path / "run",
        "--epochs",
        "3",
        "--frozen-backbone",
        "--views",
        "2",
        "--hold-out",
        "picture",
        "--unknown",
        shipped() / "queries" / "jar",
    )
    assert done.code == 0, done.err
    assert "families not seen" in (tmp_path / "run/card.md").read_text("utf-8")
    assert (tmp_path / "run/features_train.npy").is_file()
    card = (tmp_path / "run/card.md").read_text("utf-8")
    assert "trained anew on all images" in card
    refitted = json.loads((tmp_path / "run/refit/history.jsonl").read_text().splitlines()[-1])
    losses = [epoch["val_loss"] for epoch in history(tmp_path / "run")]
    assert refitted["epoch"] == 1 + losses.index(min(losses)) and "val_loss" not in refitted
    assert "frozen" in (tmp_path / "run/card.md").read_text("utf-8")
    assert "images of no category that are called unknown" in (tmp_path / "run/card.md").read_text(
        "utf-8"
    )


@pytest.mark.slow
def test_an_ended_run_can_be_given_more_epochs(trained: Path, tmp_path: Path) -> None:

    run = shutil.copytree(trained, tmp_path / "run")
    assert train(trained.parent / "data", run, "--epochs", "4").code == 0
    assert [row["epoch"] for row in history(run)] == [1, 2, 3, 4]
    assert history(run)[:3] == history(trained)
