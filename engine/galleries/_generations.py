"""The generations of a local gallery: where each lies, and the file that names the one in use.

The first lies in the folder itself, as all galleries did before there were others; further ones are
folders below. Curation, jobs and uploads lie in the folder and belong to none.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

from filelock import FileLock

from engine.errors import DamageError, GalleryError
from engine.files import sync_folder, write_whole
from engine.galleries import _folder, _query_file, _rows, _schema
from engine.manifest import Generations, Manifest

FIRST = "1"
_DELETED = ".deleted"  # ends the name of a generation's folder that is being deleted


@dataclass(frozen=True)
class _Pointer:
    """One line of JSON: the generation in use, the one before it, and since when."""

    current: str
    before: str | None
    since: str


def is_gallery(folder: Path) -> bool:
    """Whether a gallery lies in this folder; opens nothing. False where that cannot be seen."""
    try:
        return (folder / _schema.POINTER).is_file() or _folder.holds_database(folder)
    except OSError:
        return False


def exists(folder: Path) -> bool:
    """Whether the generation in use was created to the end."""
    with _schema.translated(folder):
        return _folder.is_initialised(_place(folder, _current(folder)))


def identity(folder: Path, generation: str | None = None) -> str:
    """The folder, the generation (None: in use) and its database file, which a gallery that is made
    anew does not share."""
    try:
        name = _current(folder) if generation is None else generation
        database = _place(folder, name) / _schema.DATABASE
        return f"{folder.absolute()}:{name}:{database.stat().st_ino}"
    except (OSError, GalleryError):
        return f"{folder.absolute()}:"


def found(folder: Path, generation: str | None, *, write: bool) -> tuple[Path, FileLock | None]:
    """Where a generation lies, None for the one in use, and the writer's lock of it. GalleryError
    where it is not there or locked; OSError."""
    while True:
        name = _current(folder) if generation is None else generation
        place = _place(folder, name)
        if not _folder.holds_database(place):
            raise _folder.none_here(folder) if generation is None else _not_there(folder, name)
        if not write:
            return place, None
        lock = _folder.lock(place, folder)
        try:
            # Else another came into use before this one was locked.
            if generation is not None or _current(folder) == name:
                return place, lock
        except BaseException:
            lock.release()
            raise
        lock.release()


def read(folder: Path) -> Generations:
    with _schema.translated(folder):
        if not is_gallery(folder):
            raise _folder.none_here(folder)
        pointer = _pointer(folder)
        names = tuple(_names(folder))
        if pointer is None:
            return Generations(FIRST, names)
        before = pointer.before if pointer.before in names else None
        return Generations(pointer.current, names, before, pointer.since)


def add(folder: Path, manifest: Manifest) -> str:
    """See ``Home.add_generation``."""
    there = read(folder)
    wanted = Manifest.from_rows(manifest.to_rows(), str(folder))
    for name in there.unfinished:
        kept = _manifest(folder, name)
        if (kept.fingerprint, kept.settings) == (wanted.fingerprint, wanted.settings):
            return name
        delete(folder, name)
    name = str(max(map(int, there.names), default=0) + 1)
    place = _place(folder, name)
    with _schema.translated(folder):
        place.mkdir(parents=True, exist_ok=True)
        with _folder.lock(place, folder), closing(_schema.connect(place)) as connection:
            if not _folder.has_manifest(connection):  # else it is of another process, just now
                _folder.initialise(connection, manifest, folder)
    return name


def use(folder: Path, name: str) -> None:
    """See ``Home.use_generation``. A kill, or a power cut, leaves the one or the other in use."""
    with _schema.translated(folder):
        place = _place(folder, name)
        if not _folder.is_initialised(place):
            raise _not_there(folder, name)
        before = None
        with contextlib.suppress(DamageError):  # this is what mends it
            before = _current(folder)
        if before == name:
            return
        if place != folder:
            for inside in (place, place.parent, folder):
                sync_folder(inside)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        content = json.dumps(vars(_Pointer(name, before, since)))
        write_whole(folder / _schema.POINTER, f"{content}\n")


def delete(folder: Path, name: str) -> None:
    """See ``Home.delete_generation``."""
    with _schema.translated(folder):
        if name == _current(folder):
            raise GalleryError(
                f"{folder}: generation {name} is in use.",
                remedy=f"Use another first: packsight gallery rollback {quote(str(folder))}",
            )
        place = _place(folder, name)
        if not _folder.holds_database(place):
            raise _not_there(folder, name)
        with _folder.lock(place, folder):
            if place == folder:
                _delete_first(folder)
            else:
                deleted = place.with_name(name + _DELETED)
                place.rename(deleted)
        for deleted in (folder / _schema.GENERATIONS).glob(f"*{_DELETED}"):
            shutil.rmtree(deleted, ignore_errors=True)


def _delete_first(folder: Path) -> None:
    """Its files; the database is the last, so that none is ever there without its log."""
    shutil.rmtree(folder / "indexes", ignore_errors=True)
    database = _schema.DATABASE
    for name in (_query_file.NAME, _query_file.LOCK, f"{database}-wal", f"{database}-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / database).unlink()


def _place(folder: Path, name: str) -> Path:
    if not name.isdecimal():
        raise _not_there(folder, name)
    return folder if name == FIRST else folder / _schema.GENERATIONS / name


def _names(folder: Path) -> list[str]:
    """Of the generations that are there, the oldest first."""
    below = [path.name for path in (folder / _schema.GENERATIONS).glob("*")]
    names = sorted((name for name in below if name.isdecimal()), key=int)
    return [name for name in (FIRST, *names) if _folder.is_initialised(_place(folder, name))]


def _current(folder: Path) -> str:
    pointer = _pointer(folder)
    return FIRST if pointer is None else pointer.current


def _pointer(folder: Path) -> _Pointer | None:
    """None: there is one generation. DamageError where the file cannot be understood, or names a
    generation that is not there; OSError."""
    try:
        content = (folder / _schema.POINTER).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        pointer = _Pointer(**json.loads(content))
        if not (isinstance(pointer.current, str) and pointer.current.isdecimal()):
            raise ValueError(f"current is {pointer.current!r}")
    except (ValueError, TypeError) as error:
        raise _damaged(folder, f"cannot be understood ({error})") from error
    if not _folder.holds_database(_place(folder, pointer.current)):
        raise _damaged(folder, f"names generation {pointer.current}, which is not there")
    return pointer


def _damaged(folder: Path, how: str) -> DamageError:
    names = _names(folder)
    if not names:
        return DamageError(
            f"{folder}: {_schema.POINTER} {how}.",
            remedy="Restore the folder from a backup, or ingest into a new one.",
        )
    return DamageError(
        f"{folder}: {_schema.POINTER} {how}.",
        remedy=f"Choose one of those that are there ({', '.join(names)}), such as: "
        f"packsight gallery rollback {quote(str(folder))} --now --to {names[-1]}",
    )


def _not_there(folder: Path, name: str) -> GalleryError:
    return GalleryError(
        f"{folder}: there is no generation {name}.",
        remedy=f"There are: {', '.join(_names(folder)) or 'none'}.",
    )


def _manifest(folder: Path, name: str) -> Manifest:
    place = _place(folder, name)
    with _schema.translated(place), closing(_schema.connect(place)) as connection:
        rows = connection.execute(_rows.MANIFEST).fetchall()
    return Manifest.from_rows(rows, str(folder))
