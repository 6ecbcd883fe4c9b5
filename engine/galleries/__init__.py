"""Galleries by their address: one factory, whatever keeps the descriptions.

An address is a folder, or that of a database. Another home of galleries is a module with a class
like ``LocalGallery`` and a line in ``HOMES``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast, overload

from engine.errors import GalleryError

if TYPE_CHECKING:
    from engine.galleries._database import Database
    from engine.manifest import Generations, Manifest
    from engine.protocols import Gallery, WritableGallery

# Scheme of an address -> module:class of what opens it, imported when it is needed; "" is a folder.
HOMES = {
    "": "engine.galleries.local:LocalGallery",
    "postgres": "engine.galleries.postgres:PostgresGallery",
    "postgresql": "engine.galleries.postgres:PostgresGallery",
}

# One slash is enough: pathlib makes one of two. Of two letters or more: C:/ is a folder.
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):/", re.IGNORECASE)


class Home(Protocol):
    """What the class behind an address offers; the address as it was given. ``generation``: None is
    the one in use."""

    def open(
        self, address: str | Path, /, *, write: bool = False, generation: str | None = None
    ) -> WritableGallery:
        """Open a gallery that exists; GalleryError where there is none or it is locked. Who writes
        to the generation in use holds it there: none other comes into use meanwhile."""
        ...

    def open_or_create(
        self, address: str | Path, manifest: Manifest, /, *, generation: str | None = None
    ) -> WritableGallery:
        """Open for writing if it was described alike (else FingerprintError), or create; a
        generation that is named is not created."""
        ...

    def exists(self, address: str | Path, /) -> bool:
        """Whether there is one; GalleryError where that cannot be seen."""
        ...

    def identity(self, address: str | Path, /, generation: str | None = None) -> str:
        """The address, and what tells a gallery from one that was made anew there, and one
        generation from another."""
        ...

    def database(
        self, address: str | Path, name: str, version: int, tables: Sequence[str], /
    ) -> Database:
        """Tables beside those of the gallery, which need not be there yet; ``name`` of the file in
        a folder, with the version of its tables and the statements that make them."""
        ...

    def uploads(self, address: str | Path, /) -> Path:
        """The folder for images that are sent to a service of the gallery."""
        ...

    def generations(self, address: str | Path, /) -> Generations:
        """Those that are there; GalleryError where there is no gallery."""
        ...

    def add_generation(self, address: str | Path, manifest: Manifest, /) -> str:
        """The name of a new and empty one, which is not in use, or of the unfinished one that was
        made with this fingerprint and these settings. Other unfinished ones are deleted."""
        ...

    def use_generation(self, address: str | Path, name: str, /) -> None:
        """From now on, durably and at once. Call as the writer of the one in use, where that can
        be opened; GalleryError where there is none of this name."""
        ...

    def delete_generation(self, address: str | Path, name: str, /) -> None:
        """One that is not in use; GalleryError for that one, and where another process writes."""
        ...


@overload
def open_gallery(
    uri: str | Path, *, write: Literal[False] = False, generation: str | None = None
) -> Gallery: ...
@overload
def open_gallery(
    uri: str | Path, *, write: Literal[True], generation: str | None = None
) -> WritableGallery: ...
@overload
def open_gallery(
    uri: str | Path, *, manifest: Manifest, generation: str | None = None
) -> WritableGallery: ...
def open_gallery(
    uri: str | Path,
    *,
    write: bool = False,
    manifest: Manifest | None = None,
    generation: str | None = None,
) -> Gallery:
    """Open a gallery by its address, for reading or as its one writer; use as a context manager.

    ``manifest``: what its images are described by. Opens for writing; a gallery that does not
    exist is created, one that was described otherwise is refused with FingerprintError.
    ``generation``: the one of this name (see ``generations``); None: the one in use. Raises
    GalleryError where there is none (without a manifest), where another process writes, and for
    an address of a kind that is not supported.
    """
    home = _home(uri)
    if manifest is not None:
        return home.open_or_create(uri, manifest, generation=generation)
    return home.open(uri, write=write, generation=generation)


def gallery_exists(uri: str | Path) -> bool:
    """Whether ``open_gallery`` would find one; GalleryError where that cannot be seen."""
    return _home(uri).exists(uri)


def gallery_identity(uri: str | Path, generation: str | None = None) -> str:
    """The address, and what tells a gallery from one that was made anew there, and a generation
    (None: the one in use) from another."""
    return _home(uri).identity(uri, generation)


def database_beside(uri: str | Path, name: str, version: int, tables: Sequence[str]) -> Database:
    """See ``Home.database``."""
    return _home(uri).database(uri, name, version, tables)


def uploads_folder(uri: str | Path) -> Path:
    """See ``Home.uploads``."""
    return _home(uri).uploads(uri)


def generations(uri: str | Path) -> Generations:
    """Of a gallery that exists; GalleryError for none."""
    return _home(uri).generations(uri)


def add_generation(uri: str | Path, manifest: Manifest) -> str:
    """See ``Home.add_generation``."""
    return _home(uri).add_generation(uri, manifest)


def use_generation(uri: str | Path, name: str) -> None:
    """See ``Home.use_generation``."""
    _home(uri).use_generation(uri, name)


def delete_generation(uri: str | Path, name: str) -> None:
    """See ``Home.delete_generation``."""
    _home(uri).delete_generation(uri, name)


def is_gallery(folder: Path) -> bool:
    """Whether a gallery lies in this folder; opens nothing. False where that cannot be seen."""
    from engine.galleries import _generations

    return _generations.is_gallery(folder)


def _home(uri: str | Path) -> Home:
    match = _SCHEME.match(str(uri))
    scheme = match[1].lower() if match else ""
    if scheme not in HOMES:
        known = ", ".join(f"{name}://" for name in sorted(HOMES) if name)
        raise GalleryError(
            f"{uri}: galleries at {scheme}:// are not supported.",
            remedy=f"Supported are: a folder{known and ', '}{known}.",
        )
    module, name = HOMES[scheme].split(":")
    try:
        return cast("Home", getattr(import_module(module), name))
    except ImportError as error:
        if not scheme:
            raise
        what, _, _ = str(error).partition("\n")
        raise GalleryError(
            f"galleries in PostgreSQL need the extra postgres ({what}).",
            remedy="Install it: pip install 'packsight[postgres]'",
        ) from error
