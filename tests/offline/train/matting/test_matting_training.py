"""`packsight train matting` from images to a file that serves, also when it was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.types import Matte, RGBImage
from offline.datasets.packbench import shipped
from tests.offline.train.matting.matting_data import images, worn_store

ROOT = Path(__file__).resolve().parents[4]


def arguments(out: Path, store: Path, epochs: int) -> list[str]:
    """A run of seconds: four images, crops of 32 pixels, no segmenter needed."""
    flags = {
        "data": shipped(),
        "out": out,
        "saliency": store,
        "limit": 4,
        "judged": 3,
        "composites": 0,
        "epochs": epochs,
        "batch": 2,
        "side": 32,
        "threads": 1,
    }
    return ["train", "matting", "--quiet", *(f"--{name}={value}" for name, value in flags.items())]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Saliency maps of all that a run below needs."""
    from offline.datasets import open_dataset
    from offline.train.matting.pairs import pairs_of

    dataset = open_dataset(shipped())
    for split, count in (("train", 4), ("validation", 3)):
        worn_store(tmp_path / "store", pairs_of(dataset.images(split), split, count))
    return tmp_path / "store"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"network": "huge"}, "unknown --network"),
        ({"crop_size": 100}, "divisible by 8"),
        ({"crop_size": 0}, "--crop-size 0"),
        ({"limit": -1}, "--limit -1"),
        ({"composites": -1}, "--composites -1"),
        ({"learning_rate": float("nan")}, "--learning-rate nan"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(changed: dict[str, object], expected: str) -> None:
    from offline.train.matting.recipe import MattingRecipe

    with pytest.raises(ConfigError, match=expected):
        MattingRecipe(data="here", **changed)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_trained_network_serves_and_has_a_card(tmp_path: Path, store: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `train`")
    pytest.importorskip("onnxscript", reason="needs the extra `train`")
    from packsight.cli import main
    from stages.context import BuildContext
    from stages.matting.fba import Options, build

    out = tmp_path / "run"
    assert main(arguments(out, store, 2)) == 0
    assert len((out / "history.jsonl").read_text().splitlines()) == 2
    text = (out / "card.md").read_text()
    assert "298,063 parameters" in text and str(tmp_path) not in text
    matting = build(Options(weights=str(out / "matting.onnx")), BuildContext())
    (entry,) = images("test", 1)
    from offline.train.matting.pairs import load, read_grey

    alpha = read_grey(entry.mask)  # type: ignore[arg-type]
    image = load(entry.path)
    (found,) = matting.refine([RGBImage(image.pixels.copy())], [Matte(alpha.copy())])
    assert np.abs(found.alpha - alpha).mean() < 0.1


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_like_one_that_was_not(tmp_path: Path, store: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    pytest.importorskip("onnxscript", reason="needs the extra `train`")
    from packsight.cli import main

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main(arguments(whole, store, 3)) == 0
    command = [sys.executable, "-c", "from packsight.cli import entry; entry()"]
    process = subprocess.Popen(
        [*command, *arguments(killed, store, 3)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None and not (killed / "checkpoint.pt").is_file():
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert main(arguments(killed, store, 3)) == 0
    one, two = (torch.load(run / "matting.pth", weights_only=True) for run in (whole, killed))
    for name in one:  # restored weights lie otherwise in memory, so sums differ in their last bits
        torch.testing.assert_close(one[name], two[name], rtol=0.05, atol=1e-3)
    figures = [
        [json.loads(line)["mae"] for line in (run / "history.jsonl").read_text().splitlines()]
        for run in (whole, killed)
    ]
    np.testing.assert_allclose(*figures, atol=1e-3)


@pytest.mark.slow
def test_another_recipe_in_the_same_folder_is_refused(tmp_path: Path, store: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `train`")
    pytest.importorskip("onnxscript", reason="needs the extra `train`")
    from packsight.cli import main

    out = tmp_path / "run"
    assert main(arguments(out, store, 1)) == 0
    assert main([*arguments(out, store, 1), "--seed=5"]) != 0
