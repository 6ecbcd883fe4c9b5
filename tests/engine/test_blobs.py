"""Arrays by key: what was put is read by every later process, whole, or made anew."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine import blobs as module
from engine.blobs import FILE, Blob, Blobs
from engine.errors import ConfigError
from engine.parallel import each
from tests.packsight_command import ROOT

DTYPES = st.sampled_from([np.uint8, np.float32, np.float64, np.int64, np.bool_])


def store(folder: Path) -> Blobs:
    return Blobs(folder, "arrays")


def numbered(*keys: str) -> dict[str, Blob]:
    return {key: Blob(np.full(3, int(key), np.float32), {"of": key}) for key in keys}


def values(kept: Iterator[tuple[str, Blob]]) -> dict[str, list[float]]:
    return {key: blob.array.tolist() for key, blob in kept}


@settings(max_examples=25)  # each makes a file and syncs it
@given(arrays.arrays(DTYPES, arrays.array_shapes(min_dims=0, min_side=0)), st.text())
def test_an_array_comes_back_as_it_was_put(array: npt.NDArray[Any], key: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        store(Path(name)).put({key: Blob(array, [1, None, "é"])})
        ((found, blob),) = store(Path(name)).read([key])
    assert found == key and blob.note == [1, None, "é"]
    assert blob.array.dtype == array.dtype and not blob.array.flags.writeable
    np.testing.assert_array_equal(blob.array, array)


def test_only_what_is_wanted_and_kept_is_read_each_once(tmp_path: Path) -> None:
    assert not dict(store(tmp_path / "absent").read(["1"]))
    store(tmp_path).put(numbered("1", "2", "3"))
    assert values(store(tmp_path).read(["3", "9", "1", "3"])) == {"1": [1] * 3, "3": [3] * 3}


def test_more_keys_than_one_statement_takes(tmp_path: Path) -> None:
    keys = [str(number) for number in range(3 * module.AT_ONCE)]
    store(tmp_path).put(numbered(*keys))
    assert dict(store(tmp_path).read(keys)).keys() == set(keys)


def test_of_a_key_put_twice_the_last_counts(tmp_path: Path) -> None:
    for level in (2, 4):
        store(tmp_path).put({"a": Blob(np.array([level]))})
    assert values(store(tmp_path).read(["a"])) == {"a": [4]}


def test_what_is_missing_is_made_in_batches_and_kept_before_it_is_given_on(tmp_path: Path) -> None:
    store(tmp_path).put(numbered("2"))
    made: list[str] = []

    def make(keys: list[str]) -> Iterator[dict[str, Blob]]:
        for key in keys:
            made.append(key)
            yield numbered(key)

    for key, _ in store(tmp_path).filled(["1", "2", "3", "1"], make):
        assert dict(store(tmp_path).read([key]))
    assert made == ["1", "3"]
    assert dict(store(tmp_path).filled(["1", "2", "3"], make)).keys() == {"1", "2", "3"}
    assert made == ["1", "3"]


def test_a_fault_of_the_maker_is_not_taken_for_one_of_the_store(tmp_path: Path) -> None:
    def broken(keys: list[str]) -> Iterator[dict[str, Blob]]:
        yield numbered("1")
        raise OSError("device lost")

    with pytest.raises(OSError, match="device lost"):
        dict(store(tmp_path).filled(["1", "2"], broken))
    assert values(store(tmp_path).read(["1", "2"])) == {"1": [1] * 3}
    dict(store(tmp_path).filled(["2"], lambda keys: [numbered(*keys)]))  # the lock is free again


def test_a_store_that_was_deleted_meanwhile_is_empty_and_filled_anew(tmp_path: Path) -> None:
    kept = store(tmp_path / "store")
    kept.put(numbered("1", "2"))
    shutil.rmtree(tmp_path / "store")
    assert not dict(kept.read(["1"]))
    kept.put(numbered("2"))
    assert dict(kept.read(["1", "2"])).keys() == {"2"}


def test_threads_that_put_and_read_at_once_lose_nothing(tmp_path: Path) -> None:
    names = [[f"{writer}{number}" for number in range(10, 20)] for writer in range(1, 5)]

    def write(mine: list[str]) -> None:
        own = store(tmp_path)
        for name in mine:
            own.put(numbered(name))
            assert dict(own.read([name]))

    each(write, names, threads=4)
    assert len(dict(store(tmp_path).read(name for mine in names for name in mine))) == 40


_FILLING = """
import sys
from pathlib import Path
import numpy as np
from engine.blobs import Blob, Blobs
def make(keys):
    for key in keys:
        print("made", key, flush=True)
        sys.stdin.readline()
        yield {key: Blob(np.full(3, int(key), np.float32))}
