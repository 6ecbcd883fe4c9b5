"""Pickles from a download: plain data comes through, code does not run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.errors import ConfigError
from offline.datasets._pickles import read_plain_pickle

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | arrays.arrays(
        st.sampled_from(["<i8", ">i4", "u1", "?", "<f4", ">f8"]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
        elements={"allow_nan": False},
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def as_lists(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {key: as_lists(item) for key, item in value.items()}
    return [as_lists(item) for item in value] if isinstance(value, list) else value


@given(value=plain, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_plain_data_and_arrays_come_back_as_lists(
    tmp_path: Path, value: Any, protocol: int
) -> None:
    file = tmp_path / "plain.pkl"
    file.write_bytes(pickle.dumps(value, protocol=protocol))
    assert read_plain_pickle(file) == as_lists(value)


def test_numbers_and_fortran_arrays_of_numpy_come_back(tmp_path: Path) -> None:
    table = np.asfortranarray(np.arange(6).reshape(2, 3))
    file = tmp_path / "numbers.pkl"
    file.write_bytes(pickle.dumps([np.int64(3), np.float32(0.5), table]))
    assert read_plain_pickle(file) == [3, 0.5, table.tolist()]


def test_files_of_the_older_numpy_are_read(tmp_path: Path) -> None:
    new = pickle.dumps({"easy": np.arange(3)}, protocol=2)
    old = new.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    assert old != new
    file = tmp_path / "old.pkl"
    file.write_bytes(old)
    assert read_plain_pickle(file) == {"easy": [0, 1, 2]}


class Runs:
    """Unpickled by the standard reader, it calls what it is made with."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    trace = tmp_path / "it-ran"
    file = tmp_path / "bad.pkl"
    for call in ((os.system, f"touch '{trace}'"), (eval, "1"), (open, str(trace), "w")):
        data = pickle.dumps({"imlist": Runs(*call)}, protocol=protocol)
        file.write_bytes(data)
        with pytest.raises(ConfigError, match="it holds"):
            read_plain_pickle(file)
    assert not trace.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cnumpy\nload\n.",
        b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00hextR.",
        b"c__builtin__\nbytes\n(I1000000000\ntR.",  # would fill the memory
        b"cnumpy.core.multiarray\n_reconstruct\n(N}X\x04\x00\x00\x00codeNstb.",  # a change
        b"cnumpy\ndtype\n.",  # a bare function as the value
        b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.dumps\x93.",  # by way of an attribute
        b"Pos\n.",
        b"\x80\x05\x95",
        b"",
        b"<!DOCTYPE html>",
    ],
)
def test_anything_else_is_refused_with_one_error(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "bad.pkl"
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=r"bad\.pkl"):
        read_plain_pickle(file)


def test_arrays_of_objects_and_impossible_shapes_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "bad.pkl"
    whole = pickle.dumps(np.arange(3, dtype="<i8"), protocol=2)
    for data in (
        pickle.dumps(np.array([{}, []], dtype=object)),
        pickle.dumps(np.array(["a"])),
        whole.replace(b"K\x03\x85", b"K\x04\x85"),
    ):
        assert data != whole
        file.write_bytes(data)
        with pytest.raises(ConfigError, match=r"bad\.pkl"):
            read_plain_pickle(file)


def test_lists_that_share_lists_do_not_blow_up(tmp_path: Path) -> None:
    bomb: list[Any] = [0]
    for _ in range(60):
        bomb = [bomb] * 10
    file = tmp_path / "bomb.pkl"
    file.write_bytes(pickle.dumps(bomb))
    assert file.stat().st_size < 2000  # and ten to the sixtieth zeros
    read = read_plain_pickle(file)
    assert isinstance(read, list) and read[0] is read[9]
    bomb.append(bomb)
    file.write_bytes(pickle.dumps(bomb))
    with pytest.raises(ConfigError, match="recursion"):
        read_plain_pickle(file)


def test_a_pickle_cannot_change_what_stands_in_for_numpy(tmp_path: Path) -> None:
    file = tmp_path / "bad.pkl"
    for name in (b"_codecs\nencode", b"numpy.core.multiarray\nscalar", b"numpy\ndtype"):
        for state in (b"N}X\x08\x00\x00\x00__code__Nst", b"}X\x04\x00\x00\x00codeNs"):
            mark = b"(" if state.startswith(b"N") else b""
            file.write_bytes(b"c" + name + b"\n" + mark + state + b"b.")
            with pytest.raises(ConfigError):
                read_plain_pickle(file)
    file.write_bytes(pickle.dumps([np.int64(3), b"\xff", np.arange(2)], protocol=2))
    assert read_plain_pickle(file) == [3, b"\xff", [0, 1]]
