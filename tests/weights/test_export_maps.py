"""Backbones exported with their maps: by a table alone, by timm's names, of every kind."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from engine.errors import WeightsError
from packsight.commands import weights as commands
from tests.weights.backbone_tables import added_entry
from weights.catalog import load_catalog
from weights.export import export_checkpoint
from weights.fetch import FetchPolicy, resolve

pytestmark = pytest.mark.slow

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "weights"
MOBILENET = SHARED / "mobilenet_v2_imagenet.weights.h5"


@pytest.fixture
def torch() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    pytest.importorskip("onnxscript", reason="needs the extra `train`")
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    torch.manual_seed(0)
    return torch


def outputs(path: Path, height: int, width: int) -> dict[str, Any]:
    """Of one image of noise, by name."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    batch = np.random.default_rng(0).normal(size=(1, 3, height, width)).astype(np.float32)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"image": batch}), strict=True))


def weights_of_resnet18(torch: Any, folder: Path) -> Path:
    models = pytest.importorskip("torchvision.models", reason="needs the extra `train`")
    path = folder / "weights.pth"
    torch.save(models.resnet18().state_dict(), path)
    return path


def test_a_table_is_all_that_a_backbone_of_torchvision_needs(torch: Any, tmp_path: Path) -> None:
    checkpoint = weights_of_resnet18(torch, tmp_path)
    entry = added_entry(tmp_path, "torchvision", "resnet18", 512, checkpoint=checkpoint)
    policy = FetchPolicy(tmp_path / "cache")
    report = export_checkpoint(entry, policy, weights=checkpoint)
    assert report.layers == ("layer3", "layer4")
    assert report.source.verified
    assert report.parity.max_abs_diff <= report.parity.tolerance
    assert resolve("added", policy, {"added": entry}).path == report.path
    for height, width in [(64, 64), (96, 160)]:
        found = outputs(report.path, height, width)
        assert list(found) == ["features", "layer3", "layer4"]
        assert found["layer3"].shape == (1, 256, height // 16, width // 16)
        assert found["layer4"].shape == (1, 512, height // 32, width // 32)
        np.testing.assert_allclose(
            found["features"], found["layer4"].mean((2, 3)), rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize(("layers", "names"), [([], []), (["layer2"], ["layer2"])])
def test_only_the_layers_that_were_named_are_given(
    torch: Any, tmp_path: Path, layers: list[str], names: list[str]
) -> None:
    checkpoint = weights_of_resnet18(torch, tmp_path)
    entry = added_entry(tmp_path, "torchvision", "resnet18", 512, checkpoint=checkpoint)
    policy = FetchPolicy(tmp_path)
    report = export_checkpoint(entry, policy, weights=checkpoint, layers=layers)
    found = outputs(report.path, 64, 64)
    assert list(found) == ["features", *names]
    assert found["features"].shape == (1, 512)  # of the last layer, given or not


def test_a_layer_that_does_not_exist_and_an_incorrect_dimension_store_nothing(
    torch: Any, tmp_path: Path
) -> None:
    checkpoint = weights_of_resnet18(torch, tmp_path)
    policy = FetchPolicy(tmp_path / "cache")
    entry = added_entry(tmp_path, "torchvision", "resnet18", 512, checkpoint=checkpoint)
    with pytest.raises(WeightsError, match=r"layer7.*layer3, layer4"):
        export_checkpoint(entry, policy, weights=checkpoint, layers=["layer7"])
    wrong = added_entry(tmp_path, "torchvision", "resnet18", 2048, checkpoint=checkpoint)
    with pytest.raises(WeightsError, match=r"should be \(6, 2048\)"):
        export_checkpoint(wrong, policy, weights=checkpoint, layers=[])
    assert not list(policy.cache.glob("*.onnx"))


def packsight_weights(*words: str) -> int:
    parser = argparse.ArgumentParser()
    commands.add_arguments(parser)
    return commands.run(parser.parse_args(words))


@pytest.mark.parametrize(
    ("name", "side", "expected"), [("test_vit", "", "last"), ("test_resnet", "64", "layer3, last")]
)
def test_any_model_of_timm_is_exported_by_its_name(
    torch: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    side: str,
    expected: str,
) -> None:
    timm = pytest.importorskip("timm", reason="needs the extra `train`")
    from safetensors.torch import save_file

    monkeypatch.setenv("PACKSIGHT_WEIGHTS_DIR", str(tmp_path / "cache"))
    network = timm.create_model(name)
    save_file(network.state_dict(), tmp_path / "mine.safetensors")
    asked = ["--side", side] if side else []
    weights = str(tmp_path / "mine.safetensors")
    assert packsight_weights("export", f"timm/{name}", "--weights", weights, *asked) == 0
    assert f"features, and maps of {expected}" in capsys.readouterr().out
    found = resolve(f"timm/{name}", FetchPolicy())
    assert found.spec is not None
    assert found.spec.mean == network.pretrained_cfg["mean"]
    assert found.spec.height == int(side or network.pretrained_cfg["input_size"][1])
    results = outputs(found.path, found.spec.height, found.spec.width)
    if name == "test_vit":
        assert results["last"].shape == (1, 1 + 10 * 10, network.num_features)
        np.testing.assert_array_equal(results["features"], results["last"][:, 0])


@pytest.mark.skipif(not MOBILENET.exists(), reason="no shared/weights beside the repo")
def test_the_real_mobilenet_gives_the_same_features_as_keras_and_its_maps(
    torch: Any, tmp_path: Path
) -> None:
    """``run`` of the network that is exported is Keras itself, so parity is to Keras."""
    pytest.importorskip("keras", reason="needs the extra `train`")
    from weights.frameworks import from_backbone

    entry = load_catalog()["mobilenet_v2_keras"]
    network = from_backbone.load(entry, MOBILENET)
    assert network.everything is not None
    assert network.names.layers == ("block13", "conv_last")
    features = network.everything.run(network.probe)[0]
    assert np.abs(features - network.run(network.probe)).max() <= 1e-4


def test_a_keras_backbone_without_a_twin_gives_keras_own_layers(torch: Any, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", reason="needs the extra `train`")
    from weights.frameworks import from_backbone

    keras.utils.set_random_seed(1)
    made = keras.applications.MobileNet(
        weights=None, include_top=False, input_shape=(64, 64, 3), alpha=0.25
    )  # its backbone ends in 256 channels; Keras' name for the constructor has no width
    made.save_weights(str(tmp_path / "small.weights.h5"))
    entry = added_entry(tmp_path, "keras", "MobileNet", 1024)
    with pytest.raises(WeightsError, match="weights for MobileNet"):
        from_backbone.load(entry, tmp_path / "small.weights.h5")
    whole = keras.applications.MobileNet(weights=None, include_top=False, input_shape=(64, 64, 3))
    whole.save_weights(str(tmp_path / "whole.weights.h5"))
    network = from_backbone.load(entry, tmp_path / "whole.weights.h5")
    assert network.names.layers == ("conv_pw_11_relu", "conv_pw_13_relu")
    assert network.everything is not None
    features, finer, last = network.everything.run(network.probe)
    assert (finer.shape, last.shape) == ((6, 512, 4, 4), (6, 1024, 2, 2))
    np.testing.assert_allclose(features, last.mean((2, 3)), rtol=1e-4, atol=1e-6)


def test_a_side_that_the_grid_does_not_divide_is_the_only_one_that_is_taken(
    torch: Any, tmp_path: Path
) -> None:
    from weights.export import store_network
    from weights.frameworks import from_backbone
    from weights.frameworks.backbones import read_backbone
    from weights.sidecar import SourceFacts

    pytest.importorskip("torchvision", reason="needs the extra `train`")
    entry = added_entry(tmp_path, "torchvision", "resnet18", 512, side=75)
    network = from_backbone.for_serving(read_backbone(entry, None), entry.input, ["layer4"])
    path = tmp_path / "odd.onnx"
    report = store_network(network, path, "odd", SourceFacts("none", "0" * 64, False), entry.input)
    assert report.layers == ("layer4",)
    assert outputs(path, 75, 75)["layer4"].shape == (1, 512, 3, 3)
    with pytest.raises(ort.capi.onnxruntime_pybind11_state.InvalidArgument):
        outputs(path, 96, 96)
