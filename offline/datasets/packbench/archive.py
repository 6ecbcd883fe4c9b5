"""The shipped benchmark: one archive in the package, unpacked once into the user's cache.

Single files would be 929 of the wheel's 1,500. How it is made again, after a change of the
benchmark (see CONTRIBUTING.md):

    packsight data packbench --preset tiny --out DIR
    python -m offline.datasets.packbench.archive DIR

and the checksum that is printed becomes ``SHA256``.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zipfile
from importlib.resources import files
from pathlib import Path

from engine.errors import ConfigError
from engine.files import file_sha256, replacing
from engine.user_folders import expanded, user_cache
from offline.datasets.packbench.manifest import HEADER_FILE

NAME = "packbench-tiny"  # by which ``open_dataset`` and ``--data`` know it
ARCHIVE = Path(str(files("offline.datasets.packbench"))) / "tiny.zip"
SHA256 = "dd2409b05694231e457066b5d4a31f6368c37ce698191c0835461f4712d444e0"
DIRECTORY_VARIABLE = "PACKSIGHT_DATA_DIR"

_OLDEST = (1980, 1, 1, 0, 0, 0)  # zip knows no earlier date


def data_directory() -> Path:
    """``PACKSIGHT_DATA_DIR``, else the data folder in the user's cache; may not exist yet."""
    named = os.environ.get(DIRECTORY_VARIABLE)
    if named:
        return expanded(named)
    return user_cache("data")


def unpacked(archive: Path = ARCHIVE, checksum: str = SHA256) -> Path:
    """The folder of the shipped benchmark, unpacked where it is not there yet (0.3 s).

    The archive's checksum is part of the folder's name, so that versions of Packsight do not
    meet. Unpacked beside and renamed, whatever other processes unpack and whenever one is killed;
    a folder that lost files, as when a cache is cleaned, is replaced. Raises ConfigError for a
    cache that cannot be written and for a damaged archive.
    """
    folder = data_directory() / f"{NAME}-{checksum[:12]}"
    if _whole(folder, archive):
        return folder
    _check(archive, checksum)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _unpack(archive, folder)
    except OSError as error:
        raise ConfigError(
            f"{folder}: the shipped data set cannot be unpacked ({error.strerror}).",
            remedy=f"Name a folder that can be written in {DIRECTORY_VARIABLE}.",
        ) from error
    return folder


def _whole(folder: Path, archive: Path) -> bool:
    """Whether every file is there in its size (10 ms); nothing reads their contents."""
    if not (folder / HEADER_FILE).is_file():
        return False
    try:
        with zipfile.ZipFile(archive) as packed:
            return all(
                (folder / entry.filename).stat().st_size == entry.file_size
                for entry in packed.infolist()
            )
    except (OSError, zipfile.BadZipFile):
        return False


def _check(archive: Path, checksum: str) -> None:
    try:
        digest = file_sha256(archive)
    except OSError as error:
        raise ConfigError(
            f"{archive}: cannot be read ({error.strerror}).", remedy="Install packsight again."
        ) from error
    if digest != checksum:
        raise ConfigError(
            f"{archive}: sha256 {digest[:12]}…, expected {checksum[:12]}….",
            remedy="Install packsight again.",
        )


def _unpack(archive: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{NAME}-", dir=folder.parent) as beside:
        whole = Path(beside) / NAME
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(whole)
        try:
            whole.rename(folder)
        except OSError:
            if _whole(folder, archive):
                return  # another process was first
            shutil.rmtree(folder, ignore_errors=True)  # an incomplete one
            whole.rename(folder)


def pack(folder: Path, archive: Path) -> str:
    """Write a benchmark as an archive; returns its sha256.

    The same files give the same bytes on every platform: sorted names, one date, and nothing is
    compressed, as images and wheels are already.
    """
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    with replacing(archive) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as packed:
        for name in names:
            entry = zipfile.ZipInfo(name, _OLDEST)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # Unix, -rw-r--r--
            packed.writestr(entry, (folder / name).read_bytes())
    return file_sha256(archive)


if __name__ == "__main__":
    print(f'SHA256 = "{pack(Path(sys.argv[1]), ARCHIVE)}"')
