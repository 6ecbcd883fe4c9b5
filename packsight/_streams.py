"""The standard streams of a command, however they are found: closed, full, or a terminal."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from engine.errors import PacksightError
from engine.names import without_controls


def settle_streams() -> None:
    """Replace the standard streams by ones that a command can write to without further care.

    Control characters are written as escapes: names of files may hold them, and a terminal obeys
    them. Standard output that cannot be written raises PacksightError, or BrokenPipeError where
    its reader has gone; what cannot be written to standard error is lost. ``as_found`` of a
    stream is the one that it replaces, for what draws on a terminal.
    """
    _open_what_is_closed()
    sys.stdout = _Output(sys.stdout)
    sys.stderr = _Errors(sys.stderr)


def _open_what_is_closed() -> None:
    """A file that is opened later, such as a database, must not become standard output."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The wrong way round, so that reading and writing fail as they do when closed.
            os.open(os.devnull, os.O_RDONLY if number else os.O_WRONLY)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            stream = open(number, "w" if number else "r", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


class _Output(io.TextIOWrapper):
    def __init__(self, stream: TextIO) -> None:
        super().__init__(
            stream.buffer,
            encoding=stream.encoding,
            errors="backslashreplace",  # names may hold bytes that are no text
            line_buffering=bool(stream.line_buffering),
        )
        self.as_found = stream

    def write(self, text: str) -> int:
        try:
            return super().write(without_controls(text, keep="\n\t"))
        except OSError as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        # What is left in the buffer would fail again when Python ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        self._report(error)

    def _report(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            raise error
        raise PacksightError(f"standard output cannot be written ({error.strerror}).") from error


class _Errors(_Output):
    def _report(self, error: OSError) -> None:
        pass