found = dict(Blobs(Path(sys.argv[1]), "arrays").filled(sys.argv[2:], make))
print("found", len(found))
"""


def filling(folder: Path, *keys: str) -> subprocess.Popen[str]:
    """It waits for a line of its input, or its end, before it gives each array away."""
    return subprocess.Popen(
        [sys.executable, "-c", _FILLING, str(folder), *keys],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_of_two_processes_one_makes_and_the_other_waits_with_a_warning(tmp_path: Path) -> None:
    keys = ("1", "2", "3", "4")
    first = filling(tmp_path, *keys)
    assert first.stdout is not None and first.stdout.readline()  # it makes, so it has the lock
    second = filling(tmp_path, *keys)
    assert second.stderr is not None
    assert "another run makes these arrays" in second.stderr.readline()
    assert first.communicate(timeout=60)[0].endswith("found 4\n")
    assert second.communicate(timeout=60)[0] == "found 4\n"


def test_a_killed_process_leaves_whole_batches_and_no_lock(tmp_path: Path) -> None:
    first = filling(tmp_path, "1", "2", "3", "4")
    assert first.stdin is not None and first.stdout is not None
    for _ in range(2):
        assert first.stdout.readline()
        print(file=first.stdin, flush=True)
    assert first.stdout.readline() == "made 3\n"
    first.kill()
    first.communicate()
    out, _ = filling(tmp_path, "1", "2", "3", "4").communicate(timeout=60)
    assert out == "made 3\nmade 4\nfound 4\n"


@settings(max_examples=25)
@given(st.integers(0, 2**16), st.integers(1, 255))
def test_after_any_damage_a_blob_is_whole_or_absent_or_an_error_that_names_the_folder(
    place: int, flip: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        array = np.arange(2000, dtype=np.float32)
        store(folder).put({str(number): Blob(array + number, number) for number in range(5)})
        content = bytearray((folder / FILE).read_bytes())
        content[place % len(content)] ^= flip
        (folder / FILE).write_bytes(content)
        try:
            for key, blob in store(folder).read(map(str, range(5))):
                assert blob.note == int(key)
                np.testing.assert_array_equal(blob.array, array + int(key))
            store(folder).put(numbered("9"))
        except ConfigError as error:
            assert str(folder) in error.message and error.remedy


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\x00" + bytes(3000)])
def test_a_damaged_file_is_an_error_with_the_folder_to_delete(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / FILE).write_bytes(content)
    for use in (lambda: dict(store(tmp_path).read(["1"])), lambda: store(tmp_path).put({})):
        with pytest.raises(ConfigError) as damage:
            use()
        assert f"Delete {tmp_path}" in damage.value.remedy


def test_a_file_without_its_table_is_damaged(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    with pytest.raises(ConfigError) as damage:
        dict(store(tmp_path).read(["1"]))
    assert f"Delete {tmp_path}" in damage.value.remedy


def test_a_folder_that_cannot_be_made_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError) as refused:
        store(tmp_path / "file").put(numbered("1"))
    assert "--cache" in refused.value.remedy
    with pytest.raises(ConfigError) as refused:
        Blobs(tmp_path / "file", "mattes").put(numbered("1"))
    assert "PACKSIGHT_MATTES_DIR" in refused.value.remedy and "--cache" not in refused.value.remedy


def test_a_full_disk_is_an_error_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def small(*given: Any, **more: Any) -> sqlite3.Connection:
        connection = connect(*given, **more)
        connection.execute("PRAGMA max_page_count = 4")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(ConfigError) as full:
        store(tmp_path).put({"1": Blob(np.zeros(10**6))})
    assert "full" in full.value.message and "Free some room" in full.value.remedy


def test_a_file_that_another_process_holds_for_too_long_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    store(tmp_path).put(numbered("1"))
    with closing(sqlite3.connect(tmp_path / FILE)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert values(store(tmp_path).read(["1"])) == {"1": [1] * 3}
        with pytest.raises(ConfigError) as held:
            store(tmp_path).put(numbered("2"))
    assert "Wait" in held.value.remedy
