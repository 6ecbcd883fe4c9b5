"""Files are whole or absent, whatever fails while they are written."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.files import (
    file_sha256,
    remove_parts,
    replacing,
    write_all,
    write_lines,
    write_whole,
)


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_text_is_written_as_utf_8_and_replaces_what_was_there(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.txt", "an older file that is longer")
    write_whole(tmp_path / "a.txt", "grün\r\n")
    assert content(tmp_path) == {"a.txt": "grün\r\n".encode()}


def test_a_saver_sees_the_suffix_and_the_folder_of_the_file(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.png") as part:
        assert (part.suffix, part.parent) == (".png", tmp_path)
        part.write_bytes(b"1")
        assert not (tmp_path / "a.png").exists()
    assert content(tmp_path) == {"a.png": b"1"}


@pytest.mark.skipif(os.name != "posix", reason="devices have other names")
def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(tmp_path / "pipe", "page")
        assert os.read(reader, 100) == b"page"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_name_of_full_length_can_be_written(tmp_path: Path) -> None:
    name = "x" * 250 + ".html"
    write_whole(tmp_path / name, "page")
    assert content(tmp_path) == {name: b"page"}


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), ValueError()]
)
def test_a_failing_writer_leaves_the_older_file_alone(tmp_path: Path, error: BaseException) -> None:
    write_whole(tmp_path / "a", "old")
    with pytest.raises(type(error)), replacing(tmp_path / "a") as part:
        part.write_bytes(b"half of the n")
        raise error
    assert content(tmp_path) == {"a": b"old"}


def test_what_a_killed_writer_left_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    inner = tmp_path / "below"
    inner.mkdir()
    with replacing(inner / "a.png") as part:
        part.write_bytes(b"whole")
        (inner / f"{part.name[:-10]}00.part.png").write_bytes(b"half")
    (tmp_path / "my.part.png").write_bytes(b"mine")
    remove_parts(tmp_path)
    assert content(inner) == {"a.png": b"whole"}
    assert (tmp_path / "my.part.png").exists()


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_fills_at_the_end_leaves_the_older_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Some file systems notice that they are full only when a file is synced."""
    write_whole(tmp_path / "a", "old")
    monkeypatch.setattr(os if step == "fsync" else Path, step, full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "a", "new")
    assert content(tmp_path) == {"a": b"old"}


def test_of_several_files_none_is_replaced_where_one_cannot_be_written(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", "old")
    with pytest.raises(FileNotFoundError):
        write_all({tmp_path / "a": "new", tmp_path / "no folder" / "b": "new"})
    assert content(tmp_path) == {"a": b"old"}


def test_lines_that_end_in_an_error_leave_the_older_file_alone(tmp_path: Path) -> None:
    def lines() -> Iterator[str]:
        yield "one"
        raise OSError(errno.EIO, "unreadable")

    assert write_lines(tmp_path / "a", ["one", "grün"]) == 2
    assert (tmp_path / "a").read_bytes() == "one\ngrün\n".encode()
    with pytest.raises(OSError, match="unreadable"):
        write_lines(tmp_path / "a", lines())
    assert content(tmp_path) == {"a": "one\ngrün\n".encode()}


def test_the_content_is_synced_before_the_rename_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, rename = os.fsync, Path.replace

    def noted_sync(file: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(file).st_mode) else "file")
        sync(file)

    def noted_rename(part: Path, path: Path) -> Path:
        done.append("rename")
        return rename(part, path)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_rename)
    write_whole(tmp_path / "a", "1")
    assert done == ["file", "rename", "folder"]


def test_a_folder_that_cannot_be_synced_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refused)
        write_whole(tmp_path / "a", "1")
    assert content(tmp_path) == {"a": b"1"}


def test_the_digest_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    write_whole(tmp_path / "a", data)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(data).hexdigest()
