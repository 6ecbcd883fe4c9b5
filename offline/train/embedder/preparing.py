"""From cutouts and a recipe to what can be trained: backgrounds, the starting network, batches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.types import IntArray, UInt8Array
from offline.store.cutouts import Cutouts
from offline.train.backgrounds import background_files
from offline.train.embedder.backgrounds import drawn_backgrounds, photo_backgrounds
from offline.train.embedder.batches import Grouped, Mined
from offline.train.embedder.data import EmbedderData
from offline.train.embedder.positives import Agreement, agreement, aligned_contours
from offline.train.embedder.recipe import DRAWN_BACKGROUNDS, EmbedderRecipe
from offline.train.embedder.source import Source
from offline.train.embedder.start import (
    Start,
    build_start,
    learned_start,
    pca_start,
    set_projection,
    settle_statistics,
)
from offline.train.embedder.task import EmbedderTask
from offline.train.embedder.validation import validation_task
from offline.train.torch_loop import Batches
from stages.assemble import CuttingParts

KEEP_BACKGROUND = ("crop", "whole")  # cutters that keep the background
BACKGROUND_SIZE = 1.25  # of the network's input: a part of a background still fills it


@dataclass(frozen=True)
class Prepared:
    task: EmbedderTask
    start: Start
    batches: Batches
    notes: tuple[str, ...]  # for the card and the terminal


def prepare(
    recipe: EmbedderRecipe,
    checkpoint: Path | None,
    data: EmbedderData,
    cutouts: Cutouts,
    cutting: CuttingParts,
    *,
    fresh: bool,
) -> Prepared:
    """``fresh``: nothing was learned yet; else the run's own checkpoint sets what learns."""
    validation = validation_task(data, cutouts)
    start = build_start(recipe, checkpoint)
    rows = np.array(cutouts.positions(data.train), np.int64)
    source = _source(recipe, start, cutouts, rows, cutting)
    embedder = start.embedder.to(source.device)
    notes = _settle(embedder, source, rows, drawn=checkpoint is None)
    found = _agreement(recipe, embedder, source, rows)
    if found is not None:
        notes.append(f"{found.pairs} pairs of images match by appearance and contour")
    labels, doubts = (data.labels, None) if found is None else (found.labels, found.doubts)
    if fresh and embedder.projection is not None and not start.whole:
        _start_projection(recipe, embedder, source, rows, labels)
    learner = _learner(embedder, recipe, int(labels.max()) + 1).to(source.device)
    task = EmbedderTask(learner, source, rows, labels, validation, doubts)
    if fresh and learner.head is not None:
        _set_centres(task)
    return Prepared(task, start, _batches(recipe, data, task), tuple(notes))


def _source(
    recipe: EmbedderRecipe, start: Start, cutouts: Cutouts, rows: IntArray, cutting: CuttingParts
) -> Source:
    import torch

    backgrounds = _backgrounds(recipe, cutting, cutouts.rgba, rows)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(cutting.threads)
    return Source(
        cutouts.rgba, start.spec, recipe.augmentation, backgrounds, device, cutting.threads
    )


def _backgrounds(
    recipe: EmbedderRecipe, cutting: CuttingParts, rgba: UInt8Array, rows: IntArray
) -> UInt8Array | None:
    """None where images keep their own: where a cutter takes it away, nothing else is served."""
    side = round(BACKGROUND_SIZE * recipe.input_size)
    chosen = recipe.backgrounds
    if chosen is None:
        chosen = DRAWN_BACKGROUNDS if cutting.settings.cutout.name in KEEP_BACKGROUND else 0
    if isinstance(chosen, Path):
        return photo_backgrounds(background_files(chosen), side)
    random = np.random.default_rng(recipe.seed)
    return drawn_backgrounds(chosen, side, rgba, rows.tolist(), random) if chosen else None


def _settle(embedder: Any, source: Source, rows: IntArray, *, drawn: bool) -> list[str]:
    def images(first: int, last: int) -> Any:
        return source.tensor(source.plain(rows[first:last]))

    needed = settle_statistics(embedder, images, len(rows), drawn=drawn)
    if drawn or not needed:
        return []
    return ["the checkpoint's batch normalisation was folded away: it has been given back"]


def _agreement(
    recipe: EmbedderRecipe, embedder: Any, source: Source, rows: IntArray
) -> Agreement | None:
    """Of images without labels, as the backbone sees them before it learns."""
    if recipe.learning.positives != "self":
        return None
    features = source.vectors(embedder, rows, source.plain, pooled=True)
    contours = aligned_contours(source.rgba[rows][..., 3])
    return agreement(features, contours, recipe.learning.agreement)


def _start_projection(
    recipe: EmbedderRecipe, embedder: Any, source: Source, rows: IntArray, labels: IntArray
) -> None:
    """Learned whitening counts an augmented copy of every image among those that match it: it
    is to ignore the light and the background as well as the side that a package shows."""
    way = recipe.network.projection_start
    if way == "random":
        return
    features = source.vectors(embedder, rows, source.plain, pooled=True)
    if way == "pca":
        set_projection(embedder, *pca_start(features, embedder.dimension))
        return
    random = np.random.default_rng(recipe.seed)
    copies = source.vectors(
        embedder, rows, lambda chosen: source.augmented(chosen, random), pooled=True
    )
    both, names = np.concatenate([features, copies]), np.concatenate([labels, labels])
    set_projection(embedder, *learned_start(both, names, embedder.dimension))


def _learner(embedder: Any, recipe: EmbedderRecipe, classes: int) -> Any:
    from offline.train.embedder.learner import Learner

    return Learner(embedder, recipe, classes)


def _set_centres(task: EmbedderTask) -> None:
    import torch

    device = task.source.device
    vectors = torch.from_numpy(task.gallery()).to(device)
    task.network.head.start_from(vectors, torch.from_numpy(task.labels).to(device))


def _batches(recipe: EmbedderRecipe, data: EmbedderData, task: EmbedderTask) -> Batches:
    chosen = recipe.learning
    if chosen.batches == "mined":
        return Mined(
            task.labels,
            recipe.batch_size,
            chosen.negatives,
            task.gallery,
            chosen.furthest,
            task.doubts,
        )
    families = data.families if chosen.batches == "family" else None
    return Grouped(
        task.labels,
        chosen.products_per_batch,
        chosen.views_per_product,
        families,
        chosen.images_per_turn,
        data.looks if chosen.balanced_looks else None,
    )
