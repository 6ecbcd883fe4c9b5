"""The section of a report on what a system costs."""

from __future__ import annotations

from engine.types import Progress
from offline.evaluate.efficiency.batches import Rate, rate
from offline.evaluate.efficiency.figures import (
    gallery_figures,
    memory_figures,
    model_figures,
    overview,
    time_blocks,
    time_groups,
)
from offline.evaluate.efficiency.memory import Job, peaks
from offline.evaluate.efficiency.photos import Timed, time_photos
from offline.evaluate.efficiency.scratch import fill, open_scratch, scratch_folder
from offline.evaluate.efficiency.sizes import gallery_size, model_sizes
from offline.evaluate.evidence import Evidence
from offline.evaluate.provenance import load_average, usable_cores
from offline.metrics.statistics import evenly
from offline.report.document import Group, Section
from stages.assemble import Parts

COUNT = 32  # photos; enough for a median, and for a p95 between the second and third largest


def efficiency_section(
    evidence: Evidence, count: int = COUNT, seed: int = 0, progress: Progress | None = None
) -> Section:
    """Asks ``count`` of the evidence's queries, evenly spread, of a real gallery of its records,
    which lies in a temporary folder.

    Raises ConfigError and GalleryError where that cannot be written, StageError where a part
    fails.
    """
    parts, pictures, before = evidence.parts, evidence.task.queries, load_average()
    settings = parts.settings
    chosen = [pictures[at] for at in evenly(len(pictures), count)]
    with scratch_folder() as folder:
        gallery = folder / "gallery"
        fill(gallery, parts, evidence.gallery)
        size = gallery_size(gallery, len(evidence.gallery))
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
    timed: Timed, found: Rate, asked: int, parts: Parts, before: float | None
) -> tuple[str, ...]:
    after = load_average()
    known = before is not None and after is not None
    load = f"; load {before:.1f} before, {after:.1f} after" if known else ""
    notes = [
        f"{parts.describer.threads} threads on {usable_cores()} cores{load}: what else the machine "
        "does falls on these times",
        f"times: {len(timed.items)} photos one at a time, from the file to the answer, after one "
        "to warm up; asked of a gallery on disk",
        f"throughput: {found.pictures} pictures in batches of {parts.settings.ingest.batch}, read, "
        "described, stored and indexed by one process; an ingest decodes in others beside",
        "memory: the most that a fresh process held up to each point, shared libraries included",
    ]
    lost = asked - len(timed.items)
    return (*notes, *([f"{lost} photos left out: cannot be read"] if lost else []))
