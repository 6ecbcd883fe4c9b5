"""A described task as users meet it: its gallery adapted to itself, never to its queries."""

from __future__ import annotations

from dataclasses import replace

from engine.galleries import open_gallery
from offline.adapt.gallery import adapt_gallery
from offline.evaluate.efficiency.measure import fill, scratch_folder
from offline.evaluate.task import DescribedTask


def adapt_task(task: DescribedTask, seed: int = 0) -> DescribedTask:
    """Fitted by the code that an ingest adapts a gallery with, to the gallery's images that are no
    query; the task as it is where all of them are, or nothing gains.

    Raises ConfigError where temporary files cannot be kept.
    """
    asked = {image.id for image in task.task.queries} | {one.path for one in task.task.queries}
    pairs = zip(task.gallery, task.task.gallery, strict=True)
    others = [record for record, image in pairs if not {image.id, image.path} & asked]
    if not others:
        return task
    with scratch_folder() as folder:
        fill(folder / "gallery", task.parts, others)
        with open_gallery(folder / "gallery", write=True) as gallery:
            report = adapt_gallery(gallery, seed=seed).report
            adaptation = gallery.adaptation()
    fitted = replace(task, fit=report)
    return fitted if adaptation is None else fitted.compared_by(adaptation)
