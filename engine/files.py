"""Files that are whole: written beside their place, synced and renamed in; and their digests.

Everything is synced, the file before the rename and the folder after it. A rename may reach the
disk before the content does: after a power cut the name would stand over an empty file, and the
older file would be gone. What is reported, noted in a database or named by another file as
written must still be there then. A sync costs some milliseconds, which no writer here notices:
they describe, train or render for longer.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_PART = ".packsight-"  # what the names of files that are being written begin with
_HOUR = 3600.0
# Folders that cannot be synced: on some network mounts, or those that may be written and not read.
_UNSYNCABLE = (errno.EINVAL, errno.ENOTSUP, errno.EACCES)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to in place of ``path``: renamed there when the block ends, and durable.

    It lies in the same folder, which must exist, and ends in the same suffix, by which savers
    choose a format. Where the block or the disk fails (OSError), nothing is left beside and an
    older file stays whole. Safe for several writers of one path: the last to finish wins.
    A device or a pipe, such as /dev/stdout, is written to itself and not replaced by a file.
    """
    if _is_device(path):
        yield path
        return
    # Of a fixed length: file names end at 255 bytes, and that of ``path`` may be that long.
    part = path.with_name(f"{_PART}{secrets.token_hex(8)}.part{path.suffix}")
    try:
        yield part
        _sync(part)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def is_being_written(path: Path) -> bool:
    """Whether it is the part of a writer who may be at work: one that was killed an hour ago is
    not."""
    if not path.name.startswith(_PART):
        return False
    with suppress(OSError):
        return time.time() - path.stat().st_mtime < _HOUR
    return True


def remove_parts(folder: Path) -> None:
    """Delete what killed writers left in ``folder`` and below; only while no writer is at work."""
    for part in folder.rglob(f"{_PART}*.part*"):
        with suppress(OSError):
            part.unlink()


def write_whole(path: Path, content: str | bytes) -> None:
    """The whole file, text as UTF-8 with its line ends as they are; OSError as of ``replacing``."""
    write_all({path: content})


def write_all(contents: Mapping[Path, str | bytes]) -> None:
    """As ``write_whole`` of several files: none is replaced before all are written."""
    with ExitStack() as stack:
        for path, content in contents.items():
            part = stack.enter_context(replacing(path))
            part.write_bytes(content.encode() if isinstance(content, str) else content)


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """As ``write_whole`` of lines that need not fit into memory; returns how many there were."""
    count = 0
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(f"{line}\n")
            count += 1
    return count


def file_sha256(path: Path) -> str:
    """64 hex digits; read in pieces. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut; nothing where folders cannot be synced."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _UNSYNCABLE:
            raise


def _is_device(path: Path) -> bool:
    """Also where /dev/stdout leads to a file: the file is open, and must not become another."""
    folder = path.parent.resolve()
    if folder in (Path("/dev"), Path("/dev/fd")) or folder.is_relative_to("/proc"):
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _sync(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())
