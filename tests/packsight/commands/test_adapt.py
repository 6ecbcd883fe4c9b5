"""`packsight adapt` as a curator runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.galleries import open_gallery
from tests.drawn_catalogue import package, save
from tests.engine.made_calibrations import calibration
from tests.packsight_command import Command


@pytest.fixture
def packsight(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve products in two views."""
    folder = tmp_path_factory.mktemp("catalogue")
    for number in range(12):
        for view in range(2):
            shape = ("bottle", "jar", "stick")[number % 3]
            save(folder / shape / f"p{number}" / f"{view}.png", package(shape, number, view))
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve photos in yellow light, of no product that is named."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(12):
        image = package(("bottle", "jar", "stick")[number % 3], number, 2).astype(np.float32)
        image *= (1.0, 0.9, 0.6)
        save(folder / f"{number}.png", image.astype(np.uint8))
    (folder / "text.jpg").write_text("no image")
    return folder


def test_adapting_going_back_and_off(
    packsight: Command, catalogue: Path, photos: Path, tmp_path: Path
) -> None:
    gallery = tmp_path / "g"
    packsight.ingest(catalogue, gallery, "--no-adapt")
    assert "adapted      no" in packsight("gallery", "info", gallery).out
    report = json.loads(packsight("adapt", gallery, "--json").out)
    assert {part["name"] for part in report["parts"]} >= {"centring", "projection"}
    done = packsight("adapt", gallery, "--photos", photos)
    assert (done.code, "centring: " in done.out) == (0, True)
    assert "text.jpg" in done.err and "photos by 12" in done.out
    info = packsight("gallery", "info", gallery).out
    assert "centring" in info
    answers = packsight("query", photos / "0.png", "--gallery", gallery)
    assert answers.code == 0
    with open_gallery(gallery) as opened:
        kept = list(opened.adaptations())
    if kept:
        assert f"version {kept[0]}" in packsight("adapt", gallery, "--to", str(kept[0])).out
    assert "not adapted" in packsight("adapt", gallery, "--off").out
    assert "99" in packsight("adapt", gallery, "--to", "99").line
    assert packsight("gallery", "check", gallery).code == 0
    assert json.loads(packsight("adapt", gallery, "--off", "--json").out) == {"adapted_by": None}
    for wrong in (("--off", "--photos", photos), ("--seed", "-1")):
        with pytest.raises(SystemExit, match="2"):
            packsight("adapt", gallery, *wrong)


def test_photos_that_are_none_are_one_line(
    packsight: Command, catalogue: Path, tmp_path: Path
) -> None:
    gallery = tmp_path / "g"
    packsight.ingest(catalogue, gallery, "--no-adapt")
    (tmp_path / "none").mkdir()
    assert "no such folder" in packsight("adapt", gallery, "--photos", tmp_path / "gone").line
    assert "no photos" in packsight("adapt", gallery, "--photos", tmp_path / "none").line
    (tmp_path / "none" / "a.jpg").write_text("text")
    assert "could be described" in packsight("adapt", gallery, "--photos", tmp_path / "none").line
    save(tmp_path / "none" / "b.png", package("jar", 1, 7))
    few = packsight("adapt", gallery, "--photos", tmp_path / "none").line
    assert "1 photos" in few and "10 or more" in few


def test_photos_that_are_images_of_the_gallery_are_left_out_and_named(
    packsight: Command, catalogue: Path, photos: Path, tmp_path: Path
) -> None:
    gallery = tmp_path / "g"
    packsight.ingest(catalogue, gallery, "--no-adapt")
    assert "could be described" in packsight("adapt", gallery, "--photos", catalogue).line
    mixed = tmp_path / "mixed"
    shutil.copytree(photos, mixed)
    shutil.copytree(catalogue, mixed / "catalogue")
    count = len([file for file in catalogue.rglob("*") if file.suffix == ".png"])
    assert f"{count} photos left out" in packsight("adapt", gallery, "--photos", mixed).err


def test_the_way_back_to_a_version_that_was_adapted_with_photos_is_named(
    packsight: Command, catalogue: Path, photos: Path, tmp_path: Path
) -> None:
    gallery = tmp_path / "g g"
    packsight.ingest(catalogue, gallery, "--no-adapt")
    packsight("adapt", gallery, "--photos", photos)
    assert f"packsight adapt '{gallery}' --to 1" in packsight("adapt", gallery).err
    assert "--to" not in packsight("adapt", gallery).err


def test_a_calibration_that_no_longer_holds_is_noted(
    packsight: Command, catalogue: Path, tmp_path: Path
) -> None:
    gallery = tmp_path / "g"
    packsight.ingest(catalogue, gallery, "--no-adapt")
    assert packsight("adapt", gallery, "--off").err == ""
    assert "tried" not in packsight("gallery", "info", gallery).out
    with open_gallery(gallery, write=True) as opened:
        opened.calibrate(calibration(identity="a" * 64))
    assert packsight("adapt", gallery, "--off").err == ""
    with open_gallery(gallery, write=True) as opened:
        opened.calibrate(calibration(identity="a" * 64 + "-" + "b" * 16))
    anew = f"packsight calibrate --gallery {gallery} --photos PHOTOS"
    assert anew in packsight("adapt", gallery, "--off").err
    assert "not applied" in packsight("gallery", "info", gallery).out
    with open_gallery(gallery, write=True) as opened:
        opened.calibrate(calibration(identity="a" * 64))
    assert "not applied" not in packsight("gallery", "info", gallery).out


def test_what_was_learned_from_queries_is_shown_and_forgotten(
    packsight: Command, catalogue: Path, tmp_path: Path
) -> None:
    gallery, photo = tmp_path / "g", save(tmp_path / "q.png", package("jar", 1, 5))
    packsight.ingest(catalogue, gallery, "--no-adapt")
    on = ("--set", "adapt.learn_from_queries=true")
    assert packsight("query", photo, "--gallery", gallery, *on).code == 0
    assert "1 learned from" in packsight("gallery", "info", gallery).out
    assert json.loads(packsight("gallery", "info", gallery, "--json").out)["queries"] == 1
    assert "deleted" in packsight("adapt", gallery, "--forget-queries").out
    assert "learned from" not in packsight("gallery", "info", gallery).out
    again = packsight("adapt", gallery, "--forget-queries", "--json")
    assert json.loads(again.out) == {"forgotten": False}
