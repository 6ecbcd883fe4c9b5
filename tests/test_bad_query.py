"""Whatever is wrong with a query or its gallery: one line that names it, and an exit code."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from engine.galleries import open_gallery
from packsight.cli import main
from tests.bad_pictures import write_bad_pictures
from tests.drawn_catalogue import QUICK_FLAGS, package, save, write_catalogue
from tests.packsight_command import Command


@pytest.fixture
def packsight(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of twelve images, not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    write_catalogue(folder / "catalogue")
    arguments = ["ingest", str(folder / "catalogue"), "--gallery", str(folder / "gallery")]
    assert main([*arguments, *QUICK_FLAGS, "--workers", "1"]) == 0
    return folder / "gallery"


@pytest.fixture
def gallery(made: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged."""
    return Path(shutil.copytree(made, tmp_path / "gallery"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return save(tmp_path / "photo.png", package("jar", 0, 3))


@pytest.mark.parametrize("name", ["truncated.jpg", "text.jpg", "nothing.png", "huge.png"])
def test_a_bad_photo_is_one_line(packsight: Command, made: Path, tmp_path: Path, name: str) -> None:
    reasons = write_bad_pictures(tmp_path)
    done = packsight("query", tmp_path / name, "--gallery", made)
    assert (done.code, done.out) == (1, "")
    assert reasons[name] in done.line and name in done.line


def test_a_photo_that_is_not_there(packsight: Command, made: Path, tmp_path: Path) -> None:
    assert "does not exist" in packsight("query", tmp_path / "no.png", "--gallery", made).line
    assert "is a folder" in packsight("query", tmp_path, "--gallery", made).line


def test_no_gallery_an_empty_one_and_a_file(
    packsight: Command, tmp_path: Path, photo: Path, gallery: Path
) -> None:
    done = packsight("query", photo, "--gallery", tmp_path / "none")
    assert done.code == 1
    assert "no gallery here. Make one with: packsight ingest FOLDER" in done.line
    assert "no gallery here" in packsight("query", photo, "--gallery", photo).line
    with open_gallery(gallery, write=True) as opened:
        opened.remove([source.id for source in opened.sources()])
    done = packsight("query", photo, "--gallery", gallery)
    assert done.code == 1
    assert "the gallery is empty. Fill it with: packsight ingest" in done.line
    assert packsight("gallery", "info", gallery).code == 0
    assert packsight("gallery", "check", gallery).code == 0


def test_an_unknown_category_lists_the_known_ones(
    packsight: Command, made: Path, photo: Path
) -> None:
    done = packsight("query", photo, "--gallery", made, "--category", "jars")
    assert done.code == 1
    assert "unknown category 'jars'. Did you mean 'jar'?" in done.line
    assert "The gallery holds: bottle, jar, stick." in done.line


def test_k_may_be_larger_than_the_gallery_and_not_zero(
    packsight: Command, made: Path, photo: Path
) -> None:
    done = packsight("query", photo, "--gallery", made, "-k", "5000", "--set", "route.mass=1")
    assert (done.code, done.err) == (0, "")
    assert "fewer than 5000" in done.out
    for k in ("0", "-3"):
        done = packsight("query", photo, "--gallery", made, f"-k{k}")
        assert done.code == 1
        assert f"k = {k}" in done.line


def test_a_query_described_otherwise_is_refused_with_the_way_out(
    packsight: Command, made: Path, photo: Path
) -> None:
    for flags in (["--profile", "classic"], ["--set", "images.max_side=64"]):
        done = packsight("query", photo, "--gallery", made, *flags)
        assert done.code == 1
        assert "described by other parts" in done.line
        assert "Leave out --profile, --config and --set" in done.line


@pytest.mark.parametrize("damage", ["garbage", "truncated"])
def test_a_damaged_gallery_is_one_line_for_every_command(
    packsight: Command, gallery: Path, photo: Path, catalogue: Path, damage: str
) -> None:
    path = gallery / "gallery.sqlite"
    data = path.read_bytes()
    path.write_bytes(b"garbage" * 3000 if damage == "garbage" else data[: len(data) // 3])
    for arguments in (
        ("query", photo, "--gallery", gallery),
        ("gallery", "check", gallery),
        ("gallery", "rebuild", gallery),
        ("gallery", "export", gallery),
        ("ingest", catalogue, "--gallery", gallery),
    ):
        done = packsight(*arguments)
        assert done.code == 1
        assert "gallery.sqlite is damaged" in done.line
        assert "Restore it from a backup" in done.line


def test_a_locked_gallery_names_its_writer_and_can_be_read(
    packsight: Command, gallery: Path, photo: Path, catalogue: Path
) -> None:
    with open_gallery(gallery, write=True):
        for arguments in (
            ("gallery", "rebuild", gallery),
            ("ingest", catalogue, "--gallery", gallery),
        ):
            done = packsight(*arguments)
            assert done.code == 1
            assert f"another process (process {os.getpid()}) is writing" in done.line
        assert packsight("query", photo, "--gallery", gallery).code == 0


def test_a_page_or_an_export_that_cannot_be_written_is_one_line(
    packsight: Command, made: Path, photo: Path
) -> None:
    for target in (photo.parent / "no" / "out.html", photo / "out.html", photo.parent):
        done = packsight("query", photo, "--gallery", made, "--page", target)
        assert (done.code, str(target) in done.line) == (1, True)
        done = packsight("gallery", "export", made, "--out", target)
        assert (done.code, str(target) in done.line) == (1, True)
