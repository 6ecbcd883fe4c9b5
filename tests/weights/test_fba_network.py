"""FBA matting in torch: the authors' names and shapes, the fusion, the way to ONNX."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.errors import WeightsError
from weights.catalog import load_catalog

torch = pytest.importorskip("torch", reason="needs the extra `train`")
pytest.importorskip("onnxscript", reason="needs the extra `train`")
pytestmark = pytest.mark.slow

# Blocks and widths of ResNet-50 (He et al., CVPR 2016, table 1).
RESNET_50 = ((3, 64), (4, 128), (6, 256), (3, 512))


def published_shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every name and shape of the authors' FBA.pth, as their modules nest."""
    yield "encoder.conv1.weight", (64, 11, 7, 7)
    yield from _norm("encoder.bn1", 64)
    inputs = 64
    for stage, (blocks, width) in enumerate(RESNET_50, 1):
        for block in range(blocks):
            name = f"encoder.layer{stage}.{block}"
            yield f"{name}.conv1.weight", (width, inputs, 1, 1)
            yield from _norm(f"{name}.bn1", width)
            yield f"{name}.conv2.weight", (width, width, 3, 3)
            yield from _norm(f"{name}.bn2", width)
            yield f"{name}.conv3.weight", (4 * width, width, 1, 1)
            yield from _norm(f"{name}.bn3", 4 * width)
            if block == 0:
                yield f"{name}.downsample.0.weight", (4 * width, inputs, 1, 1)
                yield from _norm(f"{name}.downsample.1", 4 * width)
            inputs = 4 * width
    for branch in range(4):
        yield from _conv(f"decoder.ppm.{branch}.1", 256, 2048, 1)
        yield from _norm(f"decoder.ppm.{branch}.2", 256)
    for name, outputs, channels in (
        ("conv_up1.0", 256, 2048 + 4 * 256),
        ("conv_up1.3", 256, 256),
        ("conv_up2.0", 256, 512),
        ("conv_up3.0", 64, 320),
    ):
        yield from _conv(f"decoder.{name}", outputs, channels, 3)
        stem, number = name.split(".")
        yield from _norm(f"decoder.{stem}.{int(number) + 1}", outputs)
    yield from _conv("decoder.conv_up4.0", 32, 72, 3)
    yield from _conv("decoder.conv_up4.2", 16, 32, 3)
    yield from _conv("decoder.conv_up4.4", 7, 16, 1)


def _conv(name: str, outputs: int, inputs: int, side: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (outputs, inputs, side, side)
    yield f"{name}.bias", (outputs,)


def _norm(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (channels,)
    yield f"{name}.bias", (channels,)


def made_state(seed: int = 0) -> dict[str, object]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator) * 0.05 for name, shape in published_shapes()
    }


def test_the_network_has_the_published_names_and_shapes() -> None:
    from weights.frameworks.from_fba import new_network

    state = new_network("FBA").state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == dict(published_shapes())
    # The authors' table gives their file as 139 MB: four bytes a parameter.
    assert sum(value.numel() for value in state.values()) * 4 / 1e6 == pytest.approx(139, abs=0.5)


