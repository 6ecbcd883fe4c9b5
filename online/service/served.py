"""The galleries of a service, kept open: one set of models each, a searcher for every thread.

Where another generation of a gallery comes into use it is opened beside the one that answers, and
takes its place when it has answered a query. A request keeps the one that it began with.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from engine.config import Settings
from engine.curation import Curation
from engine.errors import GalleryError, PacksightError
from engine.galleries import gallery_identity, generations, open_gallery
from engine.images import ImageLimits
from engine.names import nearest
from engine.protocols import Gallery
from engine.request import Request
from engine.retrieval import AdaptedNeighbours
from engine.search import Searcher
from engine.types import RGBImage
from online.service.logs import log_failure
from online.service.problems import RequestError
from stages.assemble import Parts, assemble
from stages.open_searcher import searcher_of
from stages.open_settings import settings_for

log = logging.getLogger("packsight.service")
_RETRY_SECONDS = 10.0  # until a generation that could not be opened is tried again


class _Local(threading.local):
    gallery: Gallery | None = None
    searcher: Searcher | None = None


@dataclass(eq=False)
class OpenGallery:
    """A gallery as it lay at its address, one ``generation_name`` of it: the models that it is
    described by, shared, and for every thread a connection and its indexes, which are mapped files.
    All of it is let go when no request or job uses it."""

    name: str
    address: str
    generation_name: str
    identity: str
    settings: Settings
    limits: ImageLimits
    parts: Parts = field(init=False)
    _local: _Local = field(default_factory=_Local)

    def __post_init__(self) -> None:
        itself = weakref.ref(self)  # else the models would hold what holds them

        def neighbours() -> AdaptedNeighbours | None:
            opened = itself()
            return None if opened is None else AdaptedNeighbours(opened.gallery, "photo")

        self.parts = assemble(self.settings, gallery=neighbours)
        self.gallery.manifest.require(self.parts.fingerprint, self.gallery.name)

    @property
    def gallery(self) -> Gallery:
        """For the calling thread."""
        if self._local.gallery is None:
            self._local.gallery = open_gallery(self.address, generation=self.generation_name)
        return self._local.gallery

    @cached_property
    def curation(self) -> Curation:
        """What people decided about its images, for all threads."""
        return Curation.open(self.address)

    def pending(self) -> list[str]:
        """The sha256 of images that it may have to be changed for, by decisions which were not
        carried out yet: only of these can one in its index be excluded, or one whose category is
        predicted have been given one."""
        contents, _ = self.curation.since(self.gallery.curated_to(), sys.maxsize)
        return contents

    @property
    def searcher(self) -> Searcher:
        """For the calling thread."""
        if self._local.searcher is None:
            self._local.searcher = searcher_of(self.parts, self.gallery)
        return self._local.searcher

    @property
    def models(self) -> str:
        """The generation, and by which models images are described in it."""
        return f"{self.generation_name}-{self.parts.fingerprint[:12]}"

    @property
    def generation(self) -> str:
        """Of the answers: the ``models``, and by which adaptation images are compared."""
        return f"{self.models}.{self.gallery.adapted_by() or 0}"

    def require_generation(self, wanted: str | None) -> None:
        """RequestError (409) unless it is this one, or None: further pages do not fit to those of
        another."""
        if wanted is not None and wanted != self.generation:
            raise another_generation()

    def warm(self, sizes: Sequence[int]) -> None:
        """Answer a first query, of as many photos at once as will be described so: models and
        indexes are in memory then. An empty gallery has nothing to answer."""
        if not len(self.gallery):
            return
        for size in sizes:
            (described, *_) = self.searcher.query_describer.describe([_photo()] * size)
        self.searcher.results(described.description, Request())


def another_generation() -> RequestError:
    return RequestError(
        409,
        "The gallery is described by other models since, or compared by another adaptation.",
        remedy="Begin again, at the first page.",
    )


def _photo() -> RGBImage:
    """A dark box on white."""
    pixels = np.full((320, 240, 3), 255, np.uint8)
    pixels[60:260, 70:170] = (60, 70, 90)
    return RGBImage(pixels, "the first query")


class ServedGalleries:
    """By name. One that was made anew at its address is opened anew at the next request, which
    waits for its models. Where another generation of it came into use, no request waits: it is
    opened in the background, and takes its place when it has answered photos of these ``sizes`` at
    once. Answers that began before end with the one they began with."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        max_pixels: int,
        overrides: Iterable[str],
        sizes: Sequence[int] = (1,),
    ) -> None:
        self._addresses = dict(addresses)
        self._max_pixels = max_pixels
        self._overrides = tuple(overrides)
        self._sizes = tuple(sizes)
        self._open: dict[str, OpenGallery] = {}
        self._guard = threading.Lock()
        self._opening: dict[str, str] = {}  # names, and the identities that are opened beside
        self._failed: dict[str, float] = {}  # names, and when that failed last

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._addresses)

    def known(self, name: str | None) -> str:
        """The name itself, None for the first. RequestError (404) for an unknown one."""
        name = self.names[0] if name is None else name
        if name not in self._addresses:
            near = nearest(name, self.names)
            hint = f"Did you mean {near!r}?" if near else f"There are: {', '.join(self.names)}."
            raise RequestError(404, f"There is no gallery {name[:100]!r}.", remedy=hint)
        return name

    def address(self, name: str) -> str:
        return self._addresses[self.known(name)]

    def get(self, name: str | None = None) -> OpenGallery:
        """By name, None for the first. RequestError (404) for an unknown one; GalleryError,
        FingerprintError, ConfigError and WeightsError as opening does."""
        name = self.known(name)
        identity = gallery_identity(self._addresses[name])
        opened = self._open.get(name)
        if opened is not None and opened.identity == identity:
            return opened
        if opened is not None and self._is_opened_beside(opened, identity):
            return opened
        with self._guard:
            opened = self._open.get(name)
            if opened is None or opened.identity != identity:
                opened = self._open[name] = self._opened(name)
        return opened

    def require_readable(self, name: str) -> None:
        """Errors as of ``get``, also where its folder was lost after it was opened."""
        opened = self.get(name)
        with open_gallery(opened.address, generation=opened.generation_name) as gallery:
            len(gallery)

    def _is_opened_beside(self, opened: OpenGallery, identity: str) -> bool:
        """Whether the one that is open can answer until another generation, which came into use, is
        open; that is seen to."""
        name = opened.name
        if self._opening.get(name) == identity:
            return True
        try:
            there = generations(opened.address)
        except GalleryError:
            return False
        if there.current == opened.generation_name or opened.generation_name not in there.names:
            return False
        with self._guard:
            begun = name in self._opening
            late = time.monotonic() - self._failed.get(name, -_RETRY_SECONDS) < _RETRY_SECONDS
            if not begun and not late and self._open.get(name) is opened:
                self._opening[name] = identity
                thread = threading.Thread(
                    target=self._open_beside, args=(name,), name=f"open {name}", daemon=True
                )
                thread.start()
        return True

    def _open_beside(self, name: str) -> None:
        try:
            opened = self._opened(name)
            opened.warm(self._sizes)
            with self._guard:
                self._open[name] = opened
            log.info("gallery %s: generation %s answers", name, opened.generation_name)
        except Exception as error:  # the one before goes on answering
            self._failed[name] = time.monotonic()
            log.error("gallery %s: another generation cannot be opened: %s", name, error)
            if not isinstance(error, PacksightError):
                log_failure(error)
        finally:
            self._opening.pop(name, None)

    def _opened(self, name: str) -> OpenGallery:
        """The generation that is in use now."""
        address = self._addresses[name]
        while True:
            identity, current = gallery_identity(address), generations(address).current
            with open_gallery(address, generation=current) as gallery:
                settings = settings_for(gallery.manifest, overrides=self._overrides)
            if gallery_identity(address) == identity:
                break
        limits = ImageLimits.of(settings.images)
        limits = replace(limits, max_pixels=min(limits.max_pixels, self._max_pixels))
        log.info("gallery %s opened", name)
        return OpenGallery(name, address, current, identity, settings, limits)
