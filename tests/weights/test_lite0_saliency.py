"""The saliency network on EfficientNet-Lite0: one map of logits, its encoder's statistics kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import WeightsError
from weights.input_spec import InputSpec

SPEC = InputSpec(64, 64, "byte", (127.0,) * 3, (128.0,) * 3, "lanczos", "nchw")


@pytest.fixture
def torch() -> Any:
    pytest.importorskip("timm", reason="needs the extra `train`")
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    torch.manual_seed(0)
    return torch


@pytest.mark.slow
def test_a_batch_in_training_leaves_the_encoders_statistics_and_first_stages(torch: Any) -> None:
    from weights.frameworks.from_lite0_saliency import new_network

    network = new_network().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    (logits,) = network(torch.randn(2, 3, 64, 64))
    assert tuple(logits.shape) == (2, 1, 64, 64)
    logits.mean().backward()
    after = network.state_dict()
    moved = {name for name in after if not torch.equal(before[name], after[name])}
    assert moved and not any(name.startswith("encoder.") for name in moved)
    frozen = {n for n, p in network.named_parameters() if p.grad is None}
    assert frozen and all(n.split(".")[1] in ("conv_stem", "bn1", "blocks") for n in frozen)
    assert not any(n.startswith(("encoder.blocks.2", "encoder.blocks.6", "last")) for n in frozen)


@pytest.mark.slow
def test_a_start_is_the_whole_network_or_a_lite0_and_nothing_else(
    torch: Any, tmp_path: Path
) -> None:
    from weights.frameworks import timm_backbones
    from weights.frameworks.from_lite0_saliency import BACKBONE, new_network, read_network

    whole, backbone = new_network(), timm_backbones.build(BACKBONE)
    for name, state in (("whole", whole.state_dict()), ("lite0", backbone.state_dict())):
        torch.save(state, tmp_path / f"{name}.pth")
    torch.save({"other": torch.zeros(3)}, tmp_path / "other.pth")
    again = read_network(tmp_path / "whole.pth").state_dict()
    assert all(torch.equal(value, again[name]) for name, value in whole.state_dict().items())
    started = read_network(tmp_path / "lite0.pth").encoder
    assert torch.equal(started.blocks[6][0].conv_pwl.weight, backbone.blocks[6][0].conv_pwl.weight)
    for missing in ("other.pth", "absent.pth"):
        with pytest.raises(WeightsError, match=missing):
            read_network(tmp_path / missing)


@pytest.mark.slow
def test_what_is_exported_is_served_by_the_u2net_stage(torch: Any, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="needs the extra `train`")
    from engine.types import RGBImage
    from stages.context import BuildContext
    from stages.segment import u2net
    from weights.export import store_network
    from weights.frameworks.from_lite0_saliency import for_serving, new_network
    from weights.sidecar import SourceFacts

    served = for_serving(new_network().eval(), SPEC)
    report = store_network(
        served, tmp_path / "s.onnx", "lite0", SourceFacts("s.pth", "0" * 64, verified=False), SPEC
    )
    assert report.parity.max_abs_diff <= report.parity.tolerance
    segmenter = u2net.build(u2net.Options(weights=str(report.path)), BuildContext())
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    (matte,) = segmenter.segment([RGBImage(pixels, "noise")])
    assert matte.alpha.shape == (30, 50) and np.isfinite(matte.alpha).all()
