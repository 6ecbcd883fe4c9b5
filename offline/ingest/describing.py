"""Tasks of an ingest described: decoded, cut out, described in batches and stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from engine.config import Settings
from engine.curated import Curated, cut_by_hand
from engine.curation import Curation
from engine.decoding import DecodingPool, PassingError, decoders
from engine.describe import Describer
from engine.errors import ConfigError, ImageError, StageError
from engine.images import ImageLimits
from engine.parallel import ahead, one_blas_thread
from engine.timings import Stopwatch
from engine.types import Description, Entry, Matte, Progress, RGBImage, SkippedFile
from offline.ingest.plan import Planner, Task
from offline.ingest.report import IngestReport
from offline.ingest.scan import ImageFile, Refusal
from stages.assemble import threads_of


@dataclass(frozen=True, eq=False)
class Ready:
    """A task whose image has been read; ``matte``: of the mask that a person drew of it."""

    task: Task
    entry: Entry
    image: RGBImage
    matte: Matte | None = None


@dataclass(kw_only=True)
class Describing:
    """What the steps of describing share. ``store`` keeps a batch."""

    settings: Settings
    describer: Describer
    store: Callable[[Sequence[Entry], Sequence[Description]], object]
    curation: Curation
    curated: Curated
    report: IngestReport
    progress: Progress
    watch: Stopwatch = field(default_factory=Stopwatch)
    skipped: list[SkippedFile] = field(default_factory=list)  # need not be read the next time
    done: int = 0
    total: int = 0

    def advance(self, images: int = 1) -> None:
        self.done += images
        self.progress(self.done, self.total)


def describe_tasks(
    current: Describing, planner: Planner, pool: DecodingPool, tasks: Sequence[Task]
) -> None:
    """Describe and store the images of the tasks; what becomes of others goes to the report."""
    _describe_group(current, _read(current, planner, pool, tasks))


def _describe_group(current: Describing, ready: Iterator[Ready]) -> None:
    """Several batches at once: in each, most stages have parts that occupy one core alone."""

    def described(chunk: list[Ready]) -> tuple[list[Description], Stopwatch]:
        watch = Stopwatch()
        return _descriptions(current, chunk, watch), watch

    batches = ahead(described, _batches(current, ready), at_once=threads_of(current.settings))
    # Held here: the batches' threads would end each other's limit.
    with one_blas_thread(), closing(batches):
        for chunk, outcome in batches:
            _finish(current, chunk, outcome)


def _batches(current: Describing, ready: Iterator[Ready]) -> Iterator[list[Ready]]:
    while chunk := _next(current, ready, current.settings.ingest.batch):
        yield chunk


def _read(
    current: Describing, planner: Planner, pool: DecodingPool, tasks: Sequence[Task]
) -> Iterator[Ready]:
    """The tasks whose images can be read and are no duplicates; the others go to the report."""
    results = pool.map(task.file.path for task in tasks)
    for task, result in zip(tasks, results, strict=True):
        if isinstance(result, ImageError):
            refusal = Refusal(task.file.uri, result.reason, result.remedy)
            current.report.refused.append(refusal)
            if not isinstance(result, PassingError):
                current.skipped.append(_undecodable(current, task.file, result))
            current.advance()
            continue
        entry = current.curated.applied(task.entry, result.sha256)
        if planner.is_excluded(entry, task.known):
            current.advance()
            continue
        if duplicate := planner.is_duplicate(entry, task.known):
            current.report.duplicates.append(duplicate)
            current.advance()
            continue
        yield _cut_by_hand(current, Ready(task, entry, result.image))


def _cut_by_hand(current: Describing, ready: Ready) -> Ready:
    """With the matte of the mask that a person drew, if there is one."""
    entry, mask = cut_by_hand(ready.entry, current.curation)
    matte = None if mask is None else mask.matte(ready.image.height, ready.image.width)
    return replace(ready, entry=entry, matte=matte)


def _undecodable(current: Describing, file: ImageFile, error: ImageError) -> SkippedFile:
    return SkippedFile(
        uri=file.uri,
        size=file.size,
        mtime_ns=file.mtime_ns,
        ctime_ns=file.ctime_ns,
        inode=file.inode,
        reason=error.reason,
        remedy=error.remedy,
        decoders=decoders(ImageLimits.of(current.settings.images)),
    )


def _next(current: Describing, ready: Iterator[Ready], size: int) -> list[Ready]:
    with current.watch("wait for decoding"):
        return list(islice(ready, size))


def _finish(
    current: Describing, chunk: list[Ready], outcome: Future[tuple[list[Description], Stopwatch]]
) -> None:
    """Store what was described; where a stage failed, image by image, to spare the others."""
    try:
        descriptions, watch = outcome.result()
        current.watch.add(watch)
        _store(current, chunk, descriptions)
        current.advance(len(chunk))
    except StageError:
        if not current.report.described:
            try_out(current.describer, chunk[0].entry.category)
        for ready in chunk:
            try:
                descriptions = _descriptions(current, [ready], current.watch)
            except StageError as error:
                reason = f"{error.stage} failed: {error.reason}"
                current.report.refused.append(Refusal(ready.entry.uri, reason, error.remedy))
            else:
                _store(current, [ready], descriptions)
            current.advance()


def try_out(describer: Describer, category: str | None) -> None:
    """Describe a drawn box; ConfigError where that fails too: no image can be described."""
    pixels = np.full((96, 96, 3), 255, np.uint8)
    pixels[24:72, 32:64] = (40, 90, 160)
    try:
        describer.describe([RGBImage(pixels, "a drawn box")], [category])
    except StageError as error:
        raise ConfigError(
            f"{error.stage} can describe no image ({error.reason}). Nothing was described.",
            remedy=error.remedy or f"Name another model with --set {error.stage}.KEY=VALUE.",
        ) from error


def _descriptions(current: Describing, chunk: list[Ready], watch: Stopwatch) -> list[Description]:
    images = [ready.image for ready in chunk]
    categories = [ready.entry.category for ready in chunk]
    mattes = [ready.matte for ready in chunk]
    described = current.describer.describe(images, categories, watch, mattes)
    return [item.description for item in described]


def _store(current: Describing, chunk: list[Ready], descriptions: list[Description]) -> None:
    with current.watch("store"):
        current.store([ready.entry for ready in chunk], descriptions)
    _count_masks(current.report, chunk, descriptions)
    updated = sum(ready.task.known is not None for ready in chunk)
    current.report.updated += updated
    current.report.added += len(chunk) - updated


def _count_masks(report: IngestReport, chunk: list[Ready], kept: list[Description]) -> None:
    """Those without a product, and those of a product that are not trusted."""
    for ready, description in zip(chunk, kept, strict=True):
        uri, quality = ready.entry.uri, description.quality
        if quality.no_product:
            report.without_mask += 1
            report.first_without_mask = report.first_without_mask or uri
        elif quality.untrusted:
            report.untrusted += 1
            report.first_untrusted = report.first_untrusted or uri
