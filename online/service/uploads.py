"""Images that were sent: one file each in the folder of the gallery, named by digests alone.

An image of a gallery is known by where it lies, and the same content may be of two products, so the
name has the SHA-256 of the content and of the product's id.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from engine.errors import ImageError
from engine.files import sync_folder, write_whole
from engine.galleries import _schema, uploads_folder
from engine.protocols import Gallery
from engine.types import Entry
from online.service.jobs import JobTable

_ARRIVING_SECONDS = 3600.0  # a file as young may be of a request that is being received


class Uploads:
    """Of the gallery at ``address``."""

    def __init__(self, address: str | Path) -> None:
        self.folder = uploads_folder(address)

    def path(self, product: str, sha256: str) -> Path:
        return self.folder / f"{sha256}-{_digest(product.encode())[:32]}"

    def keep(self, product: str, content: bytes) -> str:
        """Durably; returns its SHA-256. GalleryError where it cannot be written."""
        sha256 = _digest(content)
        path = self.path(product, sha256)
        with _schema.translated(self.folder.parent):
            if not self.folder.is_dir():
                self.folder.mkdir(exist_ok=True)
                sync_folder(self.folder.parent)
            # A file that is there is whole; it is not written anew, for its dates are known.
            if not path.is_file():
                write_whole(path, content)
        return sha256

    def entry(self, product: str, sha256: str) -> Entry:
        """Without labels. ImageError where it is not there."""
        path = self.path(product, sha256)
        try:
            status = path.stat()
        except OSError as error:
            raise ImageError(str(path), "is no longer where it was stored.") from error
        return Entry(
            uri=str(path),
            sha256=sha256,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            product_id=product,
            category=None,
            ctime_ns=status.st_ctime_ns,
            inode=status.st_ino,
        )

    def clean(self, paths: Iterable[Path], gallery: Gallery, jobs: JobTable) -> int:
        """Delete those that no image, withdrawn or not, and no job refers to; how many there
        were."""
        ours = [path for path in paths if path.parent == self.folder]
        if not ours:
            return 0
        removed = 0
        with jobs.changing():
            needed = {self.path(*one) for one in jobs.needed()}
            for path in ours:
                uri = str(path)
                if path not in needed and not (
                    gallery.find(uri=uri) or gallery.find(uri=uri, withdrawn=True)
                ):
                    with suppress(OSError):
                        path.unlink()
                        removed += 1
        return removed

    def left_over(self) -> Iterator[Path]:
        """Those that lie there for some time, for ``clean``: of requests that were cut off."""
        latest = time.time() - _ARRIVING_SECONDS
        with suppress(OSError):
            for path in self.folder.iterdir():
                if path.stat().st_mtime < latest:
                    yield path


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
