"""A gallery on a medium that cannot be written: read without a lock, or refused with the remedy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engine.errors import GalleryError
from engine.galleries import _schema
from engine.galleries.local import LocalGallery
from engine.types import Embedding
from tests.engine.made_descriptions import described, entry, manifest
from tests.packsight_command import Command
from tests.small_disk import remount, small_disk

ODD = "g ?mode=rwc#1 %41%"  # of a URI's own characters


def made(folder: Path) -> Path:
    folder.parent.mkdir(exist_ok=True)
    with LocalGallery.create(folder, manifest()) as gallery:
        gallery.add([entry("a"), entry("b")], [described((1, 0)), described((0, 1))])
    return folder


def nearest(gallery: LocalGallery) -> list[int]:
    query = Embedding(np.array([0, 1], np.float32))
    return [neighbour.id for neighbour in gallery.search(query, 1)]


@pytest.fixture
def medium(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    with small_disk(tmp_path / "medium", "8m") as folder:
        yield folder


@pytest.mark.parametrize("indexes", ["stored", "absent"])
def test_a_gallery_on_a_read_only_medium_is_searched_and_checked(
    medium: Path, indexes: str
) -> None:
    folder = made(medium / ODD)
    if indexes == "stored":
        with LocalGallery.open(folder, write=True) as gallery:
            gallery.build_indexes()
    remount(medium, "ro")
    before = sorted(path.name for path in folder.iterdir())
    with LocalGallery.open(folder) as gallery:
        assert (len(gallery), nearest(gallery), gallery.check()) == (2, [2], [])
    assert sorted(path.name for path in folder.iterdir()) == before
    with pytest.raises(GalleryError, match="Read-only"):
        LocalGallery.open(folder, write=True)


def test_info_and_export_of_a_gallery_on_a_read_only_medium(
    medium: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made(medium / "g")
    remount(medium, "ro")
    packsight = Command(capsys)
    assert "2 images" in packsight("gallery", "info", folder).out
    assert len(packsight("gallery", "export", folder).out.splitlines()) == 2
    assert packsight("gallery", "delete", folder, "--file", "a").code == 1


def test_a_log_beside_a_gallery_on_a_read_only_medium_is_refused_with_the_remedy(
    medium: Path, tmp_path: Path
) -> None:
    folder = made(tmp_path / "g")
    with LocalGallery.open(folder, write=True) as gallery:
        gallery.add([entry("c")], [described((1, 1))])
        shutil.copytree(folder, medium / "g", ignore=shutil.ignore_patterns("*-shm"))
        shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*-shm"))
        shutil.copytree(folder, medium / "whole")
    remount(medium, "ro")
    with pytest.raises(GalleryError, match=r"gallery\.sqlite-wal.*Copy the whole folder"):
        LocalGallery.open(medium / "g")
    for readable in (tmp_path / "copy", medium / "whole"):
        with LocalGallery.open(readable) as gallery:
            assert len(gallery) == 3


def test_a_gallery_that_is_being_written_is_never_opened_as_a_frozen_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a read-only mount of a folder that another process can write."""
    folder = made(tmp_path / "g")
    read_only = SimpleNamespace(f_flag=os.ST_RDONLY)
    monkeypatch.setattr(os, "statvfs", lambda path: read_only)
    assert _schema.is_frozen(folder)
    with LocalGallery.open(folder) as reader:
        assert len(reader) == 2
        (folder / "gallery.sqlite-shm").touch()
        assert not _schema.is_frozen(folder)
        with pytest.raises(GalleryError, match="changed while it was open"):
            len(reader)
        (folder / "gallery.sqlite-shm").unlink()
        assert len(reader) == 2
        os.utime(folder / "gallery.sqlite", ns=(1, 1))
        with pytest.raises(GalleryError, match="changed while it was open"):
            len(reader)


def test_a_medium_that_can_be_written_is_never_opened_as_a_frozen_one(tmp_path: Path) -> None:
    folder = made(tmp_path / "g")
    folder.chmod(0o555)
    assert not _schema.is_frozen(folder)
    folder.chmod(0o755)
