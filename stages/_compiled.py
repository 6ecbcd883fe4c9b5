"""Networks as a runtime compiled them, kept in the user's cache: the next process starts sooner.

Each is a file that is whole or absent; several processes may share the folder. It never fails a
run: where the folder cannot be used, networks are compiled anew.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from engine.errors import ConfigError
from engine.files import is_being_written, replacing
from engine.types import UInt8Array
from engine.user_folders import expanded, user_cache

FOLDER_VARIABLE = "PACKSIGHT_RUNTIMES_DIR"
LIMIT = 2 * 10**9  # bytes
_SUFFIX = ".compiled"
_LENGTH = 8  # bytes at a file's end: the number of those before them

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CompiledNetworks:
    """Beyond ``limit`` bytes those that were not read for longest make room."""

    folder: Path
    limit: int = LIMIT

    @classmethod
    def of_user(cls) -> Self | None:
        """None where the user has no folder for it."""
        try:
            return cls(runtime_folder())
        except ConfigError as error:
            _log.warning("%s Networks are compiled anew.", error.message)
            return None

    def read(self, *key: str) -> UInt8Array | None:
        """What was kept by this key, mapped into memory and not read; None where nothing was, or
        the file was cut."""
        path = self._path(key)
        with suppress(OSError):  # none there, or another user's
            os.utime(path)
        try:
            # "c": OpenVINO takes no read-only memory. Nothing that is written reaches the file.
            content = np.memmap(path, np.uint8, "c")
        except (OSError, ValueError):  # an empty file is a ValueError
            return None
        whole = content[-_LENGTH:].tobytes() == _length(len(content) - _LENGTH)
        return content[:-_LENGTH] if whole else None

    def put(self, content: bytes, *key: str) -> None:
        if len(content) > self.limit:
            return
        path = self._path(key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as part, part.open("wb") as file:
                file.write(content)
                file.write(_length(len(content)))
            self._make_room()
        except OSError as error:
            _log.warning(
                "%s: a compiled network cannot be kept (%s); it is compiled at every start.",
                self.folder,
                error.strerror,
            )

    def count(self) -> tuple[int, int]:
        """How many networks there are, and their bytes."""
        sizes = [size for _, size, _ in self._files()]
        return len(sizes), sum(sizes)

    def clear(self) -> None:
        for _, _, path in self._files():
            path.unlink(missing_ok=True)

    def _path(self, key: tuple[str, ...]) -> Path:
        return self.folder / f"{hashlib.sha256(' '.join(key).encode()).hexdigest()}{_SUFFIX}"

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """When each was read last, its bytes and its path."""
        for path in self.folder.glob(f"*{_SUFFIX}"):
            if is_being_written(path):
                continue
            with suppress(FileNotFoundError):  # another process makes room
                status = path.stat()
                yield status.st_mtime, status.st_size, path

    def _make_room(self) -> None:
        files = sorted(self._files())
        excess = sum(size for _, size, _ in files) - self.limit
        for _, size, path in files:
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= size


def runtime_folder() -> Path:
    """What is known of the runtimes of this machine; may not exist yet. ConfigError where the user
    can have none."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return expanded(chosen) if chosen else user_cache("runtimes")


def _length(count: int) -> bytes:
    return count.to_bytes(_LENGTH, "little", signed=True)
