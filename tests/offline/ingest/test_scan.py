"""What a scan finds, and what it passes over, by kind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.galleries import open_gallery
from offline.ingest.scan import scan
from tests.engine.made_descriptions import manifest


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("@eaDir/a.jpg", "files in system folders"),
        ("#recycle/old", "files in system folders"),
        ("$RECYCLE.BIN/S-1-5-21", "files in system folders"),
        ("System Volume Information", "files in system folders"),
        ("__MACOSX/jar", "files in system folders"),
        ("lost+found", "files in system folders"),
        (".Trash-1000/files", "files in system folders"),
        ("FOUND.000", "files in system folders"),
        (".cache", "files in hidden folders"),
    ],
)
def test_folders_of_systems_are_passed_over_and_counted(
    tmp_path: Path, folder: str, kind: str
) -> None:
    touch(tmp_path, "jar/a.jpg", f"jar/{folder}/a.jpg", f"jar/{folder}/b.txt")
    found = scan(tmp_path)
    assert [image.relative for image in found.images] == ["jar/a.jpg"]
    assert (found.passed_over, found.seen, found.refused) == ({kind: 2}, 3, [])


def test_snapshots_of_a_volume_are_counted_as_one(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "#snapshot/monday/a.jpg", "#snapshot/tuesday/a.jpg")
    found = scan(tmp_path)
    assert (found.passed_over, found.seen) == ({"folders of snapshots": 1}, 2)


def test_files_that_are_no_images_are_counted_by_kind(tmp_path: Path) -> None:
    touch(tmp_path, "a.JPG", "b.pdf", "c.PDF", "d", "read.me about this", "Thumbs.db", ".hidden")
    touch(tmp_path, "._a.JPG", "a.json", "labels.csv", "jar/Attributes.XLSX")
    found = scan(tmp_path)
    assert [image.relative for image in found.images] == ["a.JPG"]
    assert found.passed_over == {
        ".pdf files": 2,
        "files without a suffix": 2,
        "system files": 2,
        "hidden files": 1,
        "JSON files": 1,
        "label tables": 2,
    }
    assert found.seen == 11
    assert [path.name for path in found.label_files] == ["labels.csv", "Attributes.XLSX"]


def test_a_linked_folder_is_counted_and_not_entered(tmp_path: Path) -> None:
    touch(tmp_path, "root/jar/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "root/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root/jar/itself").symlink_to(tmp_path / "root/jar")
    (tmp_path / "root/file.jpg").symlink_to(tmp_path / "elsewhere/b.jpg")
    found = scan(tmp_path / "root")
    assert [image.relative for image in found.images] == ["file.jpg", "jar/a.jpg"]
    assert (found.passed_over, found.seen) == ({"linked folders": 2}, 4)


def test_a_gallery_below_is_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    open_gallery(tmp_path / "gallery", manifest=manifest()).close()
    found = scan(tmp_path)
    assert list(found.passed_over) == ["files of galleries"]
    assert found.seen == 1 + found.passed_over["files of galleries"]


def test_every_image_file_is_found_or_refused(tmp_path: Path) -> None:
    touch(tmp_path, "sound.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "gone.jpg")
    os.mkfifo(tmp_path / "pipe.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).touch()
    found = scan(tmp_path)
    assert [image.relative for image in found.images] == ["sound.jpg"]
    assert len(found.refused) == 3 and all(refusal.of == "image" for refusal in found.refused)
    assert found.seen == 4
