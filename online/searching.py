"""Open a gallery for searching: its own settings, the parts they name, one Searcher."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from engine.galleries.local import LocalGallery
from engine.images import ImageLimits, load
from engine.search import Searcher
from engine.types import RGBImage
from stages.assemble import assemble
from stages.open_settings import settings_for

Photo = str | Path | bytes | BinaryIO | RGBImage

# Galleries kept open by ``shared_searcher``: each holds its models in memory.
KEPT_OPEN = 4


@dataclass(frozen=True)
class OpenSearcher:
    """A searcher, the gallery it reads and how pictures are read; use as a context manager."""

    searcher: Searcher
    gallery: LocalGallery
    limits: ImageLimits

    def read(self, photo: Photo) -> RGBImage:
        """Decode a path, bytes or a file object; raises ImageError."""
        return photo if isinstance(photo, RGBImage) else load(photo, limits=self.limits)

    def close(self) -> None:
        self.gallery.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_searcher(
    gallery: Path,
    *,
    profile: str | None = None,
    config: Path | None = None,
    overrides: Iterable[str] = (),
) -> OpenSearcher:
    """Open a gallery for searching with its own settings, or with others that describe alike.

    Raises GalleryError (none there), FingerprintError, ConfigError, WeightsError.
    """
    opened = LocalGallery.open(gallery)
    try:
        settings = settings_for(
            opened.manifest, profile=profile, config=config, overrides=overrides
        )
        parts = assemble(settings, gallery=lambda: opened)
        opened.manifest.require(parts.fingerprint, str(gallery))
    except BaseException:
        opened.close()
        raise
    searcher = Searcher(
        parts.describer,
        opened,
        parts.reranker,
        settings.route,
        opened.manifest.normalised,
        settings.search.metric,
        settings.query,
    )
    images = settings.images
    limits = ImageLimits(images.max_pixels, images.max_bytes, images.max_side)
    return OpenSearcher(searcher, opened, limits)


_Key = tuple[str, int, str | None, Path | None, tuple[str, ...]]
_kept: OrderedDict[_Key, OpenSearcher] = OrderedDict()
_guard = threading.Lock()


def shared_searcher(
    gallery: Path,
    *,
    profile: str | None = None,
    config: Path | None = None,
    overrides: Iterable[str] = (),
) -> OpenSearcher:
    """As ``open_searcher``, kept open for the next call with the same arguments.

    A gallery that was deleted and made anew is another one: its database file is.
    """
    try:
        inode = (gallery / "gallery.sqlite").stat().st_ino
    except OSError:
        inode = 0
    key = (str(gallery.absolute()), inode, profile, config, tuple(overrides))
    with _guard:
        if key not in _kept:
            _kept[key] = open_searcher(gallery, profile=profile, config=config, overrides=key[-1])
        _kept.move_to_end(key)
        while len(_kept) > KEPT_OPEN:
            _kept.popitem(last=False)  # who still uses it holds it; its files close with it
        return _kept[key]
