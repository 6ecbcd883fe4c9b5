"""Torch backbones: the maps that torchvision and Keras compute, under the literature's names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import WeightsError
from tests.weights.backbone_tables import added_entry
from weights.catalog import CatalogEntry, load_catalog

pytestmark = pytest.mark.slow

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "weights"
MOBILENET = SHARED / "mobilenet_v2_imagenet.weights.h5"
KERAS = load_catalog()["mobilenet_v2_keras"]


@pytest.fixture
def torch() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    pytest.importorskip("torchvision", reason="needs the extra `train`")
    return pytest.importorskip("torch", reason="needs the extra `train`")


def noise(torch: Any, *shape: int) -> Any:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("architecture", "layers", "theirs"),
    [
        ("resnet18", ("layer3", "layer4"), ("layer3", "layer4")),
        ("vgg11", ("conv4_2", "conv5_2", "pool5"), ("features.14", "features.19", "features.20")),
        ("vgg11_bn", ("pool4", "conv5_2"), ("features.21", "features.27")),
        ("mobilenet_v2", ("block13", "conv_last"), ("features.13.conv", "features.18")),
        ("mobilenet_v3_small", ("stem", "conv_last"), ("features.0", "features.12")),
        ("efficientnet_v2_s", ("stage1", "conv_last"), ("features.1", "features.7")),
        ("convnext_tiny", ("stage5", "stage7"), ("features.5", "features.7")),
    ],
)
def test_a_backbone_gives_the_maps_of_torchvisions_own_modules(
    torch: Any, tmp_path: Path, architecture: str, layers: tuple[str, ...], theirs: tuple[str, ...]
) -> None:
    models = pytest.importorskip("torchvision.models")
    from weights.frameworks.backbones import read_backbone

    torch.manual_seed(0)
    network = getattr(models, architecture)(weights=None).eval()
    torch.save(network.state_dict(), tmp_path / "state.pth")
    entry = added_entry(tmp_path, "torchvision", architecture, 8)
    backbone = read_backbone(entry, tmp_path / "state.pth", layers[::-1])
    images = noise(torch, 2, 3, 96, 64)
    expected: list[Any] = []
    for name in theirs:
        module = network.get_submodule(name)
        module.register_forward_hook(lambda _, __, out: expected.append(out.clone()))
    with torch.no_grad():
        network(images)
        found = backbone.module(images)
    assert backbone.layers == layers
    assert backbone.channels == tuple(map_.shape[1] for map_ in found)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_without_a_checkpoint_the_weights_are_drawn_from_torchs_generator(
    torch: Any, tmp_path: Path
) -> None:
    from weights.frameworks.backbones import read_backbone

    entry = added_entry(tmp_path, "torchvision", "resnet18", 512)
    sums = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        backbone = read_backbone(entry, None)
        sums.append(float(backbone.module(torch.ones(1, 3, 64, 64))[0].sum()))
    assert sums[0] == sums[1] != sums[2]
    assert (backbone.layers, backbone.channels) == (("layer4",), (512,))


def test_a_backbone_learns(torch: Any, tmp_path: Path) -> None:
    from weights.frameworks.backbones import read_backbone

    backbone = read_backbone(KERAS, None, ["block6"])
    backbone.module.train()
    backbone.module(noise(torch, 2, 3, 64, 64))[0].square().mean().backward()
    assert all(weight.grad is not None for weight in backbone.module.parameters())
    assert len(backbone.module.stages) == 7  # what lies behind the layer is left out


def test_a_layer_that_does_not_exist_is_refused(torch: Any) -> None:
    from weights.frameworks.backbones import read_backbone

    with pytest.raises(WeightsError, match=r"'layer5'.*stem, layer1, layer2, layer3, layer4"):
        read_backbone(load_catalog()["resnet50_v1"], None, ["layer5"])


@pytest.mark.parametrize(
    ("framework", "architecture", "message"),
    [
        ("torchvision", "densenet121", "DenseNet"),
        ("torchvision", "resnet5", "torchvision has no classification network 'resnet5'"),
        ("torchvision", "ssd300_vgg16", "no classification network"),
        ("keras", "EfficientNetV2B0", "EfficientNetV2B0 has no twin in torch"),
    ],
)
def test_an_architecture_without_stages_is_refused(
    torch: Any, tmp_path: Path, framework: str, architecture: str, message: str
) -> None:
    from weights.frameworks.backbones import read_backbone

    with pytest.raises(WeightsError, match=message):
        read_backbone(added_entry(tmp_path, framework, architecture, 8), None)


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("sides", [(8, 8), (9, 9), (14, 7)])
def test_a_strided_convolution_pads_as_tensorflow_defines_it(
    torch: Any, kernel: int, sides: tuple[int, int]
) -> None:
    """ceil(side / stride) outputs; what is missing is padded, the odd pixel behind."""
    from weights.frameworks.nets.same_conv import SameConv2d

    plain = torch.nn.Conv2d(3, 4, kernel, stride=2)
    images = noise(torch, 2, 3, *sides)
    padded = np.asarray(images)
    for axis, side in enumerate(sides, 2):
        total = max((-(-side // 2) - 1) * 2 + kernel - side, 0)
        width = [(0, 0)] * 4
        width[axis] = (total // 2, total - total // 2)
        padded = np.pad(padded, width)
    torch.testing.assert_close(SameConv2d.like(plain)(images), plain(torch.from_numpy(padded)))


def random_keras_file(path: Path, side: int) -> None:
    """A MobileNetV2 with a head and normalisation that does something, as Keras 3 saves it."""
    keras = pytest.importorskip("keras", reason="needs the extra `train`")
    keras.utils.set_random_seed(3)
    random = np.random.default_rng(3)
    network = keras.applications.MobileNetV2(weights=None, input_shape=(side, side, 3), classes=7)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            beta = random.normal(0, 0.3, beta.shape)
            mean = random.normal(0, 0.1, mean.shape)
            layer.set_weights([gamma, beta, mean, variance * random.uniform(0.5, 2, mean.shape)])
    network.save_weights(str(path))


def agrees_with_keras(torch: Any, entry: CatalogEntry, checkpoint: Path) -> float:
    from weights.frameworks import from_keras
    from weights.frameworks.backbones import read_backbone

    reference = from_keras.load(entry, checkpoint, ())
    backbone = read_backbone(entry, checkpoint, ["block13", "conv_last"])
    expected = reference.run(reference.probe)
    with torch.no_grad():
        maps = backbone.module(torch.from_numpy(reference.probe))
    assert backbone.channels == (96, 1280)
    return float(np.abs(maps[-1].mean((2, 3)).numpy() - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("side", [64, 71])  # odd sides are padded otherwise than even ones
def test_a_mobilenet_of_keras_computes_the_same_in_torch(
    torch: Any, tmp_path: Path, side: int
) -> None:
    checkpoint = tmp_path / "random.weights.h5"
    random_keras_file(checkpoint, side)
    entry = added_entry(tmp_path, "keras", "MobileNetV2", 1280, side=side)
    assert agrees_with_keras(torch, entry, checkpoint) <= 1e-5


@pytest.mark.skipif(not MOBILENET.exists(), reason="no shared/weights beside the repo")
def test_the_real_mobilenet_computes_the_same_in_torch_and_can_be_revived(torch: Any) -> None:
    pytest.importorskip("keras", reason="needs the extra `train`")
    from weights.frameworks.backbones import read_backbone
    from weights.frameworks.normalisation import is_folded, revive
    from weights.probe import image_probe

    assert agrees_with_keras(torch, KERAS, MOBILENET) <= 2e-5  # 1e-4 of features up to 5.7
    module = read_backbone(KERAS, MOBILENET).module
    images = torch.from_numpy(image_probe(KERAS.input))
    assert is_folded(module)
    with torch.no_grad():
        before = module(images)[0]
        revive(module, [images[:4], images[4:]])
        assert not is_folded(module)
        assert float((module(images)[0] - before).abs().max()) <= 1e-3
        assert float((module.train()(images)[0] - before).abs().max()) <= 1e-3


def test_a_keras_file_of_another_network_is_refused(torch: Any, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", reason="needs the extra `train`")
    from weights.frameworks.backbones import read_backbone

    path = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save_weights(str(path))
    with pytest.raises(WeightsError, match="weights for MobileNetV2"):
        read_backbone(KERAS, path)
