"""The efficiency section: time by stage, throughput, memory, bytes of models and a gallery."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.types import Progress
from offline.evaluate.efficiency.measure import (
    TOGETHER,
    GallerySize,
    Rate,
    Timed,
    fill,
    gallery_size,
    model_sizes,
    open_scratch,
    rate,
    scratch_folder,
    time_photos,
)
from offline.evaluate.efficiency.memory import Job, Peaks, peaks
from offline.evaluate.provenance import load_average, usable_cores
from offline.evaluate.task import DescribedTask
from offline.metrics.statistics import evenly
from offline.report.document import Bars, Block, Figure, Group, Section, Series, Unit
from offline.report.figures import averaged, percentile
from stages.assemble import Parts

COUNT = 32  # photos; enough for a median, and for a p95 between the second and third largest
PERCENTILES = {"median": 50, "95th percentile": 95}
NO_PHOTO = "no photo can be read"
KILLED = "the process that measures it ended early"
UNKNOWN = "no photo can be read, or this platform does not report it"


def efficiency_section(
    task: DescribedTask, count: int = COUNT, seed: int = 0, progress: Progress | None = None
) -> Section:
    """Searches for ``count`` of the queries, evenly spread, in a real gallery of the task's
    records, which lies in a temporary folder.

    Raises ConfigError and GalleryError where that cannot be written, StageError where a part
    fails.
    """
    parts, images, before = task.parts, task.task.queries, load_average()
    settings = parts.settings
    chosen = [images[at] for at in evenly(len(images), count)]
    with scratch_folder() as folder:
        gallery = folder / "gallery"
        fill(gallery, parts, task.gallery, task.adaptation)
        size = gallery_size(gallery, len(task.gallery))
        with open_scratch(gallery, settings) as opened:
            timed = time_photos(chosen, opened, progress=progress)
            found = rate(chosen, opened, folder / "filling", settings.ingest.batch)
        batch = tuple(chosen[: settings.ingest.batch])
        memory = peaks(Job(gallery, settings, batch))
    groups = [
        overview(timed, found, memory, len(batch), size, seed),
        *time_groups(timed, seed),
        Group(name="memory held", figures=memory_figures(memory, len(batch))[1:]),
        Group(name="models", figures=model_figures(model_sizes(settings, parts.weights))),
        Group(name="gallery", figures=gallery_figures(size)[1:]),
    ]
    return Section(
        stage="efficiency",
        groups=tuple(groups),
        blocks=time_blocks(timed),
        notes=_notes(timed, found, len(chosen), parts, before),
    )


def _notes(
    timed: Timed, found: Rate, chosen: int, parts: Parts, before: float | None
) -> tuple[str, ...]:
    after = load_average()
    known = before is not None and after is not None
    load = f"; load {before:.1f} before, {after:.1f} after" if known else ""
    notes = [
        f"{parts.describer.threads} threads on {usable_cores()} cores{load}: these times "
        "include what else the machine does",
        f"times: {len(timed.items)} photos one at a time, from the file to the answer, after one "
        "to warm up; searched in a gallery on disk",
        f"throughput: {found.images} images in batches of {parts.settings.ingest.batch}, read, "
        "described, stored and indexed by one process; an ingest decodes in others beside",
        "memory: the most that a fresh process held up to each point, shared libraries included",
    ]
    if parts.networks:
        runs_by = dict.fromkeys(session.runs_by for session in parts.networks)
        notes.append(f"networks are run by {' and '.join(runs_by)}")
    lost = chosen - len(timed.items)
    return (*notes, *([f"{lost} photos left out: cannot be read"] if lost else []))


def overview(
    timed: Timed, found: Rate, held: Peaks | None, batch: int, size: GallerySize, seed: int
) -> Group:
    """The most important figure of each kind."""
    answer = percentile("photo to answer, median", timed.together, 50, seed=seed)
    return Group(
        name="in short",
        figures=(
            answer,
            rate_figure(found),
            memory_figures(held, batch)[0],
            gallery_figures(size)[0],
        ),
        meaning="How long one photo waits, how many an ingest describes, the most memory that "
        "either held, and what an image takes in the gallery.",
    )


def time_groups(timed: Timed, seed: int) -> list[Group]:
    """Milliseconds by stage: median and 95th percentile; the mean has the value of each photo."""
    return [
        Group(
            name=stage,
            figures=(
                *(percentile(name, values, q, seed=seed) for name, q in PERCENTILES.items()),
                averaged("mean", values, seed=seed, better="lower", unit="ms", why=NO_PHOTO),
            ),
            items=timed.items,
        )
        for stage, values in timed.milliseconds.items()
    ]


def time_blocks(timed: Timed) -> tuple[Block, ...]:
    """Nothing where no photo was timed."""
    if not timed.items:
        return ()
    stages = {name: values for name, values in timed.milliseconds.items() if name != TOGETHER}
    places = tuple(map(float, range(len(stages))))
    series = [
        Series(name=name, xs=places, ys=tuple(float(np.percentile(v, q)) for v in stages.values()))
        for name, q in PERCENTILES.items()
    ]
    title = "Where the time of a photo goes"
    return (Bars(title=title, labels=tuple(stages), series=tuple(series), unit="ms", told=True),)


def rate_figure(found: Rate) -> Figure:
    return Figure(
        name="throughput",
        value=found.per_second,
        unit="images/s",
        why="" if found.per_second is not None else NO_PHOTO,
    )


def memory_figures(found: Peaks | None, batch: int) -> tuple[Figure, ...]:
    """The last, the largest, comes first: a machine must have it."""
    why = KILLED if found is None else UNKNOWN
    held = found or Peaks(None, None, None, None)
    named = {
        f"memory, batch of {batch}": held.batch,
        "memory, one photo": held.photo,
        "memory, models loaded": held.models,
        "memory, program started": held.started,
    }
    return tuple(_size(name, value, why) for name, value in named.items())


def model_figures(sizes: Mapping[str, int]) -> tuple[Figure, ...]:
    """All together, then each; the shipped parts that need no weights have no size."""
    return (
        _size("all models", sum(sizes.values())),
        *(_size(name, value) for name, value in sorted(sizes.items())),
    )


def gallery_figures(found: GallerySize) -> tuple[Figure, ...]:
    """Bytes an image. A small gallery takes more: its files have a least size."""
    each = {
        "gallery, an image": found.database + found.indexes,
        "database, an image": found.database,
        "indexes, an image": found.indexes,
    }
    why = "" if found.images else "the gallery is empty"
    figures = [
        _size(name, whole / found.images if found.images else None, why)
        for name, whole in each.items()
    ]
    images = Figure(name="images", value=found.images, better="neither", unit="pictures")
    return (*figures, images)


def _size(name: str, value: float | None, why: str = "") -> Figure:
    unit: Unit = "bytes"
    reason = "" if value is not None else why
    return Figure(name=name, value=value, better="lower", unit=unit, why=reason)
