"""`packsight tune-runtime` prints what it measured, and `gallery info` what is in use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.packsight_command import Command


@pytest.fixture
def packsight(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.setenv("PACKSIGHT_RUNTIMES_DIR", str(tmp_path / "runtimes"))
    return Command(capsys)


def test_each_network_of_a_gallery_is_timed_and_named(
    packsight: Command, catalogue: Path, tmp_path: Path
) -> None:
    gallery = tmp_path / "gallery"
    only = ("--set", "segment.name=saliency", "--set", "segment.weights=segmenter_compact")
    assert packsight.ingest(catalogue, gallery, "--profile", "classic", *only).code == 0
    assert "measured" not in packsight("gallery", "info", gallery).out
    shown = packsight("tune-runtime", "--gallery", gallery, "--rounds", "1").out
    assert "segmenter_compact" in shown and "ONNX Runtime" in shown and "embedder" not in shown
    assert list((tmp_path / "runtimes").glob("*.json"))
    networks = json.loads(packsight("gallery", "info", gallery, "--json").out)["networks"]
    assert list(networks) == ["segmenter_compact"]
    assert "on cpu" in networks["segmenter_compact"]["runs_by"]
    assert networks["segmenter_compact"]["measured"]
    shown = packsight("gallery", "info", gallery).out
    assert "network      segmenter_compact: " in shown and "measured fastest here" in shown


def test_settings_without_a_network_have_nothing_to_choose(packsight: Command) -> None:
    assert "no network" in packsight("tune-runtime", "--profile", "classic").out


def test_a_network_that_is_gone_leaves_the_rest_of_the_info(
    packsight: Command, catalogue: Path, tmp_path: Path
) -> None:
    from weights.cache import shipped_path
    from weights.catalog import load_catalog

    shipped = shipped_path(load_catalog()["segmenter_compact"])
    for suffix in (".onnx", ".toml"):
        (tmp_path / f"own{suffix}").write_bytes(shipped.with_suffix(suffix).read_bytes())
    gallery = tmp_path / "gallery"
    own = ("--set", "segment.name=saliency", "--set", f"segment.weights={tmp_path / 'own.onnx'}")
    assert packsight.ingest(catalogue, gallery, "--profile", "classic", *own).code == 0
    (tmp_path / "own.onnx").unlink()
    shown = packsight("gallery", "info", gallery)
    assert shown.code == 0 and "12 images" in shown.out
    assert "cannot be opened" in shown.out and "own.onnx" in shown.out
