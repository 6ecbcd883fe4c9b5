"""What a model runtime makes of an ONNX file: a network, ready to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Port:
    """An input or an output. ``type``: of its numbers, by NumPy's name where NumPy has the type.
    An axis of ``shape`` that may have any length is a name or None."""

    name: str
    type: str
    shape: tuple[int | str | None, ...]


class Network(Protocol):
    """Opened from a path or from a file's bytes; raises ``NotOpenedError`` where that fails."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def run(self, batch: Array, outputs: Sequence[int]) -> list[Array]:
        """The outputs of these indexes, from 0, of one contiguous batch in the input's type.

        One batch at a time; what it returns is the caller's own.
        """
        ...


class NotOpenedError(Exception):
    """A runtime cannot open a file; the message is the runtime's reason alone."""
