"""Open a gallery for searching: its own settings, the parts they name, one Searcher."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from engine.adaptation import Adaptation
from engine.config import Settings
from engine.galleries import open_gallery
from engine.images import ImageLimits, load
from engine.machine import keep_freed_memory
from engine.parallel import both
from engine.protocols import Gallery, KeypointMatcher, Reranker
from engine.quality import prepare_lab
from engine.query_statistics import QueryLearner
from engine.retrieval import AdaptedNeighbours
from engine.search import Searcher
from engine.types import Results, RGBImage
from stages.assemble import Parts, assemble
from stages.open_settings import settings_for
from stages.rerank._gallery_fusion import fused

Photo = str | Path | bytes | BinaryIO | RGBImage


@dataclass(frozen=True)
class OpenSearcher:
    """A searcher, the gallery it reads and the settings of both; use as a context manager."""

    searcher: Searcher
    gallery: Gallery
    settings: Settings
    learner: QueryLearner | None = None  # of queries, where that is switched on

    @property
    def limits(self) -> ImageLimits:
        """On the images that are read."""
        return ImageLimits.of(self.settings.images)

    def read(self, photo: Photo) -> RGBImage:
        """Decode a path, bytes or a file object; raises ImageError."""
        return photo if isinstance(photo, RGBImage) else load(photo, limits=self.limits)

    def search(self, photo: Photo, k: int = 10, categories: Sequence[str] | None = None) -> Results:
        """The ``k`` best products for one photo; see ``online.query``."""
        return self.searcher.search(self.read(photo), k, categories)

    def close(self) -> None:
        if self.learner is not None:
            self.learner.keep()
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

    With ``[adapt] learn_from_queries`` the gallery learns from what is searched for (see
    ``engine.query_statistics``). Raises GalleryError (none there), FingerprintError, ConfigError,
    WeightsError. The process keeps up to 128 MiB of what it frees (see ``engine.machine``).
    """
    keep_freed_memory()

    def searcher() -> OpenSearcher:
        opened = open_gallery(gallery)
        try:
            return _searcher(opened, _settings(opened, profile, config, overrides))
        except BaseException:
            opened.close()
            raise

    # Both take a new process 0.1 s or more.
    opened, _ = both(searcher, prepare_lab, threads=2)
    return _learning(opened) if opened.settings.adapt.learn_from_queries else opened


def searcher_over(
    gallery: Gallery,
    *,
    profile: str | None = None,
    config: str | Path | None = None,
    overrides: Iterable[str] = (),
    keep_mattes: bool = False,
) -> OpenSearcher:
    """As ``open_searcher`` over a gallery that is open already, for reading or for writing.

    ``keep_mattes`` as in ``assemble``: for photos that are described more than once. Raises
    FingerprintError, ConfigError, WeightsError.
    """
    return _searcher(gallery, _settings(gallery, profile, config, overrides), keep_mattes)


def _settings(
    gallery: Gallery,
    profile: str | None,
    config: str | Path | None,
    overrides: Iterable[str],
) -> Settings:
    return settings_for(
        gallery.manifest,
        profile=profile,
        config=None if config is None else Path(config),
        overrides=overrides,
    )


def _searcher(gallery: Gallery, settings: Settings, keep_mattes: bool = False) -> OpenSearcher:
    parts = assemble(
        settings,
        gallery=lambda: AdaptedNeighbours(gallery, "photo"),
        keep_mattes=keep_mattes,
    )
    gallery.manifest.require(parts.fingerprint, gallery.name)
    return OpenSearcher(searcher_of(parts, gallery), gallery, settings)


def _learning(opened: OpenSearcher) -> OpenSearcher:
    """The same, whose gallery learns from every query."""
    learner = QueryLearner(opened.gallery)
    searcher = replace(opened.searcher, learn=learner.learn)
    learning = replace(opened, searcher=searcher, learner=learner)
    # Those that are kept open for the next query are never closed.
    weakref.finalize(learning, learner.keep)
    return learning


def searcher_of(parts: Parts, gallery: Gallery) -> Searcher:
    """A searcher by the parts' own settings, which the gallery finds neighbours by from now on."""
    settings = parts.settings
    gallery.search_by(settings.search.index, parts.describer.threads)
    return Searcher(
        parts.describer,
        gallery,
        parts.reranker,
        settings.route,
        gallery.manifest.normalised,
        settings.search.metric,
        settings.query,
        parts.answering,
        fusing=_fusing(parts, gallery),
    )


def _fusing(
    parts: Parts, gallery: Gallery
) -> Callable[[Adaptation, KeypointMatcher | None], Reranker | None]:
    """The gallery's own fusion, unless another reranker was chosen for this search; one that weighs
    print, unless that is compared in another way than where it was learned."""
    own, chosen = gallery.manifest.read_settings(), parts.settings
    if chosen.rerank != own.rerank:
        return lambda *_: None
    if chosen.keypoints != own.keypoints:
        return lambda adaptation, matcher: fused(adaptation, None)
    return fused
