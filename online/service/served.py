"""The galleries of a service, kept open: one set of models each, a searcher for every thread."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from engine.config import Settings
from engine.curation import Curation
from engine.galleries import gallery_identity, open_gallery
from engine.images import ImageLimits
from engine.names import nearest
from engine.protocols import Gallery
from engine.retrieval import AdaptedNeighbours
from engine.search import Searcher
from online.service.problems import RequestError
from stages.assemble import Parts, assemble
from stages.open_searcher import searcher_of
from stages.open_settings import settings_for

log = logging.getLogger("packsight.service")


class _Local(threading.local):
    gallery: Gallery | None = None
    searcher: Searcher | None = None


@dataclass(eq=False)
class OpenGallery:
    """A gallery as it lay at its address: the models that it is described by, shared, and for
    every thread a connection and its indexes, which are mapped files."""

    name: str
    address: str
    identity: str
    settings: Settings
    limits: ImageLimits
    parts: Parts = field(init=False)
    _local: _Local = field(default_factory=_Local)

    def __post_init__(self) -> None:
        neighbours = AdaptedNeighbours
        self.parts = assemble(self.settings, gallery=lambda: neighbours(self.gallery, "photo"))
        self.gallery.manifest.require(self.parts.fingerprint, self.address)

    @property
    def gallery(self) -> Gallery:
        """For the calling thread."""
        if self._local.gallery is None:
            self._local.gallery = open_gallery(self.address)
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
    def generation(self) -> str:
        """Of the answers: by which models images are described, and by which adaptation they are
        compared."""
        return f"{self.parts.fingerprint[:12]}.{self.gallery.adapted_by() or 0}"


class ServedGalleries:
    """By name. One that was made anew at its address is opened anew at the next request, which
    waits for its models; answers that began before end with the one they began with."""

    def __init__(
        self, addresses: Mapping[str, str], max_pixels: int, overrides: Iterable[str]
    ) -> None:
        self._addresses = dict(addresses)
        self._max_pixels = max_pixels
        self._overrides = tuple(overrides)
        self._open: dict[str, OpenGallery] = {}
        self._guard = threading.Lock()

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
        with self._guard:
            opened = self._open.get(name)
            if opened is None or opened.identity != identity:
                opened = self._open[name] = self._opened(name, identity)
        return opened

    def require_readable(self, name: str) -> None:
        """Errors as of ``get``, also where its folder was lost after it was opened."""
        opened = self.get(name)
        with open_gallery(opened.address) as gallery:
            len(gallery)

    def _opened(self, name: str, identity: str) -> OpenGallery:
        address = self._addresses[name]
        with open_gallery(address) as gallery:
            settings = settings_for(gallery.manifest, overrides=self._overrides)
        limits = ImageLimits.of(settings.images)
        limits = replace(limits, max_pixels=min(limits.max_pixels, self._max_pixels))
        log.info("gallery %s opened", name)
        return OpenGallery(name, address, identity, settings, limits)
