"""Find the image files and label files below a folder."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from engine.errors import ConfigError
from engine.galleries import is_gallery
from engine.images import SUPPORTED_SUFFIXES
from engine.object_stores import StoreError, StorePath


@dataclass(frozen=True)
class ImageFile:
    """One image file. ``relative`` is its path below the scanned folder, with slashes."""

    path: Path  # absolute
    relative: str
    size: int  # bytes
    mtime_ns: int
    ctime_ns: int
    inode: int

    @property
    def uri(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Refusal:
    """A file or folder that could not be used, the reason, and what mends it if that is known."""

    uri: str
    reason: str
    remedy: str = ""
    of: Literal["image", "labels", "folder"] = "image"

    def text(self) -> str:
        reason = self.reason if self.reason.startswith(self.uri) else f"{self.uri}: {self.reason}"
        return f"{reason} {self.remedy}".rstrip()


@dataclass
class Scan:
    """Image files in the order of their paths, files that may hold labels, and refusals."""

    images: list[ImageFile] = field(default_factory=list)
    label_files: list[Path] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    seen: int = 0  # files of any kind; a linked folder is one
    passed_over: Counter[str] = field(default_factory=Counter)  # of them, no images, by kind
    # All addresses below a folder of an object store, which answers slowly; None: look at the disk.
    listed: frozenset[str] | None = None


LABEL_FILES = tuple(
    f"{stem}.{suffix}"
    for stem in ("attributes", "labels")
    for suffix in ("csv", "json", "tsv", "xlsx")
)

# What file servers, Windows, macOS and Linux keep beside images: thumbnails, deleted files and
# whole copies of the volume. In lower case.
SYSTEM_FOLDERS = frozenset(
    {"@eadir", "@tmp", "@sharebin", "#recycle"}  # Synology
    | {"@recycle", "@transcode", ".@__thumb", ".@upload_cache"}  # QNAP
    | {"network trash folder", "temporary items", ".temporaryitems", ".appledb"}  # netatalk
    | {"$recycle.bin", "recycler", "system volume information"}  # Windows
    | {"__macosx", ".appledouble", ".appledesktop", ".trashes", ".trash"}  # macOS
    | {".spotlight-v100", ".fseventsd", ".documentrevisions-v100"}  # macOS
    | {"lost+found", ".recycle", ".thumbnails", ".thumb"}  # Linux, Samba
)
SYSTEM_FOLDER_STEMS = (".trash-", "found.0")  # .Trash-1000 of Linux, FOUND.000 of Windows
SNAPSHOT_FOLDERS = frozenset(
    {"#snapshot", "@snapshot", "@recently-snapshot", "@gmt_snapshots"}
    | {".snapshot", ".snapshots", "~snapshot", ".zfs"}
)
COUNTED_AS_ONE = ("linked folders", "folders of snapshots")  # what they hold is elsewhere, too
SYSTEM_FILES = frozenset(
    {"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "folder.htt"}
    | {".ds_store", "icon\r", ".directory", "picasa.ini", ".picasa.ini"}
)


def scan(folder: Path) -> Scan:
    """Walk the folder, without following links to folders; or list one of an object store.

    Hidden files and folders, those of systems, and galleries are passed over and counted. What
    cannot be read becomes a refusal and raises nothing; a store that cannot raises ConfigError.
    """
    result = Scan()
    root = folder.absolute()
    if isinstance(root, StorePath):
        return _listing(root)
    for directory, files in _walk(root, result):
        for name in files:
            _sort_in(Path(directory, name), root, result)
    result.images.sort(key=lambda file: file.relative)
    return result


def _walk(root: Path, result: Scan) -> Iterator[tuple[str, list[str]]]:
    def refuse(error: OSError) -> None:
        reason = f"folder cannot be read ({error.strerror})"
        result.refused.append(Refusal(printable(str(error.filename)), reason, of="folder"))

    for directory, folders, files in os.walk(root, onerror=refuse):
        kinds = {name: kind_of_folder(Path(directory, name)) for name in folders}
        folders[:] = sorted(name for name, kind in kinds.items() if not kind)
        for name, kind in kinds.items():
            if kind:
                count = 1 if kind in COUNTED_AS_ONE else _count_files(Path(directory, name))
                _pass_over(result, kind, count)
        result.seen += len(files)
        yield directory, sorted(files)


def _listing(root: StorePath) -> Scan:
    try:
        found = sorted(root.files_below())
    except OSError as error:
        remedy = error.remedy if isinstance(error, StoreError) else "Check its name."
        raise ConfigError(f"{root}: {error.strerror}.", remedy=remedy) from error
    if not found:
        raise ConfigError(f"{root}: no such folder.", remedy="Check its name.")
    result = Scan(seen=len(found), listed=frozenset(address for address, _ in found))
    for address, status in found:
        path = StorePath(address)
        if str(path) != address or not path.is_relative_to(root):
            reason = "its name has an empty part, or . for one, and is no path"
            result.refused.append(Refusal(printable(address), reason, "Rename it."))
            continue
        folders = path.relative_to(root).parent.parts
        if kind := next(filter(None, map(_kind_of_folder_name, folders)), ""):
            result.passed_over[kind] += 1
        else:
            _sort_in(path, root, result, status)
    result.images.sort(key=lambda file: file.relative)
    return result


def _sort_in(path: Path, root: Path, result: Scan, status: os.stat_result | None = None) -> None:
    """``status``: where it is known."""
    if kind := _kind_of_file(path):
        result.passed_over[kind] += 1
        if kind == "label tables":
            result.label_files.append(path)
    else:
        _add_image(path, root, result, status)


def kind_of_folder(folder: Path) -> str:
    """Why a folder is not entered; empty where it is."""
    if os.path.islink(folder):  # noqa: PTH114 - Path.is_symlink may raise
        return "linked folders"
    kind = _kind_of_folder_name(folder.name)
    return kind or ("files of galleries" if is_gallery(folder) else "")


def _kind_of_folder_name(name: str) -> str:
    name = name.lower()
    if name in SNAPSHOT_FOLDERS:
        return "folders of snapshots"
    if name in SYSTEM_FOLDERS or name.startswith(SYSTEM_FOLDER_STEMS):
        return "files in system folders"
    return "files in hidden folders" if name.startswith(".") else ""


def _kind_of_file(path: Path) -> str:
    """Why a file is not taken for an image; empty where it is."""
    name, suffix = path.name.lower(), path.suffix.lower()
    if name in SYSTEM_FILES or name.startswith("._"):
        return "system files"
    if name.startswith("."):
        return "hidden files"
    if name in LABEL_FILES:
        return "label tables"
    if suffix == ".json":  # what it holds belongs to the image beside it; see image_json
        return "JSON files"
    if suffix in SUPPORTED_SUFFIXES:
        return ""
    # What is longer is the end of a name that holds a dot.
    known = 1 < len(suffix) <= 12
    return f"{printable(suffix)} files" if known else "files without a suffix"


def _pass_over(result: Scan, kind: str, count: int) -> None:
    if count:
        result.seen += count
        result.passed_over[kind] += count


def _count_files(folder: Path) -> int:
    """Files below; those in folders that cannot be read are not seen."""
    return sum(len(files) for _, _, files in os.walk(folder))


def _add_image(path: Path, root: Path, result: Scan, status: os.stat_result | None = None) -> None:
    if printable(str(path)) != str(path):
        reason = "its name is not valid Unicode"
        result.refused.append(Refusal(printable(str(path)), reason, "Rename it."))
        return
    try:
        status = status or path.stat()
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        result.refused.append(Refusal(str(path), reason))
        return
    if not stat.S_ISREG(status.st_mode):
        result.refused.append(Refusal(str(path), "not a regular file"))
        return
    relative = path.relative_to(root).as_posix()
    stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    result.images.append(ImageFile(path, relative, *stamp))


def printable(text: str) -> str:
    """The text with bytes that are not UTF-8 shown as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
