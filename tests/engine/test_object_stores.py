"""Paths in object stores, by a store that lies in memory."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.object_stores import StoreError, StorePath, path_of

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def folder() -> StorePath:
    store = fsspec.filesystem("memory")
    store.pipe_file("/folder/jar/p1/v0.png", b"one")
    store.pipe_file("/folder/empty.png", b"")
    path = path_of("memory://folder")
    assert isinstance(path, StorePath)
    return path


def test_a_path_of_a_store_stays_its_address() -> None:
    path = path_of("s3://bucket/a b/c.tar.png")
    assert str(path) == "s3://bucket/a b/c.tar.png"
    assert str(path.parent / "d.png") == "s3://bucket/a b/d.png"
    assert str(path.with_suffix(".json")) == "s3://bucket/a b/c.tar.json"
    assert path.relative_to(path_of("s3://bucket")).as_posix() == "a b/c.tar.png"
    assert path.resolve() == path.absolute() == pickle.loads(pickle.dumps(path)) == path
    assert path_of("S3://bucket/a b/c.tar.png") == path


@given(st.lists(st.text("ab.é #?%&", min_size=1).filter(lambda part: part != "."), min_size=1))
def test_addresses_survive_becoming_paths(parts: list[str]) -> None:
    address = "/".join(["s3:/", "bucket", *parts])
    assert str(path_of(address)) == address
    assert str(path_of(Path(address))) == address  # pathlib made :/ of ://


def test_a_path_of_a_disk_stays_as_it_is() -> None:
    path = Path("a/b.png")
    assert path_of(path) is path
    assert path_of("http://host/a") == Path("http://host/a")
    assert path_of("file:///a/b%20c") == Path("/a/b c")


def test_a_stored_object_is_looked_at_and_read_as_a_file(folder: StorePath) -> None:
    image = folder / "jar" / "p1" / "v0.png"
    assert image.stat().st_size == 3
    assert image.read_bytes() == image.open().read() == b"one"
    assert (folder / "empty.png").read_bytes() == b""
    found = dict(folder.files_below())
    assert found[str(image)] == image.stat()
    assert found[str(image)].st_mtime_ns == image.stat().st_mtime_ns > 10**18
    assert os.fspath(image) in found


def test_what_is_not_there_or_too_large_is_an_error_of_files(folder: StorePath) -> None:
    with pytest.raises(FileNotFoundError):
        (folder / "none.png").stat()
    with pytest.raises(FileNotFoundError):
        (folder / "none.png").read_bytes()
    with pytest.raises(StoreError):
        (folder / "jar" / "p1" / "v0.png").read_bytes(2)


def test_a_store_whose_package_is_missing_names_it() -> None:
    with pytest.raises(StoreError) as caught:
        path_of("gs://bucket/a.png").stat()
    assert "gcsfs" in caught.value.remedy
