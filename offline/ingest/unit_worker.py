"""One worker of an ingest that several machines take part in: describes units and stores them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from engine import __version__
from engine.config import Settings
from engine.curated import Curated
from engine.curation import Curation
from engine.decoding import DecodingPool
from engine.errors import ConfigError, GalleryError
from engine.galleries import gallery_identity
from engine.galleries.tables import TableGallery
from engine.galleries.units import Described, Effect, Units
from engine.images import ImageLimits
from engine.object_stores import ADDRESSES, StoreError, path_of
from engine.retrieval import AdaptedNeighbours
from engine.timings import Interval
from engine.types import Description, Entry
from offline.ingest.describing import Describing, describe_tasks
from offline.ingest.plan import Planner, Task
from offline.ingest.report import IngestReport
from offline.ingest.units import Outcome, from_text
from stages.assemble import Parts, assemble

BEAT_SECONDS = 10.0  # between signs of a worker


@dataclass(frozen=True)
class Scan:
    """What the workers of one ingest share; plain values, which are sent to other machines."""

    name: str
    gallery: str
    generation: str
    settings: Mapping[str, Any]
    version: str  # of Packsight
    identity: str  # of the gallery
    image: str  # the uri of one that is to be described
    newest: int  # the largest id when it was planned
    undone: frozenset[int]  # ids of images whose label was a person's, and is void

    def require_here(self, machine: str) -> None:
        """ConfigError where this ``machine`` cannot take part."""
        if self.version != __version__:
            raise ConfigError(
                f"{machine} has Packsight {__version__}; the ingest is by {self.version}.",
                remedy=install(self.version),
            )
        try:
            path_of(self.image).stat()
        except OSError as error:
            more = error.remedy if isinstance(error, StoreError) else ""
            raise ConfigError(
                f"{machine} cannot read {self.image}: {error.strerror}.",
                remedy=more
                or "Every machine must see the folder by the same path, such as a network share; "
                f"or ingest from an object store: {ADDRESSES}.",
            ) from error
        try:
            found, reason = gallery_identity(self.gallery), ""
        except GalleryError as error:
            found, reason = "", f" ({error.message})"
        if found != self.identity:
            raise ConfigError(
                f"{machine} does not reach the gallery{reason}.",
                remedy="Name its server by an address that holds on every machine, not localhost; "
                "each needs the password, such as in ~/.pgpass.",
            )


def install(version: str) -> str:
    """What a machine lacks."""
    return f"Install it on every machine: pip install 'packsight[postgres,ray]=={version}'"


class LostUnitError(Exception):
    """The unit was given to another worker meanwhile."""


@dataclass
class UnitWorker:
    """Models and connections of one process; ``close`` it."""

    scan: Scan
    name: str
    gallery: TableGallery
    curation: Curation
    curated: Curated
    parts: Parts
    pool: DecodingPool
    units: Units = field(init=False)

    def __post_init__(self) -> None:
        self.units = Units(self.gallery, self.scan.name)

    @classmethod
    def opened(cls, scan: Scan, name: str, gallery: TableGallery, threads: int) -> Self:
        """With models of so many threads; FingerprintError where they describe otherwise than the
        gallery's, ConfigError and WeightsError as of ``assemble``."""
        settings = Settings.from_tables(scan.settings)
        runtime = settings.runtime.model_copy(update={"threads": threads})
        settings = settings.model_copy(update={"runtime": runtime})
        undone = set(scan.undone)
        parts = assemble(
            settings,
            gallery=lambda: AdaptedNeighbours(gallery, "catalogue", undone),
            keep_mattes=True,
        )
        gallery.manifest.require(parts.fingerprint, gallery.name)
        gallery.search_by(settings.search.index, threads)
        curation = Curation.open(scan.gallery)
        pool = DecodingPool(
            threads, ImageLimits.of(settings.images), ahead=2 * settings.ingest.batch
        )
        return cls(scan, name, gallery, curation, Curated.read(curation), parts, pool)

    def close(self) -> None:
        self.pool.__exit__()
        self.curation.close()
        self.gallery.close()

    def carry_out(self, number: int) -> bool:
        """Describe a unit and store it; False where it is no longer waiting, or another worker's
        when it is described: then nothing is stored."""
        text = self.units.take(number, self.name)
        if text is None:
            return False
        before = os.times()
        tasks = from_text(text)
        described: list[tuple[Entry, Description]] = []

        def keep(entries: Sequence[Entry], descriptions: Sequence[Description]) -> None:
            described.extend(zip(entries, descriptions, strict=True))

        due = Interval(BEAT_SECONDS)

        def beat(done: int, total: int) -> None:
            if due.is_over() and not self.units.beat(number, self.name):
                raise LostUnitError

        report = IngestReport("", "")
        current = Describing(
            settings=self.parts.settings,
            describer=self.parts.describer,
            store=keep,
            curation=self.curation,
            curated=self.curated,
            report=report,
            progress=beat,
            total=len(tasks),
        )
        planner = Planner((), curated=self.curated)
        try:
            describe_tasks(current, planner, self.pool, tasks)
        except LostUnitError:
            return False
        return self._store(number, {task.file.uri: task for task in tasks}, described, current,
                           planner, before)  # fmt: skip

    def _store(
        self,
        number: int,
        tasks: Mapping[str, Task],
        described: Sequence[tuple[Entry, Description]],
        current: Describing,
        planner: Planner,
        before: os.times_result,
    ) -> bool:
        report, started = current.report, time.perf_counter()

        def outcome(found: Sequence[Effect]) -> str:
            now = os.times()
            made = Outcome(
                duplicates=list(report.duplicates),
                refused=list(report.refused),
                excluded=list(planner.plan.excluded),
                stale=list(planner.plan.stale),
                skipped=[*planner.plan.skipped, *current.skipped],
                without_mask=report.without_mask,
                first_without_mask=report.first_without_mask,
                untrusted=report.untrusted,
                first_untrusted=report.first_untrusted,
                seconds={**current.watch.seconds, "store": time.perf_counter() - started},
                cpu_seconds=now.user + now.system - before.user - before.system,
            )
            uris = (entry.uri for entry, _ in described)
            made.count(tasks, dict(zip(uris, found, strict=True)))
            return made.to_text()

        images = [
            Described(entry, description, _known(tasks[entry.uri]))
            for entry, description in described
        ]
        return self.units.finish(number, self.name, images, self.scan.newest, outcome)


def _known(task: Task) -> tuple[int, str, str | None] | None:
    known = task.known
    return None if known is None else (known.id, known.sha256, known.mask)
