"""`packsight cache` shows and clears the mattes that an ingest kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.blobs import FILE
from tests.packsight_command import Command


@pytest.fixture
def packsight(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.setenv("PACKSIGHT_MATTES_DIR", str(tmp_path / "mattes"))
    return Command(capsys)


def kept(packsight: Command) -> int:
    return int(json.loads(packsight("cache", "--json").out)["mattes"])


def test_an_ingest_keeps_its_mattes_and_a_command_clears_them(
    packsight: Command, catalogue: Path, tmp_path: Path
) -> None:
    assert kept(packsight) == 0
    segmenting = ("--set", "segment.name=grabcut")
    assert packsight.ingest(catalogue, tmp_path / "g", *segmenting).code == 0
    assert kept(packsight) == 12
    shown = packsight("cache").out
    assert str(tmp_path / "mattes") in shown and " MB;" in shown
    assert packsight("cache", "--clear").code == 0
    assert kept(packsight) == 0
    off = (*segmenting, "--set", "runtime.mattes_gb=0")
    assert packsight.ingest(catalogue, tmp_path / "h", *off).code == 0
    assert kept(packsight) == 0


def test_a_query_keeps_no_matte_of_a_photo(
    packsight: Command, catalogue: Path, tmp_path: Path
) -> None:
    packsight.ingest(catalogue, tmp_path / "g", "--set", "segment.name=grabcut")
    packsight("cache", "--clear")
    photo = next(catalogue.rglob("*.png"))
    assert packsight("query", photo, "--gallery", tmp_path / "g").code == 0
    assert kept(packsight) == 0


def test_a_damaged_store_is_one_line_and_can_be_cleared(packsight: Command, tmp_path: Path) -> None:
    (tmp_path / "mattes").mkdir()
    (tmp_path / "mattes" / FILE).write_bytes(b"no database" * 1000)
    assert "damaged" in packsight("cache").line
    assert packsight("cache", "--clear").code == 0
    assert kept(packsight) == 0


def test_a_file_in_place_of_the_folder_is_one_line(packsight: Command, tmp_path: Path) -> None:
    (tmp_path / "mattes").write_text("text")
    assert "PACKSIGHT_MATTES_DIR" in packsight("cache").line
