"""A described task as users meet it: its gallery adapted to itself, never to its queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.galleries import open_gallery
from engine.types import Progress
from offline.calibration.adaptation import adapt
from offline.datasets import DatasetImage
from offline.evaluate.efficiency.measure import fill, scratch_folder
from offline.evaluate.task import DescribedTask
from offline.store.images import HashedImage, hash_images


def adapt_task(
    task: DescribedTask,
    seed: int = 0,
    photos: Path | None = None,
    progress: Progress | None = None,
) -> DescribedTask:
    """Fitted by the code that adapts a gallery, to the gallery's images that are no query, and to
    ``photos`` that are none; the task as it is where all images are queries.

    Raises ConfigError where temporary files cannot be kept, and for photos that do not do.
    """
    asked = {image.id for image in task.task.queries} | {one.path for one in task.task.queries}
    pairs = zip(task.gallery, task.task.gallery, strict=True)
    others = [record for record, image in pairs if not {image.id, image.path} & asked]
    if not others:
        return task
    with scratch_folder() as folder:
        fill(folder / "gallery", task.parts, others)
        without = _hashes(task.task.queries) if photos is not None else frozenset[str]()
        outcome = adapt(folder / "gallery", photos, seed=seed, progress=progress, without=without)
        with open_gallery(folder / "gallery") as gallery:
            adaptation = gallery.adaptation()
    fitted = replace(task, fit=outcome.report, faults=(*task.faults, *outcome.faults))
    return fitted if adaptation is None else fitted.compared_by(adaptation)


def _hashes(images: Sequence[DatasetImage]) -> frozenset[str]:
    return frozenset(one.sha256 for one in hash_images(images) if isinstance(one, HashedImage))
