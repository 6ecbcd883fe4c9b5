"""Where a saliency network's output spec comes from: the catalogue, a sidecar, or nowhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from engine.errors import WeightsError
from weights.cache import rembg_path
from weights.catalog import load_catalog
from weights.fetch import FetchPolicy, resolve
from weights.output_spec import OutputSpec

INPUT = (
    "[input]\nheight = 8\nwidth = 8\nrange = 'unit'\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n"
    "interpolation = 'bilinear'\nlayout = 'nchw'\n"
)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PACKSIGHT_OFFLINE", "1")
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "rembg"))
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"pretend that this is a model")
    return path


def found(model: Path) -> OutputSpec:
    return resolve(str(model), FetchPolicy(model.parent / "cache")).output


def test_a_file_without_a_spec_is_taken_for_a_u2net(model: Path) -> None:
    assert found(model) == OutputSpec(index=0, activation="none", stretch=True)
    model.with_suffix(".toml").write_text(INPUT, "utf-8")
    assert found(model) == OutputSpec()


def test_a_sidecar_holds_only_what_differs(model: Path) -> None:
    model.with_suffix(".toml").write_text(
        INPUT + "[output]\nindex = -1\nactivation = 'sigmoid'\n", "utf-8"
    )
    assert found(model) == OutputSpec(index=-1, activation="sigmoid", stretch=True)


@pytest.mark.parametrize(
    ("table", "expected"),
    [("[output]\nactivation = 'relu'\n", "activation must be"), ("output = 3\n", "be a table")],
)
def test_an_invalid_sidecar_is_named(model: Path, table: str, expected: str) -> None:
    text = table + INPUT if table.startswith("output") else INPUT + table
    model.with_suffix(".toml").write_text(text, "utf-8")
    with pytest.raises(WeightsError, match=expected) as raised:
        found(model)
    assert str(model.with_suffix(".toml")) in str(raised.value)


def test_the_catalogue_hands_its_spec_to_the_file(model: Path) -> None:
    entry = load_catalog()["birefnet_general"]
    unchecked = dataclasses.replace(entry, checksum=None)
    cache = model.parent / "cache"
    cache.mkdir()
    (cache / entry.filename).write_bytes(b"pretend")
    catalog = {entry.name: unchecked}
    assert resolve(entry.name, FetchPolicy(cache), catalog).output == entry.output


def test_a_copy_that_rembg_keeps_under_its_own_name_is_found(model: Path) -> None:
    copy = model.parent / "rembg" / "birefnet-general-lite.onnx"
    copy.parent.mkdir()
    copy.write_bytes(b"pretend")
    assert rembg_path(load_catalog()["birefnet_general_lite"]) == copy
    assert rembg_path(load_catalog()["birefnet_general"]) is None


def test_a_network_without_a_published_file_has_a_remedy(model: Path) -> None:
    with pytest.raises(WeightsError, match=r"xuebinqin/BASNet, export it .*basnet\.onnx"):
        resolve("basnet", FetchPolicy(model.parent / "cache"))
