"""Mattes by key, kept between runs: two files that only grow, so that a killed run goes on.

``mattes.z`` holds each matte's grey levels as bytes, compressed; a line of ``mattes.jsonl`` says
whose matte lies where, how large it is and what its bytes add up to. The matte is written first:
a line says that its matte is whole. A line that is damaged, or whose matte is, costs that matte
alone, which is then made and written again.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engine.errors import ConfigError
from engine.types import Matte, UInt8Array

LEVELS = 255  # steps of alpha, as in any 8-bit mask file
# The least effort: 2 ms and 2.8 % of the bytes of a 1024 x 1024 matte (means of 20 of Packbench's);
# the most takes 11 ms for 2.2 %.
EFFORT = 1
DATA, INDEX, LOCK = "mattes.z", "mattes.jsonl", "mattes.lock"


@dataclass(frozen=True)
class _Place:
    """Where a matte lies in the data file."""

    start: int
    size: int  # compressed bytes
    height: int
    width: int
    checksum: int  # CRC-32 of the compressed bytes


class MatteStore:
    """Several processes may use one folder: what one has added, the others find.

    Raises ConfigError where the folder cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, _Place] = {}
        self._seen = 0  # bytes of the index that were read

    def get(self, keys: Sequence[str]) -> list[Matte | None]:
        """The mattes that are kept, aligned with the keys; of a key written twice, the last."""
        with self._files():
            self._refresh()
            if not any(key in self._places for key in keys):
                return [None] * len(keys)
            with (self._folder / DATA).open("rb") as data:
                return [self._read(data, self._places.get(key)) for key in keys]

    def put(self, mattes: Mapping[str, Matte]) -> None:
        """Keep mattes by their keys, as ``rounded`` to 8 bits."""
        from filelock import FileLock

        with self._files():
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / LOCK):
                self._append(mattes)

    def _append(self, mattes: Mapping[str, Matte]) -> None:
        lines = []
        with (self._folder / DATA).open("ab") as data:
            for key, matte in mattes.items():
                packed = zlib.compress(_levels(matte).tobytes(), EFFORT)
                height, width = matte.alpha.shape
                place = _Place(data.tell(), len(packed), height, width, zlib.crc32(packed))
                data.write(packed)
                lines.append(json.dumps([key, *astuple(place)]) + "\n")
        with (self._folder / INDEX).open("ab+") as index:
            if _cut_short(index):
                index.write(b"\n")  # what a kill left becomes a line of its own, and is skipped
            index.write("".join(lines).encode())

    def _refresh(self) -> None:
        """Read the lines that were added since, whole ones only."""
        index = self._folder / INDEX
        if not index.is_file() or index.stat().st_size < self._seen:
            self._places, self._seen = {}, 0  # somebody cleared the cache
        if not index.is_file():
            return
        with index.open("rb") as file:
            file.seek(self._seen)
            whole, end, _ = file.read().rpartition(b"\n")
        self._seen += len(whole) + len(end)
        self._places.update(_entries(whole.split(b"\n")))

    def _read(self, data: BinaryIO, place: _Place | None) -> Matte | None:
        """None where the matte is not there or not whole."""
        if place is None:
            return None
        data.seek(place.start)
        packed = data.read(place.size)
        if zlib.crc32(packed) != place.checksum:
            return None
        levels = np.frombuffer(zlib.decompress(packed), np.uint8)
        return _matte(levels.reshape(place.height, place.width))

    @contextmanager
    def _files(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigError(
                f"{self._folder}: mattes cannot be kept there ({error.strerror or error}).",
                remedy="Free some room, or choose another --cache; the same command goes on.",
            ) from error


def rounded(matte: Matte) -> Matte:
    """In steps of 1 / 255, as a store gives it back. What is >= 0.5 stays so, and what is below
    stays below: 0.5 lies between two steps, and is rounded up."""
    return _matte(_levels(matte))


def _levels(matte: Matte) -> UInt8Array:
    levels: UInt8Array = np.rint(matte.alpha * np.float32(LEVELS)).astype(np.uint8)
    return levels


def _matte(levels: UInt8Array) -> Matte:
    return Matte(levels.astype(np.float32) / np.float32(LEVELS))


def _cut_short(index: BinaryIO) -> bool:
    """Whether the last line has no end."""
    if index.seek(0, 2) == 0:
        return False
    index.seek(-1, 2)
    return index.read(1) != b"\n"


def _entries(lines: Sequence[bytes]) -> Iterator[tuple[str, _Place]]:
    for line in lines:
        try:
            key, *numbers = json.loads(line)
        except (TypeError, ValueError):
            continue
        if isinstance(key, str) and len(numbers) == 5 and all(type(n) is int for n in numbers):
            yield key, _Place(*numbers)
