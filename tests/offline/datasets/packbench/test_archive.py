"""The archive of the shipped benchmark, and how it comes to lie unpacked in a cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.files import file_sha256
from offline.datasets import open_dataset
from offline.datasets.packbench.archive import (
    ARCHIVE,
    DIRECTORY_VARIABLE,
    NAME,
    SHA256,
    data_directory,
    pack,
    unpacked,
)
from offline.datasets.packbench.manifest import HEADER_FILE
from offline.datasets.registry import dataset_folder
from packsight.cli import main
from tests.packsight_command import command, may_be_locked_out, unprivileged

BUDGET = 4_000_000  # bytes of the repository that the shipped benchmark may take


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def files_below(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_the_code_names_the_archive_that_is_shipped() -> None:
    assert file_sha256(ARCHIVE) == SHA256
    assert ARCHIVE.stat().st_size <= BUDGET


def test_unpacking_gives_the_very_files_and_nothing_else(cache: Path) -> None:
    with zipfile.ZipFile(ARCHIVE) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    folder = unpacked()
    assert files_below(folder) == packed
    assert [path.name for path in cache.iterdir()] == [folder.name]
    assert SHA256[:12] in folder.name


def test_packing_what_was_unpacked_gives_the_same_archive(cache: Path, tmp_path: Path) -> None:
    assert pack(unpacked(), tmp_path / "again.zip") == SHA256


def test_it_is_unpacked_once(cache: Path) -> None:
    folder = unpacked()
    before = (folder / "manifest.csv").stat()
    assert unpacked() == folder
    assert (folder / "manifest.csv").stat().st_mtime_ns == before.st_mtime_ns


def test_the_name_opens_it(cache: Path) -> None:
    dataset = open_dataset(NAME)
    assert dataset.name == "packbench" and dataset.root.is_relative_to(cache)
    assert command("data", "check", NAME).code == 0


def test_a_benchmark_in_a_folder_of_the_same_name_wins(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / HEADER_FILE).write_text("{}")
    assert dataset_folder(NAME) == Path(NAME)
    assert not cache.exists()


def test_another_folder_of_the_same_name_does_not(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "sheet", NAME]) == 0
    assert (tmp_path / "sheets" / "jar.jpg").is_file()  # and neither in the cache nor in NAME
    assert not (tmp_path / NAME).exists() and len(files_below(unpacked())) == 929
    (tmp_path / NAME).mkdir()
    assert open_dataset(NAME).root.is_relative_to(cache)


def test_several_at_once_unpack_one_whole_folder(cache: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        folders = set(threads.map(lambda _: unpacked(), range(4)))
    assert len(folders) == 1
    assert [path.name for path in cache.iterdir()] == [folders.pop().name]


def test_one_that_is_killed_leaves_no_folder_that_looks_whole(cache: Path) -> None:
    """Killed at several moments: the next one unpacks all the same."""
    program = "from offline.datasets.packbench.archive import unpacked; print(1, flush=True);"
    for pause in (0.0, 0.02, 0.05, 0.1):
        process = subprocess.Popen(
            [sys.executable, "-c", program + "unpacked()"], stdout=subprocess.PIPE
        )
        assert process.stdout is not None and process.stdout.readline()
        time.sleep(pause)
        process.kill()
        process.communicate()
        for folder in cache.glob(f"{NAME}-*"):
            assert len(files_below(folder)) == 929
    assert len(files_below(unpacked())) == 929


def test_a_cache_that_was_emptied_in_part_is_filled_again(cache: Path) -> None:
    folder = unpacked()
    for lost in ("packbench.json", "manifest.csv", "queries"):
        path = folder / lost
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert len(files_below(unpacked())) == 929
    (folder / "products.csv").write_text("cut short")
    assert len((unpacked() / "products.csv").read_text("utf-8").splitlines()) > 1


def test_a_cache_that_cannot_be_written_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(ConfigError) as caught:
        unpacked()
    assert DIRECTORY_VARIABLE in caught.value.remedy


@pytest.mark.skipif(not may_be_locked_out(), reason="permissions do not hold here")
def test_a_cache_without_permission_names_the_variable(cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o500)
    done = unprivileged("data", "check", NAME)
    assert done.code == 1 and DIRECTORY_VARIABLE in done.line


def test_a_damaged_archive_is_mended_by_an_install(cache: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "tiny.zip"
    damaged.write_bytes(ARCHIVE.read_bytes()[:-1])
    with pytest.raises(ConfigError) as caught:
        unpacked(damaged)
    assert str(damaged) in caught.value.message and "Install" in caught.value.remedy
    assert not cache.exists()


def test_the_folder_is_the_users_cache_unless_a_variable_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(os.environ, DIRECTORY_VARIABLE, "~/x")
    assert data_directory() == Path.home() / "x"
    monkeypatch.delenv(DIRECTORY_VARIABLE)
    assert data_directory().name == "data" and "packsight" in data_directory().parts
