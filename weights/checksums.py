"""Checksums in the form in which they were published, and the digests of files.

Hashing a 100 MB checkpoint takes longer than a query, so digests are cached by
``cached_digests``; ``packsight weights verify`` always reads the whole file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from engine.files import write_whole

Form = Literal["sha256", "sha256_prefix", "md5"]

_LENGTHS = {"sha256": (64, 64), "sha256_prefix": (8, 63), "md5": (32, 32)}
_CHUNK = 1 << 20  # bytes

# A file changed twice within one tick of the file system's clock (4 ms on a 250 Hz kernel) would
# have the same time stamp: digests of a file this new are not cached.
_YOUNG_NS = 50_000_000


@dataclass(frozen=True)
class Checksum:
    """A published checksum of a file; a prefix has at least eight hex digits."""

    form: Form
    value: str

    def __post_init__(self) -> None:
        if self.form not in get_args(Form):
            raise ValueError(f"checksum form must be one of {get_args(Form)}, not {self.form!r}")
        low, high = _LENGTHS[self.form]
        if not re.fullmatch(rf"[0-9a-f]{{{low},{high}}}", self.value):
            raise ValueError(f"{self.form} needs {low} to {high} lower-case hex digits")

    def found(self, digests: Digests) -> str:
        """The digest to compare with ``value``, cut to its length."""
        digest = digests.md5 if self.form == "md5" else digests.sha256
        return digest[: len(self.value)]

    def matches(self, digests: Digests) -> bool:
        return self.found(digests) == self.value

    def __str__(self) -> str:
        return f"{self.form} {self.value}"


@dataclass(frozen=True)
class Digests:
    """One reading of a file."""

    size: int  # bytes
    sha256: str
    md5: str


def digests_of(path: Path) -> Digests:
    """Read the whole file once; OSError when it cannot be read."""
    # md5 is compared with what rembg and Keras publish; it guards against damage, not malice.
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
            md5.update(chunk)
            size += len(chunk)
    return Digests(size, sha256.hexdigest(), md5.hexdigest())


def cached_digests(path: Path, memory: Path) -> Digests:
    """Digests of a file, cached in the folder ``memory`` while the file stays untouched.

    Untouched means: same inode, size, modification and change time in nanoseconds. Writing to a
    file, replacing it or setting its modification time back all move the change time, which no
    ordinary program can set. Not detected are silent disk corruption and an attacker with write
    access to the cache folder, who could replace the checkpoint and this note together.
    """
    note = memory / f"{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:32]}.json"
    before = _stamp(path)
    remembered = _read_note(note, before)
    if remembered is not None:
        return remembered
    digests = digests_of(path)
    if _stamp(path) == before and time.time_ns() - path.stat().st_ctime_ns > _YOUNG_NS:
        _write_note(note, before, digests)
    return digests


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    ]


def _read_note(note: Path, stamp: list[int]) -> Digests | None:
    try:
        content = json.loads(note.read_text("utf-8"))
        if content["stamp"] != stamp:
            return None
        return Digests(**content["digests"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent or torn: hash again


def _write_note(note: Path, stamp: list[int], digests: Digests) -> None:
    # A cache folder that cannot be written costs time, not correctness.
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        write_whole(note, json.dumps({"stamp": stamp, "digests": asdict(digests)}))
