"""The catalogue that ships: complete, honest about its checksums, refused when invalid."""

import re
from pathlib import Path

import pytest

from engine.errors import WeightsError
from weights.catalog import CatalogEntry, OutputSpec, find_entry, load_catalog

REQUIRED = (
    "u2net",
    "u2netp",
    "silueta",
    "isnet_general_use",
    "birefnet_general",
    "birefnet_general_lite",
    "basnet",
    "ssd300_vgg16",
    "resnet50_v1",
    "resnet50_v2",
    "resnet101",
    "vgg16",
    "mobilenet_v2",
    "efficientnet_v2_l",
    "efficientnet_v2_l_notop",
    "efficientnet_v2_s_torch",
    "efficientnet_v2_m_torch",
    "efficientnet_v2_l_torch",
    "dinov2_vits14",
    "efficientnet_lite0",
    "efficientnet_lite2",
)
ENTRIES = list(load_catalog().values())

TOY = """
[toy]
kind = "segmenter"
framework = "rembg"
format = "onnx"
url = "https://example.org/toy.onnx"
licence = "MIT"
source = "nowhere"
{extra}
[toy.input]
height = 4
width = 5
range = "unit"
mean = [0, 0.5, 1]
std = [1, 1, 1]
interpolation = "area"
layout = "nhwc"
"""


def write_catalog(folder: Path, text: str) -> Path:
    path = folder / "catalog.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("name", REQUIRED)
def test_the_catalogue_knows_every_required_checkpoint(name: str) -> None:
    assert load_catalog()[name].name == name


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_entry_has_a_secure_address_a_licence_and_a_source(entry: CatalogEntry) -> None:
    assert entry.shipped or entry.package or (entry.url or entry.page).startswith("https://")
    assert entry.licence
    assert entry.source
    assert entry.filename.endswith(f".{entry.format}")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_checksum_is_in_the_form_that_its_publisher_uses(entry: CatalogEntry) -> None:
    if entry.framework == "torchvision":
        in_name = re.search(r"-([0-9a-f]{8})\.pth$", entry.url)
        assert in_name is not None
        assert entry.checksum is not None
        assert (entry.checksum.form, entry.checksum.value) == ("sha256_prefix", in_name[1])
    elif entry.checksum is not None:
        assert entry.checksum.form == ("sha256" if entry.shipped or entry.package else "md5")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_weights_trained_on_restricted_images_are_noted(entry: CatalogEntry) -> None:
    trained_on = {"backbone": "ImageNet", "segmenter": "U-2-Net issue|DIS5K", "detector": "COCO"}
    assert re.search(trained_on.get(entry.kind, ""), entry.licence_note)


def test_a_segmenters_entry_defines_how_its_output_becomes_a_matte() -> None:
    outputs = {entry.name: entry.output for entry in ENTRIES if entry.kind == "segmenter"}
    family = OutputSpec(index=0, activation="none", stretch=True)
    for name in ("u2net", "u2netp", "silueta", "isnet_general_use", "basnet"):
        assert outputs[name] == family
    logits = OutputSpec(index=0, activation="sigmoid", stretch=False)
    assert outputs["birefnet_general"] == outputs["birefnet_general_lite"] == logits


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('activation = "softmax"', "activation must be one of none, sigmoid"),
        ('index = "last"', "index must be a whole number"),
        ("stretch = 1", "stretch must be true or false"),
        ("layer = 3", "unknown layer"),
    ],
)
def test_an_invalid_output_is_refused(tmp_path: Path, table: str, expected: str) -> None:
    text = TOY.format(extra="") + f"[toy.output]\n{table}\n"
    with pytest.raises(WeightsError, match=expected):
        load_catalog(write_catalog(tmp_path, text))


def test_only_a_segmenter_has_an_output_to_describe(tmp_path: Path) -> None:
    text = TOY.replace('kind = "segmenter"', 'kind = "detector"').format(extra="")
    with pytest.raises(WeightsError, match="only a segmenter"):
        load_catalog(write_catalog(tmp_path, text + "[toy.output]\nindex = 1\n"))


def test_file_names_and_names_are_distinct() -> None:
    assert len({entry.filename for entry in ENTRIES}) == len(ENTRIES)


def test_files_that_a_hub_calls_alike_go_by_the_entrys_name() -> None:
    entry = load_catalog()["dinov2_vits14"]
    assert entry.url.endswith("/model.safetensors")
    assert entry.filename == "dinov2_vits14.safetensors"


def test_an_unknown_name_lists_the_valid_ones() -> None:
    with pytest.raises(WeightsError, match=r"'resnet'.*u2net, u2netp.*resnet50_v1"):
        find_entry("resnet", load_catalog())


def test_an_entry_holds_the_values_of_its_table(tmp_path: Path) -> None:
    checksum = "a1" * 32
    entry = load_catalog(write_catalog(tmp_path, TOY.format(extra=f'sha256 = "{checksum}"')))["toy"]
    assert (entry.input.height, entry.input.width) == (4, 5)
    assert entry.input.mean == (0.0, 0.5, 1.0)
    assert str(entry.checksum) == f"sha256 {checksum}"


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ('colour = "red"', "unknown colour"),
        ('md5 = "12345"', "md5 needs 32 to 32"),
        ('md5 = "XYZ45678901234567890123456789012"', "hex digits"),
        ('sha256_prefix = "abc"', "sha256_prefix needs 8"),
        ("bytes = -1", "bytes must be a positive whole number"),
        ('bytes = "many"', "bytes must be a positive whole number"),
    ],
)
def test_an_invalid_table_is_refused_by_file_and_name(
    tmp_path: Path, extra: str, expected: str
) -> None:
    path = write_catalog(tmp_path, TOY.format(extra=extra))
    with pytest.raises(WeightsError, match=expected) as raised:
        load_catalog(path)
    assert "[toy]" in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('range = "unit"', 'range = "percent"', "range must be one of unit, max, byte"),
        ('layout = "nhwc"', "", "missing layout"),
        ("std = [1, 1, 1]", "std = [1, 0, 1]", "std must be positive"),
        ("std = [1, 1, 1]", "std = [1, 1]", "three numbers"),
        ("height = 4", "height = 0", "size must be positive"),
        ("height = 4", 'height = "4"', "whole numbers"),
        ('format = "onnx"', 'format = "zip"', "'zip' is not one of"),
        ('kind = "segmenter"', 'kind = "backbone"', "a backbone needs its dimension"),
        ("[toy]", "[toy", "not a weights catalogue"),
    ],
)
def test_an_invalid_value_is_refused_with_the_valid_ones(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    path = write_catalog(tmp_path, TOY.format(extra="").replace(old, new))
    with pytest.raises(WeightsError, match=expected):
        load_catalog(path)
