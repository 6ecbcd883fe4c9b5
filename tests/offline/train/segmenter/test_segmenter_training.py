"""`packsight train segmenter`: settings that do not do, the whole road, and going on."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import images
from engine.errors import ConfigError, WeightsError
from offline.datasets.packbench import shipped
from offline.store.run_folder import RunFolder
from offline.train.run import Callbacks
from offline.train.segmenter.augmentation import Backgrounds
from offline.train.segmenter.recipe import SegmenterRecipe, find_start
from offline.train.segmenter.samples import SampleStore
from offline.train.segmenter.task import SegmenterTask
from offline.train.segmenter.training import (
    BEFORE,
    MODEL,
    STATE,
    train_segmenter,
)
from offline.train.torch_loop import CHECKPOINT, Schedule, fit
from packsight.cli import main
from tests.offline.train.mask_pictures import write_pairs

ROOT = Path(__file__).resolve().parents[4]
DATA = Path("data")


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("network", "u2nat", "unknown --network 'u2nat'. Valid: u2netp, u2net, lite0"),
        ("input_size", 63, "--input-size 63: must be at least 64"),
        ("epochs", 0, "--epochs 0"),
        ("batch_size", 0, "--batch-size 0"),
        ("limit", 0, "--limit 0"),
        ("seed", -1, "--seed -1"),
        ("learning_rate", -1.0, "--learning-rate -1.0"),
        ("ssim_weight", float("nan"), "--ssim-weight nan"),
        ("iou_weight", float("inf"), "--iou-weight inf"),
    ],
)
def test_a_setting_that_does_not_do_is_refused(setting: str, value: object, expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        SegmenterRecipe((DATA,), **{setting: value})  # type: ignore[arg-type]
    assert expected in str(raised.value)


def test_a_start_is_a_file_a_published_name_or_none(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(b"")
    assert find_start(SegmenterRecipe((DATA,), start=str(path))) == path
    assert find_start(SegmenterRecipe((DATA,), start="none")) is None


@pytest.mark.parametrize("start", ["no/such/file.pth", "vgg16", "u2net", "u2net_torch"])
def test_a_start_that_is_no_start_names_the_ways(start: str) -> None:
    with pytest.raises(ConfigError, match=r"--start.*U2NETP.*none"):
        find_start(SegmenterRecipe((DATA,), start=start))


def test_published_weights_that_cannot_be_had_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACKSIGHT_OFFLINE", "1")
    monkeypatch.setenv("PACKSIGHT_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match="packsight weights fetch u2netp"):
        find_start(SegmenterRecipe((DATA,)))


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from packsight.cli import main\n"
        "try:\n    main(['train', 'segmenter', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'tensorflow', 'keras', 'cv2', 'onnxruntime', 'onnx'}\n"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_without_the_train_extra_the_command_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["train", "segmenter", "--data", str(shipped()), "--out", str(tmp_path)]) == 1
    assert "pip install 'packsight[train]'" in capsys.readouterr().err


@pytest.mark.slow
def test_from_images_with_masks_to_a_model_that_segments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_without_torch()
    data, out = tmp_path / "data", tmp_path / "run"
    entries = write_pairs(data, 8)
    entries[3].path.write_bytes(b"no image")
    arguments = [
        "train",
        "segmenter",
        "--data",
        str(data),
        "--out",
        str(out),
        "--start",
        "none",
        "--side",
        "64",
        "--epochs",
        "2",
        "--batch",
        "3",
        "--iou",
        "1",
        "--ssim",
        "1",
        "--backgrounds",
        str(data / "images"),
    ]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "epoch 2: loss" in printed
    assert "left out: " in printed
    assert {path.name for path in out.iterdir()} >= {MODEL, STATE, CHECKPOINT, "card.md"}
    sidecar = tomllib.loads((out / "segmenter.toml").read_text("utf-8"))
    assert (sidecar["input"]["height"], sidecar["input"]["range"]) == (64, "max")
    assert sidecar["model"]["output"] == [1, 64, 64]
    card = (out / "card.md").read_text("utf-8")
    assert "6 images with masks to learn from, 1 for validation, 1 left out" in card
    assert str(tmp_path) not in card.split("## Data")[0]
    (matte,) = segment_with(out / MODEL, entries[0].path)
    assert matte.alpha.shape == (30, 40)


@pytest.mark.slow
def test_tuning_goes_on_after_a_kill_and_ends_the_same(tmp_path: Path) -> None:
    """The start is folded: normalisation comes back to life, the same in both runs."""
    torch = skip_without_torch()
    data = tmp_path / "data"
    write_pairs(data, 6)
    start = write_folded(torch, tmp_path / "start.pth")
    recipe = SegmenterRecipe((data,), start=str(start), input_size=64, epochs=2, batch_size=2)
    whole = train_segmenter(recipe, tmp_path / "whole")

    def stop(figures: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_segmenter(recipe, tmp_path / "killed", Callbacks(epoch=stop))
    resumed = train_segmenter(recipe, tmp_path / "killed")
    assert resumed.history == whole.history
    assert resumed.before == whole.before is not None
    assert (tmp_path / "killed" / BEFORE).is_file()
    one, other = (
        torch.load(tmp_path / name / STATE, weights_only=True) for name in ("whole", "killed")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert resumed.report.sha256 == whole.report.sha256
    with pytest.raises(ConfigError, match="another recipe"):
        train_segmenter(
            SegmenterRecipe((data,), start="none", input_size=64, epochs=2, batch_size=2),
            tmp_path / "killed",
        )


@pytest.mark.slow
def test_training_learns(tmp_path: Path) -> None:
    """Boxes on plain backgrounds, few and small: the loss falls."""
    torch = skip_without_torch()
    from weights.frameworks.from_u2net import new_network

    torch.manual_seed(0)
    entries = write_pairs(tmp_path, 9)
    spec = SegmenterRecipe((tmp_path,), input_size=64).spec
    task = SegmenterTask(
        new_network("U2NETP"),
        "cpu",
        entries[:8],
        entries[8:],
        Backgrounds([], entries, SampleStore(128)),
        spec,
        iou_weight=1.0,
    )
    history = fit(task, Schedule(epochs=5, batch_size=4), RunFolder(tmp_path), seed=0)
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]


def write_folded(torch: Any, path: Path) -> Path:
    """A state dict whose normalisations do nothing, as an ONNX file leaves them."""
    from weights.frameworks.from_u2net import new_network
    from weights.frameworks.normalisation import is_folded, normalisations

    torch.manual_seed(0)
    network = new_network("U2NETP")
    for layer in normalisations(network):
        layer.running_var.fill_(1.0 - layer.eps)
    assert is_folded(network)
    torch.save(network.state_dict(), path)
    return path


def skip_without_torch() -> Any:
    pytest.importorskip("onnxscript", reason="needs the extra `train`")
    return pytest.importorskip("torch", reason="needs the extra `train`")


def segment_with(model: Path, image: Path) -> Any:
    from stages.context import BuildContext
    from stages.segment import u2net

    segmenter = u2net.build(u2net.Options(weights=str(model)), BuildContext())
    mattes = segmenter.segment([images.load(image)])
    assert np.isfinite(mattes[0].alpha).all()
    return mattes


@pytest.mark.slow
def test_lite0_trains_on_two_data_sets_and_is_served(tmp_path: Path) -> None:
    pytest.importorskip("timm", reason="needs the extra `train`")
    skip_without_torch()
    entries = [write_pairs(tmp_path / name, 5)[0] for name in ("one", "other")]
    recipe = SegmenterRecipe(
        (tmp_path / "one", tmp_path / "other"),
        network="lite0",
        start="none",
        hold_out="image",
        scenes=0.8,
        input_size=64,
        epochs=1,
        batch_size=4,
        iou_weight=1.0,
    )
    trained = train_segmenter(recipe, tmp_path / "run")
    assert len(trained.history) == 1
    assert "8 images with masks to learn from, 2 for validation" in trained.card.read_text("utf-8")
    (matte,) = segment_with(trained.model, entries[1].path)
    assert matte.alpha.shape == (30, 40)
    with pytest.raises(ConfigError, match="multiples of 32"):
        SegmenterRecipe((tmp_path,), network="lite0", input_size=100)
