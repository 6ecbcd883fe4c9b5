"""Digests are correct, and cached only while a file stays untouched."""

import hashlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weights import checksums
from weights.checksums import Checksum, Digests, cached_digests, digests_of


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file that was read to the end."""
    read: list[Path] = []

    def counting(path: Path) -> Digests:
        read.append(path)
        return digests_of(path)

    monkeypatch.setattr(checksums, "digests_of", counting)
    return read


def write_old(path: Path, content: bytes) -> None:
    """Write a file that is old enough for its digests to be remembered."""
    path.write_bytes(content)
    time.sleep(0.06)


def test_digests_are_those_of_hashlib(tmp_path: Path) -> None:
    content = os.urandom((1 << 20) + 17)  # more than one chunk
    path = tmp_path / "file"
    path.write_bytes(content)
    assert digests_of(path) == Digests(
        len(content), hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest()
    )


@given(st.binary(max_size=64), st.integers(8, 63))
def test_every_form_of_a_files_own_checksum_matches(content: bytes, length: int) -> None:
    sha256, md5 = hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest()
    digests = Digests(len(content), sha256, md5)
    assert Checksum("sha256", sha256).matches(digests)
    assert Checksum("sha256_prefix", sha256[:length]).matches(digests)
    assert Checksum("md5", md5).matches(digests)


@given(st.binary(max_size=64), st.integers(0, 7))
def test_a_checksum_that_differs_in_one_digit_does_not_match(content: bytes, place: int) -> None:
    sha256, md5 = hashlib.sha256(content).hexdigest(), hashlib.md5(content).hexdigest()
    other = "1" if sha256[place] == "0" else "0"
    wrong = sha256[:place] + other + sha256[place + 1 :]
    digests = Digests(len(content), sha256, md5)
    assert not Checksum("sha256", wrong).matches(digests)
    assert not Checksum("sha256_prefix", wrong[:8]).matches(digests)


def test_an_untouched_file_is_read_once(tmp_path: Path, readings: list[Path]) -> None:
    path = tmp_path / "file"
    write_old(path, b"weights")
    first = cached_digests(path, tmp_path / "memory")
    assert cached_digests(path, tmp_path / "memory") == first
    assert readings == [path]


def test_a_byte_flipped_behind_an_unchanged_mtime_and_size_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_old(path, b"weights")
    status = path.stat()
    before = cached_digests(path, tmp_path / "memory")
    write_old(path, b"weighty")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = cached_digests(path, tmp_path / "memory")
    assert after == digests_of(path)
    assert after != before


def test_a_file_just_written_is_not_remembered(
    tmp_path: Path, readings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "_YOUNG_NS", 3_600_000_000_000)
    path = tmp_path / "file"
    path.write_bytes(b"weights")
    cached_digests(path, tmp_path / "memory")
    cached_digests(path, tmp_path / "memory")
    assert len(readings) == 2


@pytest.mark.parametrize("note", ["", "{", "[]", '{"stamp": [1]}', '{"stamp": [], "digests": 3}'])
def test_a_torn_note_is_forgotten(tmp_path: Path, note: str) -> None:
    path, memory = tmp_path / "file", tmp_path / "memory"
    write_old(path, b"weights")
    expected = cached_digests(path, memory)
    (written,) = memory.iterdir()
    written.write_text(note, "utf-8")
    assert cached_digests(path, memory) == expected


def test_a_memory_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_old(path, b"weights")
    (tmp_path / "memory").write_text("not a folder", "utf-8")
    assert cached_digests(path, tmp_path / "memory") == digests_of(path)
