"""Paths in object stores, such as s3://bucket/folder: as ``pathlib`` has them, read by fsspec.

Credentials and endpoints are those of the stores' own tools: variables of the environment and
their files. fsspec is imported when a store is first read.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path, PosixPath
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class _Kind:
    """A kind of store: the package that reads it, how that is installed, and how users log in."""

    package: str
    install: str
    log_in: str


_S3 = _Kind(
    "s3fs",
    "packsight[s3]",
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; AWS_ENDPOINT_URL is the "
    "address of a store that is not Amazon's.",
)
_GOOGLE = _Kind(
    "gcsfs",
    "gcsfs",
    "Log in with `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS.",
)
_AZURE = _Kind(
    "adlfs",
    "adlfs",
    "Set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or "
    "AZURE_STORAGE_CONNECTION_STRING.",
)
_MEMORY = _Kind("fsspec", "packsight[s3]", "")  # of this process alone: what tests use
KINDS: Mapping[str, _Kind] = {
    "s3": _S3,
    "gs": _GOOGLE,
    "gcs": _GOOGLE,
    "az": _AZURE,
    "abfs": _AZURE,
    "memory": _MEMORY,
}
ADDRESSES = "s3://, gs:// or az://"  # as errors and help name them

# One slash is enough: pathlib makes one of two.
_ADDRESS = re.compile(rf"({'|'.join(KINDS)}):/+", re.IGNORECASE)
_LARGEST = 512 * 2**20  # bytes that are read of an object; images and tables have limits below it


class StoreError(OSError):
    """A store that cannot be read; ``strerror`` is the reason, ``remedy`` what mends it."""

    def __init__(self, path: str, reason: str, remedy: str = "", number: int = errno.EIO) -> None:
        super().__init__(number, reason, path)
        self.remedy = remedy


class StorePath(PosixPath):
    """An object or a folder of objects. What it cannot read raises OSError, as files do."""

    def __str__(self) -> str:
        return _ADDRESS.sub(lambda found: f"{found[1].lower()}://", super().__str__(), count=1)

    def absolute(self) -> StorePath:
        return self

    def resolve(self, strict: bool = False) -> StorePath:
        return self

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Size, date, and for an inode a number made of the entity tag: another content has
        another."""
        store, name = _store(self)
        with _translated(self):
            return _status(store.info(name))

    def read_bytes(self, most: int = _LARGEST) -> bytes:
        """At most so many, of a larger object none: OSError (EFBIG)."""
        store, name = _store(self)
        with _translated(self):
            try:
                data = store.cat_file(name, start=0, end=most + 1)
            except OSError:
                # S3 has no range of what is empty.
                if store.info(name)["size"]:
                    raise
                return b""
        if len(data) > most:
            raise StoreError(str(self), f"has more than {most:,} bytes", number=errno.EFBIG)
        return bytes(data)

    def open(self, mode: str = "rb", *_: object, **__: object) -> BinaryIO:  # type: ignore[override]
        """To read alone; the whole object is held."""
        if mode != "rb":
            raise StoreError(str(self), "is only read", number=errno.EROFS)
        return io.BytesIO(self.read_bytes())

    def files_below(self) -> Iterator[tuple[str, os.stat_result]]:
        """Addresses of all objects below, in no order; OSError."""
        store, name = _store(self)
        scheme = self.parts[0]
        with _translated(self):
            found = store.find(name, detail=True)
        for object_name, details in found.items():
            if details.get("type") == "file" and not object_name.endswith("/"):
                yield f"{scheme}//{object_name.lstrip('/')}", _status(details)


def path_of(given: str | Path) -> Path:
    """A path on a disk, also for file://, or that in an object store that an address names."""
    text = str(given)
    if _ADDRESS.match(text):
        return StorePath(_ADDRESS.sub(lambda found: found[0].lower(), text, count=1))
    if text.lower().startswith("file://"):
        return Path(unquote(urlsplit(text).path))
    return given if isinstance(given, Path) else Path(given)


def is_stored(path: str | Path) -> bool:
    """Whether it is a path in an object store, or the address of one."""
    return isinstance(path, StorePath) or _ADDRESS.match(str(path)) is not None


@cache
def _opened(scheme: str) -> Any:
    """The one connection of this process to a kind of store; without a cache of listings."""
    import fsspec

    return fsspec.filesystem(scheme, use_listings_cache=False)


def _store(path: StorePath) -> tuple[Any, str]:
    """What reads it, and the name that it has there."""
    scheme, *rest = path.parts
    with _translated(path):
        return _opened(scheme.rstrip(":").lower()), "/".join(rest)


@contextmanager
def _translated(path: StorePath) -> Iterator[None]:
    """What a store raises, of whatever kind, as OSError with a reason and what mends it."""
    kind = KINDS[path.parts[0].rstrip(":").lower()]
    try:
        yield
    except StoreError:
        raise
    except FileNotFoundError as error:
        bucket = "bucket" in str(error) and "exist" in str(error)
        reason = "no such bucket" if bucket else "no such object"
        raise FileNotFoundError(errno.ENOENT, reason, str(path)) from error
    except ImportError as error:
        raise StoreError(
            str(path),
            f"is read by {kind.package}, which is not installed",
            f'Install it with: pip install "{kind.install}"',
        ) from error
    except Exception as error:  # every store has exceptions of its own
        names = {one.__name__ for one in type(error).__mro__}
        text = " ".join(str(error).split())[:200]
        if isinstance(error, PermissionError):
            raise StoreError(
                str(path), f"access denied: {text}", kind.log_in, errno.EACCES
            ) from error
        if any("Credential" in name for name in names) or "credential" in text.lower():
            raise StoreError(str(path), f"no credentials: {text}", kind.log_in) from error
        if any("Connect" in name or "Timeout" in name for name in names):
            reason = f"the store cannot be reached: {text}"
            raise StoreError(str(path), reason, kind.log_in) from error
        raise StoreError(str(path), text or type(error).__name__) from error


def _status(details: Mapping[str, Any]) -> os.stat_result:
    tag = str(details.get("ETag") or details.get("etag") or "").strip('"')
    changed = _nanoseconds(details)
    if tag:  # a listing may have milliseconds where the object itself has seconds
        changed -= changed % 10**9
    digest = hashlib.sha256(tag.encode()).digest()
    inode = int.from_bytes(digest[:8], "big") >> 1 if tag else 0  # databases have 63 bits
    kind = stat.S_IFREG if details.get("type") == "file" else stat.S_IFDIR
    seconds = changed // 10**9
    numbers = (kind, inode, 0, 1, 0, 0, int(details.get("size") or 0), seconds, seconds, seconds)
    return os.stat_result(numbers, {"st_mtime_ns": changed, "st_ctime_ns": changed})


def _nanoseconds(details: Mapping[str, Any]) -> int:
    """When the object was stored; 0 where a store keeps no date."""
    for key in ("LastModified", "last_modified", "mtime", "updated", "created"):
        value = details.get(key)
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            value = value.timestamp()
        if isinstance(value, int | float):
            return round(value * 10**6) * 1000
    return 0
