"""Read a pickle that came with a download, without running anything in it.

A pickle is a program: it may import and call what it likes. Here it may build containers, text
and numbers, and arrays of numbers as numpy writes them; these become plain lists, so that not
even numpy parses a hostile state. See the Python manual, pickle, "Restricting Globals".
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ConfigError


def read_plain_pickle(file: Path) -> object:
    """The pickle's dict, list, tuple, str, bytes, numbers or None; arrays as lists.

    Raises ConfigError for a file that is cut off, is no pickle, or holds anything else.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}).") from error
    try:
        return _plain(_Unpickler(io.BytesIO(data), encoding="latin1").load(), {})
    except Exception as error:  # a damaged pickle makes the unpickler raise anything
        reason = str(error) or type(error).__name__
        raise ConfigError(
            f"{file}: not a pickle of plain lists, text and numbers ({reason}).",
            remedy="Download it again from its authors, or convert it to JSON.",
        ) from error


class _Dtype:
    """Stands in for numpy's dtype: its code such as "i8", and its byte order, set as a state."""

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
    """Stands in for numpy's array; its content is set as a state."""

    def __init__(self, *_: object) -> None:
        self.values: object = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        self.values = dtype.numbers(data).reshape(shape, order="F" if fortran else "C").tolist()


class _Unpickler(pickle.Unpickler):
    """Finds stand-ins only: classes, and bound methods, which a pickle can call and not change."""

    def find_class(self, module: str, name: str) -> object:
        # numpy 2 renamed its core, Python 3 its builtins; files of both are about.
        module = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
        allowed: dict[str, object] = {
            "numpy.dtype": _Dtype,
            "numpy.ndarray": "ndarray",  # only ever an argument of _reconstruct
            "numpy.core.multiarray._reconstruct": _Array,
            "numpy.core.multiarray.scalar": self._scalar,
            "numpy.core.numeric._frombuffer": self._buffered,
            "_codecs.encode": self._encoded,
            "builtins.bytes": self._no_bytes,
        }
        if f"{module}.{name}" not in allowed:
            raise pickle.UnpicklingError(f"it holds {module}.{name}")
        return allowed[f"{module}.{name}"]

    def _scalar(self, dtype: _Dtype, data: bytes) -> object:
        return dtype.numbers(data)[0].item()

    def _buffered(self, data: Any, dtype: _Dtype, shape: tuple[int, ...], order: str) -> _Array:
        """An array as pickle protocol 5 has it."""
        array = _Array()
        array.__setstate__((1, shape, dtype, order == "F", data))
        return array

    def _encoded(self, text: str, encoding: str) -> bytes:
        """Bytes as Python 3 writes them for Python 2; the real function imports codecs by name."""
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"bytes encoded as {encoding!r}")
        return text.encode("latin1")

    def _no_bytes(self) -> bytes:
        """Protocol 2 calls ``bytes`` without arguments; with a number it could fill the memory."""
        return b""


def _plain(value: object, done: dict[int, object]) -> object:
    """The value with every array in it as lists. ``done``, by id, keeps shared parts shared:

    a few hundred bytes can name one list in a list ten times, and so on, ten levels deep.
    """
    if id(value) in done:
        return done[id(value)]
    plain: object
    if isinstance(value, _Array):
        plain = value.values
    elif isinstance(value, dict):
        plain = {key: _plain(item, done) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        plain = [_plain(item, done) for item in value]
    elif value is None or isinstance(value, str | bytes | int | float):
        plain = value
    else:
        raise pickle.UnpicklingError(f"it holds a {type(value).__name__}")
    done[id(value)] = plain
    return plain
