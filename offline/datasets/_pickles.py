"""Reading a pickle that came with a download, without running anything in it.

A pickle is a program: it may import and call what it likes. Here it may build containers, text
and numbers, and arrays of numbers as numpy writes them; these become plain lists, so not even
numpy sees what the file says. See the Python manual, pickle, "Restricting Globals".
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ConfigError


def read_plain_pickle(file: Path) -> object:
    """What the pickle holds: dict, list, tuple, str, bytes, numbers, None; arrays as lists.

    Raises ConfigError for a file that is cut off, is no pickle, or asks for anything else.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}).") from error
    try:
        return _plain(_Unpickler(io.BytesIO(data), encoding="latin1").load(), {})
    except Exception as error:  # a damaged pickle makes the machine in it raise anything
        reason = str(error) or type(error).__name__
        raise ConfigError(
            f"{file}: not a pickle of plain lists, text and numbers ({reason}).",
            remedy="Download it again from its authors, or convert it to JSON.",
        ) from error


class _Type:
    """A numpy dtype: its code such as "i8", and its byte order, which comes as a state."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        self.code = code.decode("ascii") if isinstance(code, bytes) else code
        self.order = "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = "" if state[1] == "|" else state[1]

    def numbers(self, data: bytes | str) -> np.ndarray[Any, Any]:
        raw = data.encode("latin1") if isinstance(data, str) else bytes(data)
        dtype = np.dtype(self.order + self.code)
        if dtype.kind not in "biuf":
            raise pickle.UnpicklingError(f"an array of {dtype} is not one of numbers")
        return np.frombuffer(raw, dtype)


class _Array:
    """A numpy array; its content comes as a state."""

    values: object = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, data = state
        self.values = kind.numbers(data).reshape(shape, order="F" if fortran else "C").tolist()


def _buffered(data: Any, kind: _Type, shape: tuple[int, ...], order: str) -> _Array:
    """An array as pickle protocol 5 has it."""
    array = _Array()
    array.__setstate__((1, shape, kind, order == "F", data))
    return array


def _encoded(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes for Python 2; the real one would import codecs by name."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes encoded as {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """The only way in which protocol 2 calls ``bytes``; with a number it could fill the memory."""
    return b""


class _Callable:
    """Stands in the pickle for a function; what it stands for cannot be reached or changed."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., object]) -> None:
        self._make = make

    def __call__(self, *arguments: object) -> object:
        return self._make(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("a function cannot be changed")


# numpy 2 renamed its core; files of both are about.
_ALLOWED: dict[tuple[str, str], Callable[..., object] | str] = {
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): "ndarray",  # only ever handed to _reconstruct
    ("_codecs", "encode"): _encoded,
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "bytes"): _no_bytes,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", lambda *_: _Array()),
            ("multiarray", "scalar", lambda kind, data: kind.numbers(data)[0].item()),
            ("numeric", "_frombuffer", _buffered),
        )
    },
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        found = _ALLOWED.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return found if isinstance(found, str) else _Callable(found)


def _plain(value: object, done: dict[int, object]) -> object:
    """The value with every array in it as lists. ``done``, by id, keeps shared parts shared:

    a few hundred bytes can name one list in a list ten times, and so on, ten levels deep.
    """
    if id(value) in done:
        return done[id(value)]
    made: object
    if isinstance(value, _Array):
        made = value.values
    elif isinstance(value, dict):
        made = {key: _plain(one, done) for key, one in value.items()}
    elif isinstance(value, list | tuple):
        made = [_plain(one, done) for one in value]
    elif value is None or isinstance(value, str | bytes | int | float):
        made = value
    else:
        raise pickle.UnpicklingError(f"it holds a {type(value).__name__}")
    done[id(value)] = made
    return made
