"""Find the image files and label files below a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.galleries import is_gallery
from engine.images import SUPPORTED_SUFFIXES


@dataclass(frozen=True)
class ImageFile:
    """One image file. ``relative`` is its path below the scanned folder, with slashes."""

    path: Path  # absolute
    relative: str
    size: int  # bytes
    mtime_ns: int

    @property
    def uri(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Refusal:
    """A file or folder that could not be used, the reason, and what mends it if that is known."""

    uri: str
    reason: str
    remedy: str = ""

    def text(self) -> str:
        reason = self.reason if self.reason.startswith(self.uri) else f"{self.uri}: {self.reason}"
        return f"{reason} {self.remedy}".rstrip()


@dataclass
class Scan:
    """Image files in the order of their paths, files that may hold labels, and refusals."""

    images: list[ImageFile] = field(default_factory=list)
    label_files: list[Path] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    ignored: int = 0  # files whose suffix is not an image's


LABEL_FILES = tuple(
    f"{stem}.{suffix}"
    for stem in ("attributes", "labels")
    for suffix in ("csv", "json", "tsv", "xlsx")
)


def scan(folder: Path) -> Scan:
    """Walk the folder, without following links to folders.

    Hidden files and folders, and galleries, are skipped. What cannot be read becomes a refusal
    and raises nothing.
    """
    result = Scan()
    root = folder.absolute()
    for directory, files in _walk(root, result):
        for name in files:
            _sort_in(Path(directory, name), root, result)
    result.images.sort(key=lambda file: file.relative)
    return result


def _walk(root: Path, result: Scan) -> Iterator[tuple[str, list[str]]]:
    def refuse(error: OSError) -> None:
        reason = f"folder cannot be read ({error.strerror})"
        result.refused.append(Refusal(printable(str(error.filename)), reason))

    for directory, folders, files in os.walk(root, onerror=refuse):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and not is_gallery(Path(directory, name))
        )
        yield directory, sorted(name for name in files if not name.startswith("."))


def _sort_in(path: Path, root: Path, result: Scan) -> None:
    suffix = path.suffix.lower()
    if path.name.lower() in LABEL_FILES:
        result.label_files.append(path)
    elif suffix == ".json":
        pass  # the attributes of the image beside it; see offline.ingest.labels
    elif suffix not in SUPPORTED_SUFFIXES:
        result.ignored += 1
    else:
        _add_image(path, root, result)


def _add_image(path: Path, root: Path, result: Scan) -> None:
    if printable(str(path)) != str(path):
        reason = "its name is not valid Unicode: rename it"
        result.refused.append(Refusal(printable(str(path)), reason))
        return
    try:
        status = path.stat()
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        result.refused.append(Refusal(str(path), reason))
        return
    if not stat.S_ISREG(status.st_mode):
        result.refused.append(Refusal(str(path), "not a regular file"))
        return
    relative = path.relative_to(root).as_posix()
    result.images.append(ImageFile(path, relative, status.st_size, status.st_mtime_ns))


def printable(text: str) -> str:
    """The text with bytes that are not UTF-8 shown as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
