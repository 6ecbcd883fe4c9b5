"""One migration, or one rollback, from start to end; see ``offline.migrate``.

Killed at any moment, it leaves the generation that was in use, or the new one, whole.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

from engine.config import Settings
from engine.curation import Curation
from engine.errors import ConfigError, DamageError, GalleryError, LockedError, PacksightError
from engine.exhaustive import WHOLE
from engine.galleries import (
    add_generation,
    delete_generation,
    generations,
    open_gallery,
    use_generation,
)
from engine.manifest import Generations
from engine.protocols import Gallery, WritableGallery
from engine.retrieval import AdaptedNeighbours
from engine.types import Progress
from offline.adapt.gallery import adapt_where_due
from offline.calibration import gallery as calibration
from offline.migrate.catching_up import CatchingUp, CaughtUp, Held, lacking
from offline.migrate.comparing import judged, on_data, places, report_of, views
from offline.migrate.report import MigrationReport
from offline.report.compare.judging import compare
from stages.assemble import Parts, assemble
from stages.embed.joined import descriptors_of
from stages.open_searcher import searcher_of, searcher_over
from stages.open_settings import settings_for, settings_of_another

LITTLE = 32  # images that writers are made to wait for
MOST_PASSES = 20  # before that
PATIENCE = 3600.0  # seconds that the writer of the generation in use is waited for
_RETRY = 0.05


@dataclass(frozen=True)
class Request:
    gallery: str | Path
    profile: str | None
    config: Path | None
    overrides: tuple[str, ...]
    data: tuple[Path, ...]
    photos: Path | None
    force: bool
    workers: int | None
    progress: Progress


@dataclass(frozen=True)
class RollbackRequest:
    gallery: str | Path
    to: str | None
    now: bool
    force: bool
    workers: int | None
    progress: Progress


@dataclass(eq=False)
class _Move:
    """From the generation in use to another one, which is open for writing."""

    address: str | Path
    gallery: WritableGallery
    parts: Parts
    catching_up: CatchingUp
    curation: Curation
    force: bool
    progress: Progress
    report: MigrationReport
    begun: float = field(default_factory=time.perf_counter)

    def in_use(self) -> Gallery:
        """The generation to move from, for reading; close it."""
        return open_gallery(self.address, generation=self.report.before)


def run(request: Request) -> MigrationReport:
    """See ``offline.migrate.migrate``."""
    there = generations(request.gallery)
    with open_gallery(request.gallery, generation=there.current) as old:
        settings = settings_of_another(
            old.manifest,
            profile=request.profile,
            config=request.config,
            overrides=request.overrides,
        )
        own = settings_for(old.manifest)
        if settings == own:
            return _in_use_already(request, there, old)
        lacked = old.lacked()
    holder: list[WritableGallery] = []
    parts = _parts(settings, holder)
    before = set(there.names)
    name = add_generation(request.gallery, parts.manifest())
    with (
        open_gallery(request.gallery, manifest=parts.manifest(), generation=name) as gallery,
        Curation.open(request.gallery) as curation,
    ):
        holder.append(gallery)
        move = _move(
            request.gallery, there, name, gallery, parts, curation, request.workers, request
        )
        move.report.resumed = name in before
        if lacked and there.before is not None:
            move.report.refusals.append(
                f"generation {there.current} lacks {len(lacked)} images of {there.before}, which "
                "would be deleted: ingest their folder, or roll back first"
            )
        _catch_up(move)
        _fit(move, request.photos)
        _check(move)
        _compare(move, request.data, own, settings)
        _finish(move)
    return move.report


def _in_use_already(request: Request, there: Generations, gallery: Gallery) -> MigrationReport:
    """The end of a migration that was stopped after it had put its generation in use: the same
    command may be given again. ConfigError where no migration can have been."""
    named = request.profile or request.config or request.overrides
    if there.before is None or not named:
        raise ConfigError(
            f"{gallery.name}: is described by these settings already.",
            remedy="Name others with --profile, --config or --set.",
        )
    report = MigrationReport(gallery.name, before=there.before, after=there.current, in_use=True)
    report.images, report.withdrawn = len(gallery), len(gallery.withdrawn())
    report.notes.append("these settings were in use already")
    return report


def roll_back(request: RollbackRequest) -> MigrationReport:
    """See ``offline.migrate.rollback``."""
    if request.now:
        return _roll_back_now(request)
    there = generations(request.gallery)
    name = request.to or there.before
    if name is None:
        raise _nothing_before(request.gallery)
    if name == there.current:
        raise GalleryError(f"Generation {name} is in use already.")
    holder: list[WritableGallery] = []
    with (
        open_gallery(request.gallery, write=True, generation=name) as gallery,
        Curation.open(request.gallery) as curation,
    ):
        holder.append(gallery)
        parts = _parts(settings_for(gallery.manifest), holder)
        gallery.manifest.require(parts.fingerprint, gallery.name)
        move = _move(
            request.gallery, there, name, gallery, parts, curation, request.workers, request
        )
        _catch_up(move)
        _adapt(move)
        _check(move)
        _finish(move)
    return move.report


def _roll_back_now(request: RollbackRequest) -> MigrationReport:
    """Also where the pointer is damaged, and a generation is named."""
    address, there = request.gallery, None
    try:
        there = generations(address)
    except DamageError:
        if request.to is None:
            raise
    name = request.to or (None if there is None else there.before)
    if name is None:
        raise _nothing_before(address)
    holder: list[WritableGallery] = []
    with (
        open_gallery(address, write=True, generation=name) as gallery,
        Curation.open(address) as curation,
    ):
        holder.append(gallery)
        parts = _parts(settings_for(gallery.manifest), holder)
        before = Generations("?", (name,)) if there is None else there
        move = _move(address, before, name, gallery, parts, curation, request.workers, request)
        if there is None:
            use_generation(address, name)
            move.report.in_use = True
        elif there.current == name:
            raise GalleryError(f"{gallery.name}: generation {name} is in use already.")
        else:
            with _in_use(address, there.current) as old:
                move.catching_up.note_lacking(old)
                use_generation(address, name)
                move.report.in_use = True
            # Writers wait for this, too: what they would add is not in the one before.
            with move.in_use() as old:
                _pass(move, old)
            _index(move)
        _conclude(move)
    return move.report


def _nothing_before(address: str | Path) -> GalleryError:
    with open_gallery(address) as gallery:
        shown = gallery.name
    return GalleryError(
        f"{shown}: there is no generation before the one in use.",
        remedy=f"Make another with: packsight gallery migrate {quote(shown)} --profile NAME",
    )


def _parts(settings: Settings, holder: list[WritableGallery]) -> Parts:
    """That describe as an ingest does; the gallery is in the ``holder`` by the time they do."""
    return assemble(
        settings, gallery=lambda: AdaptedNeighbours(holder[0], "catalogue"), keep_mattes=True
    )


def _move(
    address: str | Path,
    there: Generations,
    name: str,
    gallery: WritableGallery,
    parts: Parts,
    curation: Curation,
    workers: int | None,
    request: Request | RollbackRequest,
) -> _Move:
    gallery.search_by(parts.settings.search.index, parts.describer.threads)
    return _Move(
        address,
        gallery,
        parts,
        CatchingUp(gallery, parts.describer, parts.settings, curation, workers),
        curation,
        request.force,
        request.progress,
        MigrationReport(gallery.name, there.current, name),
    )


def _catch_up(move: _Move) -> None:
    """Until a pass finds little; the generation in use is written to meanwhile."""
    for _ in range(MOST_PASSES):
        with move.in_use() as old:
            if _pass(move, old).changes <= LITTLE:
                return


def _pass(move: _Move, old: Gallery) -> CaughtUp:
    found = move.catching_up.catch_up(old, move.progress)
    move.report.passes.append(found.changes)
    move.report.described += found.described
    move.report.missing = [*found.missing.values()]
    return found


def _fit(move: _Move, photos: Path | None) -> None:
    """Adapted and calibrated as the generation in use is: both belong to its models."""
    with move.in_use() as old:
        off, adaptation = old.adapting_is_off(), old.adaptation()
        try:
            held = old.calibration()
            false_accepts = None if held is None else held.false_accepts
        except GalleryError:  # one that cannot be read
            false_accepts = 0.05
    if off:
        move.gallery.adapt_by(None, off=True)
    else:
        _adapt(move)
    if adaptation is not None and adaptation.photos:
        move.report.notes.append(
            "it was adapted with photos, which are not kept: packsight adapt "
            f"{shlex.quote(move.gallery.name)} --photos PHOTOS"
        )
    if false_accepts is None and photos is None:
        return
    made = move.gallery.calibration()
    if made is not None and photos is None:  # by the adaptation, or before this was stopped
        return
    wanted = calibration.Request(move.address, photos, false_accepts=false_accepts or 0.05)
    try:
        outcome = calibration.calibrate_open(move.gallery, wanted, move.progress)
    except ConfigError as error:
        move.report.refusals.append(f"it cannot be calibrated anew: {error}")
        return
    move.report.notes += outcome.calibration.warnings()


def _adapt(move: _Move) -> None:
    if not move.parts.settings.adapt.auto:
        return
    joined = descriptors_of(move.parts.describer.embedder)
    move.report.notes += adapt_where_due(
        move.gallery, joined, lambda: searcher_of(move.parts, move.gallery)
    )


def _index(move: _Move) -> None:
    matcher = move.parts.describer.keypoints
    large = matcher is not None and len(move.gallery) > WHOLE
    move.gallery.build_indexes(matcher if large else None)


def _check(move: _Move) -> None:
    """GalleryError for what no force puts in use."""
    _index(move)
    faults = move.gallery.check()
    if faults:
        raise GalleryError(
            f"{move.gallery.name}: generation {move.report.after} is damaged: {faults[0]}",
            remedy="It is not put in use. Check the disk, and run the same command again.",
        )


def _compare(move: _Move, data: tuple[Path, ...], before: Settings, after: Settings) -> None:
    """What was found less is a refusal."""
    report = move.report
    with move.in_use() as old:
        queries = {"judgements": judged(old, move.curation), "views": views(old)}
        queries = {name: group for name, group in queries.items() if group}
        if queries:
            reports = []
            for name, gallery in ((report.before, old), (report.after, move.gallery)):
                searcher = searcher_over(gallery).searcher
                found = {
                    group: places(searcher, wanted, move.progress)
                    for group, wanted in queries.items()
                }
                reports.append(report_of(name, gallery, queries, found))
            report.comparisons[" and ".join(queries)] = compare(reports[0], reports[1])
        else:
            report.notes.append(
                "nothing to compare by: no product has several images, and nothing was judged"
            )
    for one in data:
        report.comparisons[str(one)] = on_data(one, before, after)
    for name, comparison in report.comparisons.items():
        for row in comparison.regressions:
            report.refusals.append(
                f"{name}: {row.group} / {row.figure} went from {row.before:.3f} to {row.after:.3f}"
            )


def _finish(move: _Move) -> None:
    """The last pass, for which writers wait, and the flip."""
    report = move.report
    try:
        if not report.refusals or move.force:
            _catch_up(move)
            _index(move)
            with _in_use(move.address, report.before) as old:
                locked = time.perf_counter()
                found = _pass(move, old)
                if found.changes or found.missing:  # else they have just been compared
                    _index(move)
                    _require_same(move, found.wanted)
                if not report.refusals or move.force:
                    use_generation(move.address, report.after)
                    report.in_use = True
                report.locked_seconds = time.perf_counter() - locked
        if report.in_use:
            _delete_older(move)
    finally:
        _conclude(move)


def _conclude(move: _Move) -> None:
    report = move.report
    report.images, report.withdrawn = len(move.gallery), len(move.gallery.withdrawn())
    report.total_seconds = time.perf_counter() - move.begun
    with suppress(GalleryError):  # a full disk must not hide the report
        move.gallery.keep_report("migration", report.to_json())


@contextmanager
def _in_use(address: str | Path, name: str) -> Iterator[Gallery]:
    """The generation of this name, with its writer's lock, once another writer has ended: until it
    is left, none other comes into use. GalleryError where one did meanwhile."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            old = open_gallery(address, write=True)
            break
        except LockedError:
            if time.monotonic() > until:
                raise
            time.sleep(_RETRY)
    with old:
        if generations(address).current != name:
            raise GalleryError(
                f"{old.name}: another generation came into use meanwhile.",
                remedy="See: packsight gallery info, and run the same command again.",
            )
        yield old


def _require_same(move: _Move, wanted: Mapping[int, Held]) -> None:
    """That the other generation holds the same images, of the same products, with the same ones
    withdrawn."""
    left = lacking(wanted, move.gallery)
    if left:
        first = next(iter(left.values())).entry.uri
        move.report.refusals.append(
            f"{len(left)} images of generation {move.report.before} are not in "
            f"{move.report.after}, such as {first}"
        )


def _delete_older(move: _Move) -> None:
    for name in generations(move.address).unfinished:
        try:
            delete_generation(move.address, name)
            move.report.deleted.append(name)
        except PacksightError as error:
            move.report.notes.append(f"generation {name} is left: {error}")
