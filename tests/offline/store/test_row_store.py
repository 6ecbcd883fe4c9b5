"""Rows by key in files that only grow: what was whole stays, what a kill cut short goes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from offline.store.row_store import RowStore


def filled(folder: Path) -> RowStore:
    store = RowStore(folder, "rows")
    store.append(["a", "b"], np.array([[1, 2], [3, 4]], np.float32))
    store.append(["c"], np.array([[5, 6]], np.float32))
    return store


def test_rows_are_found_by_their_keys_in_any_later_process(tmp_path: Path) -> None:
    filled(tmp_path)
    rows = RowStore(tmp_path, "rows").read()
    assert rows.at == {"a": 0, "b": 1, "c": 2}
    assert rows.values.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_an_empty_store_has_no_rows(tmp_path: Path) -> None:
    store = RowStore(tmp_path, "rows")
    store.mend()
    rows = store.read()
    assert rows.at == {} and rows.values.shape == (0, 0)


def test_the_last_row_of_a_key_counts(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.append(["a"], np.array([[9, 9]], np.float32))
    rows = store.read()
    assert rows.values[rows.at["a"]].tolist() == [9, 9]


def test_rows_of_another_length_are_refused(tmp_path: Path) -> None:
    store = filled(tmp_path)
    with pytest.raises(ValueError, match="rows of 2 numbers, not of 3"):
        store.append(["d"], np.zeros((1, 3), np.float32))
    with pytest.raises(ValueError, match="2 keys for 1 rows"):
        store.append(["d", "e"], np.zeros((1, 2), np.float32))


@given(
    data_cut=st.integers(0, 24),
    index_cut=st.integers(0, 27),
    rubbish=st.sampled_from([b"", b"x", b'["d"', b'["d", 3]\n', b"\xff\n"]),
)
def test_after_any_cut_the_whole_rows_are_left_and_more_can_be_added(
    data_cut: int, index_cut: int, rubbish: bytes
) -> None:
    # With every line gone, a line of another length is an index like any other.
    assume(not (index_cut == 27 and rubbish == b'["d", 3]\n'))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = filled(folder)
        _cut(folder / "rows.f32", data_cut, b"")
        _cut(folder / "rows.jsonl", index_cut, rubbish)
        store.mend()
        rows = store.read()
        count = len(rows.at)
        assert count <= min((24 - data_cut) // 8, 3)
        assert rows.values.tolist() == [[1, 2], [3, 4], [5, 6]][:count]
        store.append(["new"], np.array([[7, 8]], np.float32))
        after = store.read()
        assert after.values[after.at["new"]].tolist() == [7, 8]
        assert len(after.at) == count + 1


def test_only_what_was_cut_is_lost(tmp_path: Path) -> None:
    store = filled(tmp_path)
    _cut(tmp_path / "rows.f32", 3, b"")
    store.mend()
    assert store.read().at == {"a": 0, "b": 1}
    assert (tmp_path / "rows.f32").stat().st_size == 16


def _cut(path: Path, count: int, more: bytes) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - count] + more)
