"""Open a gallery for searching: its own settings, the parts they name, one Searcher."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from engine.galleries.local import LocalGallery
from engine.images import ImageLimits, load
from engine.search import Searcher
from engine.types import Results, RGBImage
from stages.assemble import Parts, assemble
from stages.open_settings import settings_for

Photo = str | Path | bytes | BinaryIO | RGBImage


@dataclass(frozen=True)
class OpenSearcher:
    """A searcher, the gallery it reads and how pictures are read; use as a context manager."""

    searcher: Searcher
    gallery: LocalGallery
    limits: ImageLimits

    def read(self, photo: Photo) -> RGBImage:
        """Decode a path, bytes or a file object; raises ImageError."""
        return photo if isinstance(photo, RGBImage) else load(photo, limits=self.limits)

    def search(self, photo: Photo, k: int = 10, categories: Sequence[str] | None = None) -> Results:
        """The ``k`` best products for one photo; see ``online.query``."""
        return self.searcher.search(self.read(photo), k, categories)

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
    gallery: str | Path,
    *,
    profile: str | None = None,
    config: str | Path | None = None,
    overrides: Iterable[str] = (),
    write: bool = False,
) -> OpenSearcher:
    """Open a gallery for searching with its own settings, or with others that describe alike.

    ``write``: and for writing. Raises GalleryError (none there, locked), FingerprintError,
    ConfigError, WeightsError.
    """
    opened = LocalGallery.open(Path(gallery), write=write)
    try:
        settings = settings_for(
            opened.manifest,
            profile=profile,
            config=None if config is None else Path(config),
            overrides=overrides,
        )
        parts = assemble(settings, gallery=lambda: opened)
        opened.manifest.require(parts.fingerprint, str(gallery))
    except BaseException:
        opened.close()
        raise
    limits = ImageLimits.of(settings.images)
    return OpenSearcher(searcher_of(parts, opened), opened, limits)


def searcher_of(parts: Parts, gallery: LocalGallery) -> Searcher:
    """A searcher by the parts' own settings."""
    settings = parts.settings
    return Searcher(
        parts.describer,
        gallery,
        parts.reranker,
        settings.route,
        gallery.manifest.normalised,
        settings.search.metric,
        settings.query,
        parts.answering,
    )
