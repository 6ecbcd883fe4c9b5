"""Predictions of a trained classifier on a split, by the stage that serves it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifiers.runs import Run
from engine.errors import ConfigError
from engine.files import file_sha256
from engine.images import ImageLimits
from engine.types import CategoryScores, Cutout, Float64Array
from offline.datasets import Dataset, DatasetImage
from offline.store.cutouts import CutoutCache
from offline.train.training_set import Sample

BATCH = 16
TIMED = 20  # cutouts classified one by one, as a query is; the first one warms up
UNKNOWN = -1  # label of an image whose category the classifier does not know


@dataclass(frozen=True)
class Predictions:
    """Aligned: logits (N, C) before any temperature, scores as served, labels by position."""

    logits: Float64Array
    scores: list[CategoryScores]
    labels: np.ndarray[tuple[int], np.dtype[np.int64]]
    seconds: float  # a cutout, classified alone; median

    def of(self, known: bool) -> Predictions:
        """Those of images whose category is known to the classifier, or of all others."""
        keep = (self.labels != UNKNOWN) == known
        scores = [one for one, kept in zip(self.scores, keep, strict=True) if kept]
        return Predictions(self.logits[keep], scores, self.labels[keep], self.seconds)


def predict(run: Run, images: Sequence[DatasetImage], cache: Path) -> Predictions:
    """Cut (or find in the cache) and classify. ConfigError for images that cannot be read."""
    samples = [_sample(image, run.artefact.labels) for image in images]
    limits = ImageLimits.of(run.cutting.settings.images)
    store = CutoutCache(cache, run.cutting.fingerprint, limits)
    cutouts, faults = store.fill(samples, run.cutting.cutting, run.cutting.threads)
    if faults:
        raise ConfigError(f"{len(faults)} images cannot be measured. {faults[0]}")
    cut = [cutouts.cutout(row) for row in cutouts.positions(samples)]
    logits = [run.stage.logits(cut[start : start + BATCH]) for start in range(0, len(cut), BATCH)]
    rows = np.concatenate([np.empty((0, len(run.artefact.labels))), *logits])
    labels = np.array([sample.label for sample in samples], np.int64)
    return Predictions(rows, run.stage.scores(rows), labels, _seconds(run, cut[:TIMED]))


def all_images(dataset: Dataset) -> list[DatasetImage]:
    """Of all splits, each once."""
    found = {p.id: p for split in dataset.splits for p in dataset.images(split)}
    return list(found.values())


def _sample(image: DatasetImage, names: tuple[str, ...]) -> Sample:
    try:
        sha256 = file_sha256(image.path)
    except OSError as error:
        raise ConfigError(f"{image.path}: cannot be read ({error.strerror}).") from error
    known = image.category in names
    return Sample(image, sha256, names.index(str(image.category)) if known else UNKNOWN)


def _seconds(run: Run, cutouts: Sequence[Cutout]) -> float:
    taken = []
    for cutout in cutouts:
        start = time.perf_counter()
        run.stage.scores(run.stage.logits([cutout]))
        taken.append(time.perf_counter() - start)
    return float(np.median(taken[1:] or taken)) if taken else 0.0