@pytest.mark.parametrize("wrapper", ["", "module."])
def test_a_published_state_dict_loads_as_it_is(tmp_path: Path, wrapper: str) -> None:
    from weights.frameworks.from_fba import read_network

    state = made_state()
    path = tmp_path / "FBA.pth"
    torch.save({wrapper + name: value for name, value in state.items()}, path)
    loaded = read_network("FBA", path).state_dict()
    assert all(torch.equal(loaded[name], state[name]) for name in state)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    from weights.frameworks.from_fba import read_network

    path = tmp_path / "other.pth"
    torch.save({"conv.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="weights for FBA"):
        read_network("FBA", path)


def test_the_last_stages_dilate_in_place_of_striding() -> None:
    from weights.frameworks.nets.resnet_gn import ResNet50GN

    encoder = ResNet50GN(3)
    dilations = [
        [block.conv2.dilation[0] for block in stage] for stage in (encoder.layer3, encoder.layer4)
    ]
    assert dilations == [[1, 2, 2, 2, 2, 2], [2, 4, 4]]
    with torch.no_grad():
        stem, first, deep = encoder(torch.zeros(1, 3, 64, 48))
    assert [tuple(part.shape) for part in (stem, first, deep)] == [
        (1, 64, 32, 24),
        (1, 256, 16, 12),
        (1, 2048, 8, 6),
    ]


def test_a_standardised_kernel_ignores_its_own_mean_and_scale() -> None:
    from weights.frameworks.nets.resnet_gn import StandardisedConv2d

    torch.manual_seed(0)
    layer = StandardisedConv2d(4, 6, 3)
    features = torch.randn(2, 4, 9, 9)
    before = layer(features)
    with torch.no_grad():
        layer.weight.mul_(7.0).add_(3.0)
    torch.testing.assert_close(layer(features), before, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("size", [(8, 8), (13, 9), (1, 5), (40, 31)])
@pytest.mark.parametrize("bins", [1, 2, 3, 6])
def test_adaptive_averages_are_torchs_own(size: tuple[int, int], bins: int) -> None:
    from weights.frameworks.nets.fba_parts import AdaptiveAverage

    torch.manual_seed(0)
    features = torch.randn(2, 3, *size)
    expected = torch.nn.AdaptiveAvgPool2d(bins)(features)
    torch.testing.assert_close(AdaptiveAverage(bins)(features), expected)


def test_fusion_keeps_what_explains_the_image_and_mends_what_does_not() -> None:
    from weights.frameworks.nets.fba_parts import fuse

    torch.manual_seed(0)
    alpha = torch.rand(1, 1, 6, 6)
    foreground, background = torch.rand(1, 3, 6, 6), torch.rand(1, 3, 6, 6)
    image = alpha * foreground + (1 - alpha) * background
    exact = fuse(alpha, foreground, background, image)
    torch.testing.assert_close(exact[:, :1], alpha, atol=1e-5, rtol=0)
    torch.testing.assert_close(exact[:, 1:4], foreground, atol=1e-5, rtol=0)
    torch.testing.assert_close(exact[:, 4:], background, atol=1e-5, rtol=0)
    off = (alpha + 0.2).clamp(0, 1)
    mended = fuse(off, foreground, background, image)[:, :1]
    assert (mended - alpha).abs().mean() < (off - alpha).abs().mean()


def test_the_compact_network_is_small_and_starts_from_the_saliency() -> None:
    from weights.frameworks.from_fba import new_network

    network = new_network("FBACompact").eval()
    assert sum(part.numel() for part in network.parameters()) <= 500_000
    inputs = torch.rand(2, 12, 24, 40)
    inputs[:, 11] = (inputs[:, 11] > 0.5).float()  # where fusion has nothing to add
    with torch.no_grad():
        output = network(inputs)
    assert output.shape == (2, 7, 24, 40)
    assert output.min() >= 0.0 and output.max() <= 1.0
    torch.testing.assert_close(output[:, 0], inputs[:, 11], atol=1e-5, rtol=0)


@pytest.mark.parametrize("architecture", ["FBACompact", "FBA"])
def test_the_exported_file_agrees_at_every_size(tmp_path: Path, architecture: str) -> None:
    import onnxruntime as ort

    from stages.matting.fba import input_spec
    from weights.export import store_network
    from weights.frameworks.from_fba import NETWORKS, for_serving, new_network
    from weights.sidecar import SourceFacts

    torch.manual_seed(1)
    network = new_network(architecture)
    for part in network.parameters():  # the compact one's last layer starts at 0
        if part.abs().max() == 0:
            torch.nn.init.normal_(part, std=0.1)
    path = tmp_path / "matting.onnx"
    source = SourceFacts("made.pth", "0" * 64, verified=False)
    spec = input_spec(height=40, width=56)
    report = store_network(for_serving(network, architecture, spec), path, "made", source, spec)
    assert report.parity.max_abs_diff <= report.parity.tolerance
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    for height, width in ((8, 8), (16, 72), (64, 24)):
        channels = NETWORKS[architecture][1]
        inputs = random.random((1, channels, height, width), dtype=np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(inputs)).numpy()
        (found,) = session.run(None, {"image": inputs})
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_catalogue_names_the_authors_network() -> None:
    entry = load_catalog()["fba"]
    assert entry.architecture == "FBA" and entry.needs_export and entry.page
