"""A described task as users meet it: its gallery adapted to itself, never to its queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.adaptation import Adaptation
from engine.galleries import open_gallery
from engine.types import Progress
from offline.adapt.fit import Fit
from offline.adapt.gallery import report_lines, report_of
from offline.adapt.judging import Vectors, queries_of, whole_products
from offline.adapt.left_out import Search, search_of
from offline.adapt.no_match import NAME as NO_MATCH
from offline.adapt.vectors import MOST_IMAGES
from offline.calibration.adaptation import adapt
from offline.datasets import DatasetImage
from offline.evaluate.efficiency.measure import fill, scratch_folder
from offline.evaluate.task import DescribedTask, VectorTask
from offline.store.images import HashedImage, hash_images
from stages.embed.joined import Descriptor


def adapt_task(
    task: DescribedTask,
    seed: int = 0,
    photos: Path | None = None,
    progress: Progress | None = None,
    *,
    absent: bool = False,
) -> DescribedTask:
    """Fitted by the code that adapts a gallery, to the gallery's images that are no query, and to
    ``photos`` that are none; the task as it is where all images are queries. ``absent``: also to
    the gallery without each product, for answers about it as an absent one.

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
            found = search_of(task.searcher, gallery, seed) if absent else Search(task.searcher)
    faults = (*task.faults, *outcome.faults, *filter(None, [found.note]))
    # A report has a section of its own on no match, and the gallery is gone by then.
    parts = tuple(part for part in outcome.report.parts if part.name != NO_MATCH)
    fit = outcome.report.model_copy(update={"parts": parts})
    fitted = replace(task, fit=fit, faults=faults)
    if adaptation is None:
        return fitted
    folds = [one.gallery.adaptation() or adaptation for one in found.folds]
    without_product = {product: folds[fold] for product, fold in found.fold_of.items()}
    return replace(fitted.compared_by(adaptation), without_product=without_product)


def _hashes(images: Sequence[DatasetImage]) -> frozenset[str]:
    return frozenset(one.sha256 for one in hash_images(images) if isinstance(one, HashedImage))


def adapt_vectors(
    task: VectorTask, seed: int = 0, descriptors: Sequence[Descriptor] = ()
) -> tuple[VectorTask, tuple[str, ...]]:
    """Of vectors alone: centred, weighted and projected where that gains among the gallery's images
    that are no query; and a sentence a part. No label of a query takes part. ``descriptors``: where
    a vector joins several."""
    asked = {image.id for image in task.task.queries} | {one.path for one in task.task.queries}
    images = task.task.gallery
    others = [at for at, image in enumerate(images) if not {image.id, image.path} & asked]
    if not others:
        return task, ("none: every image is a query",)
    names = np.array([images[at].product or images[at].id for at in others])
    products = np.unique(names, return_inverse=True)[1].astype(np.int64)
    places = whole_products(products, MOST_IMAGES, seed)
    gallery = Vectors(task.rows[np.array(others)[places]], products[places])
    queries = queries_of(gallery, None, seed)
    fitted = Fit(gallery, None, queries, seed, descriptors=descriptors).run()
    report = report_of(len(gallery), len(np.unique(gallery.products)), fitted, 0, len(queries))
    lines = tuple(report_lines(report))
    space = fitted.space
    if space is None:
        return task, lines
    means = space.catalogue_mean, space.photo_mean
    made = Adaptation(*means, space.projection, report, space.scale)
    rows, vectors = made.adapted(task.rows, "catalogue"), made.adapted(task.vectors, "photo")
    return replace(task, rows=rows, vectors=vectors, normalised=True), lines
