"""The answers to many photos in a file, JSON Lines or CSV; a killed run of it can be finished."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Self

from filelock import FileLock, Timeout

from engine.errors import ConfigError, ImageError, PacksightError, StageError
from engine.files import write_lines
from engine.names import without_formula
from engine.types import Results
from online.results_json import results_json

_OF_HIT = ("rank", "product", "category", "uri", "score", "distance", "iou", "probability")
_COLUMNS = ("photo", *_OF_HIT, "views", "why", "verdict", "problem")

Line = dict[str, Any]  # a line of the file, with the keys of ``answer_json``


def answer_json(photo: str, answer: Results | ImageError | StageError) -> Line:
    """The keys of ``results_json``, or the problem and what mends it, behind the photo's name."""
    if isinstance(answer, Results):
        return {"photo": photo, **results_json(answer)}
    failed = f"{answer.stage} failed: " if isinstance(answer, StageError) else ""
    return {"photo": photo, "problem": f"{failed}{answer.reason}", "remedy": answer.remedy}


class HitsFile:
    """Lines are added to ``NAME.part``, beside the file; ``finish`` writes the file from it, whole,
    JSON Lines or CSV by its suffix, and deletes it. Use as a context manager.

    ``answered`` are the photos of the lines that were there, ``failed`` how many lines have a
    problem. ``query`` is what the answers depend on beside the photos. Raises ConfigError for
    another suffix, where the part is of another query and where another process writes it,
    PacksightError where it cannot be written.
    """

    def __init__(self, path: Path, query: Mapping[str, object]) -> None:
        if path.suffix.lower() not in (".csv", ".jsonl"):
            raise ConfigError(
                f"{path}: answers are written as JSON Lines or CSV.",
                remedy="Give a name that ends in .jsonl or .csv.",
            )
        self.path = path
        self.part = path.with_name(f"{path.name}.part")
        self.answered: list[str] = []
        self.failed = 0
        self._lock = FileLock(f"{self.part}.lock", timeout=0)
        with self._writing(), ExitStack() as opened:
            self._file: BinaryIO = opened.enter_context(self.part.open("a+b"))
            self._acquire()  # which would make a folder that is not there
            opened.callback(self._release)
            self._go_on({"query": dict(query)})
            self._opened = opened.pop_all()

    def _acquire(self) -> None:
        try:
            self._lock.acquire()
        except Timeout:
            raise ConfigError(
                f"{self.part}: another process is writing it.",
                remedy="Wait for it to end, or give another name with --out.",
            ) from None

    def _release(self) -> None:
        with suppress(OSError):
            Path(self._lock.lock_file).unlink()
        self._lock.release()

    def _go_on(self, head: Line) -> None:
        """Behind the last whole line; what a kill or a power cut left behind it is cut off."""
        self._file.seek(0)
        end = 0
        for number, raw in enumerate(self._file):
            line = _line(raw)
            if line is None:
                break
            if number == 0 and line != head:
                raise ConfigError(
                    f"{self.part}: holds the answers to another query, which was not finished.",
                    remedy="Finish that with its own command, delete the file, or give another "
                    "name with --out.",
                )
            if number > 0:
                self._count(line)
            end += len(raw)
        self._file.truncate(end)
        if end == 0:
            self._write(head)

    def add(self, line: Line) -> None:
        """It outlives this process, also where that is killed."""
        self._count(line)
        with self._writing():
            self._write(line)

    def finish(self) -> None:
        with self._writing():
            write_lines(self.path, self._lines())
            self._file.close()
            self.part.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._writing():  # what a full disk did not take before is tried again
            self._opened.close()

    def _count(self, line: Line) -> None:
        self.answered.append(line["photo"])
        self.failed += "problem" in line

    def _write(self, line: Line) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self._file.flush()

    def _lines(self) -> Iterator[str]:
        self._file.seek(0)
        next(self._file)
        lines = (raw.decode().removesuffix("\n") for raw in self._file)
        if self.path.suffix.lower() == ".jsonl":
            yield from lines
            return
        # With the mark that makes spreadsheets read UTF-8.
        yield "\ufeff" + _row(_COLUMNS)
        for line in lines:
            yield from _rows(json.loads(line))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PacksightError(
                f"{self.path}: the answers cannot be written: {error.strerror or error}.",
                remedy="Check the name, the folder's permissions and the free space.",
            ) from error


def _line(raw: bytes) -> Line | None:
    """None for what is no whole line."""
    try:
        line = json.loads(raw) if raw.endswith(b"\n") else None
    except ValueError:
        return None
    return line if isinstance(line, dict) else None


def _rows(line: Line) -> Iterator[str]:
    """A row a hit; one for a photo without any."""
    of_photo = {name: line.get(name) for name in ("photo", "verdict", "problem")}
    for hit in line.get("hits") or [{}]:
        found = {**hit, **of_photo}
        yield _row([_cell(found.get(name)) for name in _COLUMNS])


def _cell(value: object) -> str:
    return without_formula(value) if isinstance(value, str) else "" if value is None else str(value)


def _row(cells: tuple[str, ...] | list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()
