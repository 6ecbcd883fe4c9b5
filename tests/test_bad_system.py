"""Permissions and full disks, by the command: one line that names it, and nothing lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.galleries import open_gallery
from tests.drawn_catalogue import QUICK_FLAGS, package, save, write_catalogue
from tests.packsight_command import ROOT, command, may_be_locked_out, unprivileged
from tests.small_disk import remount, small_disk

needs_permissions = pytest.mark.skipif(
    os.name != "posix" or not may_be_locked_out(), reason="no permission is refused to us here"
)


@needs_permissions
def test_an_unreadable_folder_and_file_are_lines_in_the_report(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "c")
    (tmp_path / "c" / "jar").chmod(0)
    (tmp_path / "c" / "stick" / "p0").chmod(0o400)  # may be listed and not entered
    (tmp_path / "c" / "bottle/p0/v0.png").chmod(0)
    done = unprivileged("ingest", tmp_path / "c", "--gallery", tmp_path / "g", "--json")
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    refused = {r["uri"].removeprefix(f"{tmp_path}/c/"): r["reason"] for r in report["refused"]}
    assert refused == {
        "jar": "folder cannot be read (Permission denied)",
        "stick/p0/v0.png": "cannot be read (Permission denied)",
        "stick/p0/v1.png": "cannot be read (Permission denied)",
        "bottle/p0/v0.png": "cannot be read (Permission denied)",
    }
    assert report["added"] == 5


@needs_permissions
def test_what_may_not_be_looked_at_is_neither_missing_nor_pruned(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "c")
    arguments = ("ingest", tmp_path / "c", "--gallery", tmp_path / "g", "--json")
    assert json.loads(unprivileged(*arguments).out)["added"] == 12
    (tmp_path / "c" / "jar").chmod(0)
    done = unprivileged(*arguments, "--prune")
    report = json.loads(done.out)
    assert (done.code, report["removed"], report["missing"]) == (0, 0, [])
    assert (report["unchanged"], report["images"]) == (8, 12)


@needs_permissions
def test_a_folder_or_gallery_that_may_not_be_entered_is_one_line(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "locked" / "c")
    (tmp_path / "locked").chmod(0)
    (tmp_path / "pictures").mkdir()
    save(tmp_path / "pictures" / "a.png", package("jar", 1))
    for folder, gallery in (("locked/c", "g"), ("pictures", "locked/g")):
        done = unprivileged("ingest", tmp_path / folder, "--gallery", tmp_path / gallery)
        assert done.code == 1
        assert "Permission denied" in done.line or "cannot be read" in done.line
    done = unprivileged("query", tmp_path / "pictures/a.png", "--gallery", tmp_path / "locked/g")
    assert done.code == 1
    assert "ermission denied" in done.line


@needs_permissions
def test_a_gallery_that_may_only_be_read_answers_or_says_why_not(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "c", products=1)
    arguments = ("ingest", tmp_path / "c", "--gallery", tmp_path / "g")
    assert unprivileged(*arguments).code == 0
    for path in (tmp_path / "g").iterdir():
        path.chmod(0o555 if path.is_dir() else 0o444)
    (tmp_path / "g").chmod(0o555)
    done = unprivileged(*arguments)
    assert done.code == 1
    assert str(tmp_path / "g") in done.line
    done = unprivileged("query", tmp_path / "c/jar/p0/v0.png", "--gallery", tmp_path / "g")
    assert done.code == 1
    assert "may not write there" in done.line
    assert "give the user write permission on the folder" in done.line


def test_a_full_disk_is_one_line_and_the_rerun_does_the_rest(
    catalogue: Path, tmp_path: Path
) -> None:
    """A limit on the size of files stands in for the disk: SQLite meets it as it meets ENOSPC."""
    save(catalogue / "jar/p0/v9.png", package("jar", 9))
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, 250_000));"
    )
    arguments = ("ingest", catalogue, "--gallery", tmp_path / "g", *QUICK_FLAGS)
    arguments += ("--set", "ingest.batch=2", "--json", "--quiet")
    done = command(*arguments, before=limit)
    assert (done.code, done.out) == (1, "")
    assert str(tmp_path / "g") in done.line
    with open_gallery(tmp_path / "g") as gallery:
        kept = len(gallery)
        assert gallery.check() == []
    assert 0 < kept < 13
    report = json.loads(command(*arguments).out)
    assert (report["unchanged"], report["added"]) == (kept, 13 - kept)
    with open_gallery(tmp_path / "g") as gallery:
        assert (len(gallery), gallery.check()) == (13, [])


def test_a_really_full_disk_says_so_and_loses_nothing(catalogue: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "400k") as disk:
        write_catalogue(catalogue, products=20)
        arguments = ("ingest", catalogue, "--gallery", disk / "g", *QUICK_FLAGS)
        arguments += ("--json", "--quiet")
        done = command(*arguments, "--set", "ingest.batch=2")
        assert (done.code, done.out) == (1, "")
        assert "the disk is full; what was acknowledged before is safe." in done.line
        with open_gallery(disk / "g") as gallery:
            kept = len(gallery)
            assert gallery.check() == []
        assert 0 < kept < 120
        remount(disk, "size=40m")
        report = json.loads(command(*arguments).out)
        assert (report["unchanged"], report["added"]) == (kept, 120 - kept)
        with open_gallery(disk / "g") as gallery:
            assert (len(gallery), gallery.check()) == (120, [])


@pytest.mark.slow
def test_a_photo_is_found_in_a_gallery_on_a_read_only_medium(
    catalogue: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        assert command("ingest", catalogue, "--gallery", disk / "g", *QUICK_FLAGS).code == 0
        remount(disk, "ro")
        photo = catalogue / "jar/p0/v0.png"
        done = command("query", photo, "--gallery", disk / "g", "--json")
        assert json.loads(done.out)["hits"][0]["uri"] == str(photo)
        done = command("ingest", catalogue, "--gallery", disk / "g")
        assert done.code == 1 and str(disk / "g") in done.line


FOUND_HERE = {**os.environ, "PYTHONPATH": str(ROOT)}
NO_HOME = (
    "import os, pwd, tempfile; tempfile.tempdir = {tmp!r}; pwd.getpwuid = {{}}.__getitem__;"
    "[os.environ.pop(name) for name in list(os.environ)"
    " if name == 'HOME' or name.startswith(('XDG_', 'U2NET', 'PACKSIGHT_'))];"
)


@pytest.mark.skipif(os.name != "posix", reason="homes are looked up otherwise")
def test_without_a_home_the_cache_is_a_private_folder_of_temporary_files(tmp_path: Path) -> None:
    before = NO_HOME.format(tmp=str(tmp_path))
    done = command("weights", "list", before=before, cwd=tmp_path, env=FOUND_HERE)
    cache = tmp_path / f"packsight-{os.getuid()}"
    assert (done.code, done.err) == (0, "")
    assert f"Cache: {cache}/weights" in done.out
    done = command("weights", "verify", "~/x.onnx", before=before, cwd=tmp_path, env=FOUND_HERE)
    assert done.code == 1 and done.line
    assert not (tmp_path / "~").exists()
