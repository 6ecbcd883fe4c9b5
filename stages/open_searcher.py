"""Open a gallery for searching: its own settings, the parts they name, one Searcher."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from engine.galleries import open_gallery
from engine.images import ImageLimits, load
from engine.protocols import Gallery
from engine.retrieval import AdaptedNeighbours
from engine.search import Searcher
from engine.types import Results, RGBImage
from stages.assemble import Parts, assemble
from stages.open_settings import settings_for

Photo = str | Path | bytes | BinaryIO | RGBImage


@dataclass(frozen=True)
class OpenSearcher:
    """A searcher, the gallery it reads and how images are read; use as a context manager."""

    searcher: Searcher
    gallery: Gallery
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
) -> OpenSearcher:
    """Open a gallery for searching with its own settings, or others of the same fingerprint.

    Raises GalleryError (none there), FingerprintError, ConfigError, WeightsError.
    """
    opened = open_gallery(gallery)
    try:
        return searcher_over(opened, profile=profile, config=config, overrides=overrides)
    except BaseException:
        opened.close()
        raise


def searcher_over(
    gallery: Gallery,
    *,
    profile: str | None = None,
    config: str | Path | None = None,
    overrides: Iterable[str] = (),
) -> OpenSearcher:
    """As ``open_searcher`` over a gallery that is open already, for reading or for writing.

    Raises FingerprintError, ConfigError, WeightsError.
    """
    settings = settings_for(
        gallery.manifest,
        profile=profile,
        config=None if config is None else Path(config),
        overrides=overrides,
    )
    parts = assemble(settings, gallery=lambda: AdaptedNeighbours(gallery, "photo"))
    gallery.manifest.require(parts.fingerprint, gallery.name)
    return OpenSearcher(searcher_of(parts, gallery), gallery, ImageLimits.of(settings.images))


def searcher_of(parts: Parts, gallery: Gallery) -> Searcher:
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
