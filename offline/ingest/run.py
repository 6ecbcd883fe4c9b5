"""One ingest from start to end; ``offline.ingest.ingest`` is its public function."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.config import Settings
from engine.curated import Curated
from engine.curation import Curation
from engine.decoding import DecodingPool, decoders
from engine.errors import ConfigError, GalleryError
from engine.exhaustive import WHOLE
from engine.galleries import gallery_exists, open_gallery
from engine.images import ImageLimits
from engine.manifest import Manifest
from engine.object_stores import ADDRESSES, StorePath, path_of
from engine.protocols import WritableGallery
from engine.retrieval import AdaptedNeighbours
from engine.timings import Stopwatch
from engine.types import CategoryScores, Progress
from offline.adapt.gallery import adapt_where_due, how_to_gain
from offline.ingest.describing import Describing, describe_tasks
from offline.ingest.given_table import UsedTable, remember, require_no_loss, tables_for
from offline.ingest.labels import Labels, read_labels
from offline.ingest.names import name_notes
from offline.ingest.on_ray import RayPlace, describe_on_ray, require_ray
from offline.ingest.plan import Plan, Planner, Task
from offline.ingest.pruning import require_plausible
from offline.ingest.report import IngestReport
from offline.ingest.scan import Scan, printable, scan
from stages.assemble import assemble
from stages.embed.joined import descriptors_of
from stages.open_searcher import searcher_of
from stages.open_settings import settings_for


@dataclass(frozen=True)
class Request:
    folder: Path
    gallery: str | Path
    profile: str | None
    config: Path | None
    overrides: tuple[str, ...]
    labels: Path | None
    forget_labels: bool
    workers: int | None
    prune: bool
    force_prune: bool
    reread: bool
    adapt: bool
    ray: str | None  # the address of a cluster; "": see ``RayPlace``
    progress: Progress


@dataclass(kw_only=True)
class _Run(Describing):
    """The state that the steps of one ingest share."""

    request: Request
    gallery: WritableGallery
    undone: set[int]  # ids of images whose label was a person's, and is void
    tables: list[UsedTable] = field(default_factory=list)


def run(request: Request) -> IngestReport:
    """See ``offline.ingest.ingest``."""
    started, cpu = time.perf_counter(), _cpu_seconds()
    if request.ray is not None:
        require_ray(request.ray, str(request.gallery))
    watch = Stopwatch()
    with watch("scan"):
        scanned = _scan(request)
        # One folder has one name, however it was spelled: the files' uris start with it.
        request = replace(request, folder=request.folder.resolve())
    holder: list[WritableGallery] = []
    undone: set[int] = set()
    settings = settings_for(
        _manifest(request),
        profile=request.profile,
        config=request.config,
        overrides=request.overrides,
    )
    with watch("scan"):
        scoped = settings.ingest.product_ids == "folder"
        tables = tables_for(
            request.folder, request.gallery, request.labels, forget=request.forget_labels
        )
        given = [(table.path, table.base) for table in tables]
        labels = read_labels(
            request.folder, scanned.label_files, given, scoped=scoped, listed=scanned.listed
        )
    with watch("load models"):
        parts = assemble(
            settings,
            gallery=lambda: AdaptedNeighbours(holder[0], "catalogue", undone),
            keep_mattes=True,
        )
    with (
        open_gallery(request.gallery, manifest=parts.manifest()) as gallery,
        Curation.open(request.gallery) as curation,
    ):
        holder.append(gallery)
        gallery.search_by(settings.search.index, parts.describer.threads)
        report = IngestReport(
            printable(str(request.folder)),
            printable(gallery.name),
            seen=scanned.seen,
            passed_over=scanned.passed_over,
            notes=[note for table in tables for note in table.notes],
        )
        curated = Curated.read(curation)
        current = _Run(
            request=request,
            settings=settings,
            describer=parts.describer,
            gallery=gallery,
            store=gallery.add,
            curation=curation,
            curated=curated,
            report=report,
            progress=request.progress,
            undone=undone,
            watch=watch,
            tables=tables,
        )
        try:
            _carry_out(current, scanned, labels)
            # Also where nothing changed: an ingest may have been stopped between its last image
            # and this.
            if request.adapt and settings.adapt.auto:
                with watch("adapt"):
                    joined = descriptors_of(parts.describer.embedder)
                    report.notes += adapt_where_due(
                        gallery, joined, lambda: searcher_of(parts, gallery)
                    )
            elif request.adapt and report.changed and _is_of_before(gallery, settings):
                report.notes += filter(None, [how_to_gain(gallery)])
        except KeyboardInterrupt:
            report.interrupted = True
            report.left = report.seen - sum(report.accounts.values())
        _conclude(current, started, cpu)
    return report


def _is_of_before(gallery: WritableGallery, settings: Settings) -> bool:
    """Whether it was made before galleries were adapted; not one that answers as the paper does."""
    return "adapt" not in gallery.manifest.settings and not settings.route.hard


def _scan(request: Request) -> Scan:
    if not isinstance(request.folder, StorePath):
        _require_folder(request.folder)
    scanned = scan(request.folder.resolve())
    if not scanned.images and not scanned.refused and not gallery_exists(request.gallery):
        raise ConfigError(
            f"{request.folder}: no images here or below.",
            remedy="JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF and HEIC files are read.",
        )
    return scanned


def _require_folder(folder: Path) -> None:
    try:
        problem = "" if folder.is_dir() else "no such folder"
        problem = "is not a folder" if problem and folder.exists() else problem
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    if problem:
        remedy = f"Name a folder of images, or an address that begins with {ADDRESSES}."
        raise ConfigError(f"{folder}: {problem}.", remedy=remedy)


def _manifest(request: Request) -> Manifest | None:
    """What the settings are held to: an empty gallery holds those that are given to nothing."""
    if not gallery_exists(request.gallery):
        return None
    with open_gallery(request.gallery) as gallery:
        given = request.profile or request.config or request.overrides
        return None if given and not len(gallery) else gallery.manifest


def _carry_out(current: _Run, scanned: Scan, labels: Labels) -> None:
    report, gallery = current.report, current.gallery
    with current.watch("plan"):
        planner, plan = _plan(current, scanned, labels)
        gone = planner.missing(current.request.folder)
        if current.request.prune and not current.request.force_prune:
            known = planner.below(current.request.folder)
            require_plausible(current.request.folder, known, gone, scanned.images)
        if current.request.labels is None and not current.request.forget_labels:
            require_no_loss(gallery.label_tables(), current.tables, plan.moved_from)
    with current.watch("store"):
        _remember_table(current, labels)
        _apply(current, plan)
    _describe_all(current, planner, plan.tasks)
    with current.watch("store"):
        report.removed += gallery.remove(plan.stale)
        if current.request.prune or current.request.force_prune:
            report.removed += gallery.remove([source.id for source in gone])
        else:
            report.missing = [source.uri for source in gone]
        _remember_skipped(current, plan)


def _remember_table(current: _Run, labels: Labels) -> None:
    for table in current.tables:
        remember(current.gallery, table, len(labels.given))
    if current.request.forget_labels:
        for base in current.gallery.label_tables():
            if path_of(base).is_relative_to(current.request.folder):
                current.gallery.keep_label_table(base, None)


def _remember_skipped(current: _Run, plan: Plan) -> None:
    """What the next ingest need not read again, and no longer what has changed since."""
    skipped = {file.uri: file for file in (*plan.skipped, *current.skipped)}
    before = current.gallery.skipped()
    forget = [
        uri
        for uri in before
        if uri not in skipped and path_of(uri).is_relative_to(current.request.folder)
    ]
    new = [file for uri, file in skipped.items() if before.get(uri) != file]
    if new or forget:
        current.gallery.keep_skipped(new, forget)


def _plan(current: _Run, scanned: Scan, labels: Labels) -> tuple[Planner, Plan]:
    made_by = decoders(ImageLimits.of(current.settings.images))
    skipped = {
        uri: file
        for uri, file in current.gallery.skipped().items()
        if file.decoders in ("", made_by)
    }
    reread = current.request.reread
    gallery = current.gallery
    planner = Planner(
        gallery.sources(),
        skipped,
        current.curated,
        gallery.withdrawn(),
        reread=reread,
        listed=(current.request.folder, scanned.listed),
    )
    for file in planner.known_first(scanned.images):
        planner.consider(file, labels.of(file))
    plan = planner.finish()
    report = current.report
    of_labels = [replace(refusal, of="labels") for refusal in labels.refused]
    report.refused += [*scanned.refused, *of_labels, *plan.refused]
    report.lost_rows += labels.lost_rows()
    report.notes += labels.notes()
    report.excluded = plan.excluded
    return planner, plan


def _apply(current: _Run, plan: Plan) -> None:
    """The changes that need no describing: exclusions, renames, new labels, copies under another
    product."""
    report, gallery = current.report, current.gallery
    report.removed += gallery.withdraw(plan.withdrawn)
    report.restored += gallery.restore(plan.restored)
    gallery.amend(plan.amends)
    for entry, identity in plan.copies:
        (original,) = gallery.records([identity])
        scores = CategoryScores.certain(entry.category or original.category)
        gallery.add([entry], [replace(original.description, scores=scores)])
    report.added += len(plan.copies)
    report.renamed, report.relabelled = plan.renamed, plan.relabelled
    report.unchanged, report.duplicates = plan.unchanged, plan.duplicates


def _describe_all(current: _Run, planner: Planner, tasks: list[Task]) -> None:
    settings = current.settings
    current.total = len(tasks)
    current.request.progress(0, current.total)
    if not tasks:
        return
    current.undone.update(
        task.known.id
        for task in tasks
        if task.known and task.known.overruled is not None and task.entry.category is None
    )
    if current.request.ray is not None:
        describe_on_ray(current, planner, tasks, current.undone, _place(current))
        return
    batch = settings.ingest.batch
    workers = current.request.workers or settings.ingest.workers or os.cpu_count() or 1
    workers = min(workers, len(tasks))
    limits = ImageLimits.of(settings.images)
    with DecodingPool(workers, limits, ahead=2 * batch) as pool:
        # All labelled images vote on the unlabelled ones, so they must be stored first.
        count = sum(task.entry.category is not None for task in tasks)
        describe_tasks(current, planner, pool, tasks[:count])
        with current.gallery.searching_as_now():
            describe_tasks(current, planner, pool, tasks[count:])


def _place(current: _Run) -> RayPlace:
    from engine.galleries.postgres import PostgresGallery

    request = current.request
    assert request.ray is not None and isinstance(current.gallery, PostgresGallery)
    return RayPlace(request.ray, str(request.gallery), current.gallery, request.workers)


def _conclude(current: _Run, started: float, cpu: float) -> None:
    report, gallery = current.report, current.gallery
    with current.watch("index"):
        large = current.describer.keypoints is not None and len(gallery) > WHOLE
        gallery.build_indexes(current.describer.keypoints if large else None)
    with gallery.snapshot():
        report.images, report.products = len(gallery), gallery.count_products()
        report.categories = len(gallery.categories())
        report.categories_from = gallery.category_counts()
        report.head = str(current.settings.classify.options.get("head", ""))
        report.notes += name_notes(gallery.categories(), gallery.products())
    report.total_seconds = time.perf_counter() - started
    report.cpu_seconds += _cpu_seconds() - cpu
    report.cores = report.cores or os.cpu_count() or 1
    report.seconds = dict(current.watch.seconds)
    with suppress(GalleryError):  # a full disk must not hide the report
        gallery.keep_report("ingest", report.to_json())


def _cpu_seconds() -> float:
    """User and system time of this process and of its ended children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
