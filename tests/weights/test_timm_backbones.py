"""timm's networks as backbones: maps, tokens, the authors' files, and clear refusals."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from engine.errors import WeightsError
from tests.weights.backbone_tables import added_entry
from weights.catalog import load_catalog

pytestmark = pytest.mark.slow


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="needs the extra `train`")


@pytest.fixture
def timm(torch: Any) -> Any:
    torch.manual_seed(0)
    return pytest.importorskip("timm", reason="needs the extra `train`")


def save(network: Any, path: Path) -> Path:
    import safetensors.torch

    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    safetensors.torch.save_file(tensors, path)
    return path


def noise(torch: Any, side: int) -> Any:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext"])
def test_a_convolutional_backbone_gives_timms_own_maps(
    torch: Any, timm: Any, tmp_path: Path, name: str
) -> None:
    from weights.frameworks.backbones import read_backbone, read_layered

    network = timm.create_model(name).eval()
    entry = added_entry(tmp_path, "timm", name, network.num_features)
    path = save(network, tmp_path / "weights.safetensors")
    names = read_layered(entry, None).names
    backbone = read_backbone(entry, path, names[-3:])
    images = noise(torch, 64)
    with torch.no_grad():
        *maps, last = backbone.module(images)
        expected = network.forward_intermediates(images, intermediates_only=True)
        torch.testing.assert_close(last, network.forward_features(images))
        alone = read_backbone(entry, path).module(images)
    torch.testing.assert_close(list(maps), expected[-2:])
    torch.testing.assert_close(alone, (last,))
    assert backbone.channels == (*(map_.shape[1] for map_ in maps), network.num_features)
    assert backbone.free_sides == 32


def test_tensorflows_padding_is_timms(torch: Any, timm: Any, tmp_path: Path) -> None:
    from weights.frameworks.backbones import read_backbone
    from weights.frameworks.nets.same_conv import SameConv2d

    name = "tf_mobilenetv3_small_minimal_100"
    network = timm.create_model(name).eval()
    entry = added_entry(tmp_path, "timm", name, 576)
    backbone = read_backbone(entry, save(network, tmp_path / "weights.safetensors"))
    assert any(isinstance(layer, SameConv2d) for layer in backbone.module.modules())
    for side in (64, 75):
        images = noise(torch, side)
        with torch.no_grad():
            torch.testing.assert_close(backbone.module(images)[0], network.forward_features(images))


def test_a_transformer_gives_its_class_token_and_patches_without_registers(
    torch: Any, timm: Any, tmp_path: Path
) -> None:
    from weights.frameworks.backbones import read_backbone

    network = timm.create_model("test_vit", reg_tokens=0).eval()
    side = network.pretrained_cfg["input_size"][1]
    entry = added_entry(tmp_path, "timm", "test_vit", network.num_features, side=side)
    state = save(timm.create_model("test_vit").eval(), tmp_path / "weights.safetensors")
    backbone = read_backbone(entry, state, ["blocks.1", "last"])
    images = noise(torch, side)
    with torch.no_grad():
        tokens, last = backbone.module(images)
        final = backbone.module.network.forward_features(images)
    patches = (side // 16) ** 2
    assert tokens.shape == last.shape == (2, 1 + patches, network.num_features)
    torch.testing.assert_close(last[:, 0], final[:, 0])
    torch.testing.assert_close(last[:, 1:], final[:, -patches:])
    assert backbone.free_sides == 0


@pytest.mark.parametrize("name", ["dinov2_vits14", "dinov2_vits14_reg"])
def test_the_authors_dinov2_file_is_read_at_another_size_than_its_own(
    torch: Any, timm: Any, tmp_path: Path, name: str
) -> None:
    """Registers, mask token and a position embedding for 518 pixels, as their .pth has them."""
    from weights.frameworks.backbones import read_backbone

    entry = load_catalog()[name]
    network = timm.create_model(entry.architecture).eval()
    state = network.state_dict()
    if "reg_token" in state:  # theirs embeds the position of the class token, timm's does not
        state["register_tokens"] = state.pop("reg_token")
        nothing = torch.zeros_like(state["cls_token"])
        state["pos_embed"] = torch.cat([nothing, state["pos_embed"]], 1)
    state["mask_token"] = torch.zeros(1, 384)
    torch.save(state, tmp_path / "theirs.pth")
    small = dataclasses.replace(entry, input=dataclasses.replace(entry.input, height=56, width=70))
    backbone = read_backbone(small, tmp_path / "theirs.pth")
    network.set_input_size(img_size=(56, 70))
    images = torch.rand(1, 3, 56, 70)
    with torch.no_grad():
        (tokens,) = backbone.module(images)
        expected = network.forward_head(network.forward_features(images), pre_logits=True)
    assert tokens.shape == (1, 1 + 4 * 5, 384)
    torch.testing.assert_close(tokens[:, 0], expected)


def test_patches_without_a_class_token_are_a_map(torch: Any, timm: Any, tmp_path: Path) -> None:
    from weights.frameworks.backbones import read_backbone

    network = timm.create_model("mixer_s32_224").eval()
    entry = added_entry(tmp_path, "timm", "mixer_s32_224", 512, side=224)
    backbone = read_backbone(entry, save(network, tmp_path / "weights.safetensors"))
    images = noise(torch, 224)
    with torch.no_grad():
        (map_,) = backbone.module(images)
        tokens = network.forward_features(images)
    assert map_.shape == (2, 512, 7, 7)
    torch.testing.assert_close(map_[:, :, 2, 3], tokens[:, 2 * 7 + 3])


def test_a_head_of_other_classes_does_not_matter(timm: Any, tmp_path: Path) -> None:
    from weights.frameworks.backbones import read_backbone

    network = timm.create_model("test_resnet", num_classes=3)
    entry = added_entry(tmp_path, "timm", "test_resnet", network.num_features)
    assert read_backbone(entry, save(network, tmp_path / "three.safetensors")).layers == ("last",)
    headless = timm.create_model("test_resnet", num_classes=0)
    assert read_backbone(entry, save(headless, tmp_path / "none.safetensors")).layers == ("last",)


def test_files_of_something_else_are_refused(torch: Any, timm: Any, tmp_path: Path) -> None:
    from weights.frameworks.backbones import read_backbone

    entry = added_entry(tmp_path, "timm", "test_resnet", 64)
    other = save(timm.create_model("test_convnext"), tmp_path / "other.safetensors")
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(other.read_bytes()[:-100])
    noise = tmp_path / "noise.safetensors"
    noise.write_bytes(b"no tensors at all")
    torch.save([1, 2], tmp_path / "list.pth")
    for path in (other, torn, noise, tmp_path / "list.pth"):
        with pytest.raises(WeightsError, match="weights for test_resnet"):
            read_backbone(entry, path)
    for suffix in ("safetensors", "pth"):
        with pytest.raises(WeightsError, match=r"absent\.\w+: cannot be read"):
            read_backbone(entry, tmp_path / f"absent.{suffix}")


def test_names_that_timm_does_not_know_are_refused_with_the_nearest(timm: Any) -> None:
    from weights.frameworks.timm_backbones import entry_for

    with pytest.raises(WeightsError, match=r"no model 'resnet5o'.*resnet50"):
        entry_for("resnet5o")
    with pytest.raises(WeightsError, match="no model 'hf-hub:timm/resnet50'"):
        entry_for("hf-hub:timm/resnet50")


def test_a_size_that_a_network_cannot_take_is_refused(timm: Any, tmp_path: Path) -> None:
    from weights.frameworks.backbones import read_backbone

    with pytest.raises(WeightsError, match="75 x 75"):
        read_backbone(added_entry(tmp_path, "timm", "test_vit", 64, side=75), None)
    with pytest.raises(WeightsError, match=r"64 x 64.*fixed"):
        read_backbone(added_entry(tmp_path, "timm", "mixer_s32_224", 512, side=64), None)


def test_an_uncatalogued_model_is_described_by_timm_itself(timm: Any) -> None:
    from weights.frameworks.timm_backbones import entry_for

    entry = entry_for("vit_small_patch14_dinov2.lvd142m")
    listed = load_catalog()["dinov2_vits14"]
    assert (entry.input.mean, entry.input.std) == (listed.input.mean, listed.input.std)
    assert entry.input.interpolation == listed.input.interpolation == "bicubic"
    assert (entry.input.height, entry.dimension) == (518, listed.dimension)
    assert entry.licence.lower() == listed.licence.lower()
    assert entry.checksum is None
