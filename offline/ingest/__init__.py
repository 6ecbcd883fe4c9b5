"""Ingest a folder of images into a gallery: incremental, resumable, one transaction a batch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.types import Progress
    from offline.ingest.report import IngestReport


def ingest(
    folder: str | Path,
    gallery: str | Path,
    *,
    profile: str | None = None,
    config: str | Path | None = None,
    overrides: Iterable[str] = (),
    labels: str | Path | None = None,
    forget_labels: bool = False,
    workers: int | None = None,
    prune: bool = False,
    force_prune: bool = False,
    reread: bool = False,
    adapt: bool = True,
    ray: str | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Describe the new and changed images of ``folder`` and store them in the gallery ``gallery``.

    ``folder`` may be of an object store, such as s3://bucket/folder: see docs/ingesting.md.

    A gallery that exists keeps the settings it was made with; ``profile``, ``config`` and
    ``overrides`` ("section.key=value") may change only what does not change descriptions. A new
    gallery, or one without images, is made with ``profile``, by default the shipped default.
    ``labels`` is a CSV, .xlsx or JSON table, see ``offline.ingest.labels``; the gallery remembers
    it, and later ingests of the folder use it again, until another is given or ``forget_labels``.
    ``reread`` describes every image anew, also where its file looks as before; a moved file is
    known by its content and only renamed. ``prune`` deletes images below the folder whose files are
    gone; where no image is left in the folder or in a folder directly below it that had some, or
    where more than half would go, it raises ConfigError and does nothing, unless ``force_prune`` is
    given, which prunes in any case. Where ``[adapt] auto`` is set and the gallery has grown or
    shrunk by a tenth since, it is adapted to its catalogue (see ``offline.adapt``), unless
    ``adapt`` is False. ``ray``: the address of a Ray cluster whose machines describe, for a gallery
    in PostgreSQL; "" is the one of RAY_ADDRESS, or processes of this machine. ``workers`` are its
    processes then.

    Unreadable images are lines in the report and never raise. Raises ConfigError (folder,
    settings, labels), WeightsError, FingerprintError and GalleryError (locked, disk full).
    What a finished batch has stored stays stored, also when the process is killed after it.
    """
    # Imported here, so that `packsight ingest --help` need not wait for the models' runtime.
    from engine.object_stores import path_of
    from offline.ingest.run import Request, run

    return run(
        Request(
            folder=path_of(folder),
            gallery=gallery,
            profile=profile,
            config=None if config is None else Path(config),
            overrides=tuple(overrides),
            labels=None if labels is None else path_of(labels),
            forget_labels=forget_labels,
            workers=workers,
            prune=prune,
            force_prune=force_prune,
            reread=reread,
            adapt=adapt,
            ray=ray,
            progress=progress or (lambda done, total: None),
        )
    )
