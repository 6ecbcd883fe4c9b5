"""Galleries by their address: one factory, whatever keeps the descriptions.

An address is a folder. Another home of galleries is a module with a class like ``LocalGallery``
and a line in ``HOMES``.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast, overload

from engine.errors import GalleryError

if TYPE_CHECKING:
    from engine.manifest import Manifest
    from engine.protocols import Gallery, WritableGallery

# Scheme of an address -> module:class of what opens it, imported when it is needed; "" is a folder.
HOMES = {"": "engine.galleries.local:LocalGallery"}

# One slash is enough: pathlib makes one of two. Of two letters or more: C:/ is a folder.
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):/", re.IGNORECASE)


class Home(Protocol):
    """What the class behind an address offers; the address as it was given."""

    def open(self, address: str | Path, /, *, write: bool = False) -> WritableGallery:
        """Open a gallery that exists; GalleryError where there is none or it is locked."""
        ...

    def open_or_create(self, address: str | Path, manifest: Manifest, /) -> WritableGallery:
        """Open for writing if it was described alike (else FingerprintError), or create."""
        ...

    def exists(self, address: str | Path, /) -> bool:
        """Whether there is one; GalleryError where that cannot be seen."""
        ...

    def identity(self, address: str | Path, /) -> str:
        """The address, and what tells a gallery from one that was made anew there."""
        ...


@overload
def open_gallery(uri: str | Path, *, write: Literal[False] = False) -> Gallery: ...
@overload
def open_gallery(uri: str | Path, *, write: Literal[True]) -> WritableGallery: ...
@overload
def open_gallery(uri: str | Path, *, manifest: Manifest) -> WritableGallery: ...
def open_gallery(
    uri: str | Path, *, write: bool = False, manifest: Manifest | None = None
) -> Gallery:
    """Open a gallery by its address, for reading or as its one writer; use as a context manager.

    ``manifest``: what its images are described by. Opens for writing; a gallery that does not
    exist is created, one that was described otherwise is refused with FingerprintError. Raises
    GalleryError where there is none (without a manifest), where another process writes, and for
    an address of a kind that is not supported.
    """
    home = _home(uri)
    if manifest is not None:
        return home.open_or_create(uri, manifest)
    return home.open(uri, write=write)


def gallery_exists(uri: str | Path) -> bool:
    """Whether ``open_gallery`` would find one; GalleryError where that cannot be seen."""
    return _home(uri).exists(uri)


def gallery_identity(uri: str | Path) -> str:
    """The address, and what tells a gallery from one that was made anew there."""
    return _home(uri).identity(uri)


def is_gallery(folder: Path) -> bool:
    """Whether a gallery lies in this folder; opens nothing. False where that cannot be seen."""
    from engine.galleries import _folder

    return _folder.is_gallery(folder)


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
    return cast("Home", getattr(import_module(module), name))
