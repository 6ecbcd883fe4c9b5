"""`packsight train category-head`: labelled images in, a category head and its quality out.

All that is measured or calibrated is of images predicted by a head that saw nothing of their
family: see ``offline.datasets.hold_out.family_folds``. The head itself learns from all of them.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.category_head import CategoryHead
from engine.config import RouteSettings, Settings
from engine.errors import ConfigError
from engine.probabilities import as_logits, softmax_at
from engine.types import Float64Array, FloatArray, IntArray, Progress
from offline.adapt.probabilities import choose_unknown, fit_temperature, least_probability
from offline.adapt.softmax import Softmax, fit_softmax
from offline.datasets import DatasetImage, open_dataset
from offline.datasets.hold_out import FOLDS, family_folds, family_of
from offline.datasets.joined import joined
from offline.metrics.calibration import expected_calibration_error, negative_log_likelihood
from offline.metrics.classification import routing_metrics, scores_of
from offline.store.run_folder import RunFolder, unwritable
from offline.store.vectors import features
from offline.train.category_head.recipe import HeadRecipe
from stages.assemble import EmbeddingParts, assemble_embedding
from stages.classify._head_file import SUFFIX, HeadFile

RIDGES = (3.0, 1.0, 0.3, 0.1, 0.03)  # falling: each fit starts from the one before
REACH = 0.999  # fraction of photos whose category must be searched


@dataclass(frozen=True)
class HeadReport:
    file: HeadFile
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class LabelledVectors:
    rows: FloatArray  # (N, D)
    labels: IntArray  # (N,) of ``names``
    names: tuple[str, ...]
    folds: IntArray  # (N,): each is left out in turn
    faults: tuple[str, ...] = ()


def train_category_head(
    recipe: HeadRecipe, settings: Settings, progress: Progress | None = None
) -> HeadReport:
    """Fit, write and report. Raises ConfigError for data without two categories of two families
    each, unknown splits and a file that cannot be written; WeightsError as assembling does."""
    if recipe.out.suffix != SUFFIX:
        raise ConfigError(f"{recipe.out}: the file must be named *{SUFFIX}.")
    parts = assemble_embedding(settings)
    with _cache_of(recipe) as cache:
        data = _read(recipe, parts, cache, progress)
        unknown = _unknown(recipe, parts, cache, progress)
    head, figures = fit_category_head(data, unknown)
    file = HeadFile(head, parts.fingerprint, _tables(settings), figures)
    _write(file, recipe.out)
    return HeadReport(file, data.faults)


def fit_category_head(
    data: LabelledVectors, unknown: FloatArray | None = None
) -> tuple[CategoryHead, dict[str, float]]:
    """The head and what was measured on groups left out; ``unknown`` (M, D): of no category."""
    ridge, held_out = _chosen(data)
    softmax = _fitted(data, np.ones(len(data.labels), np.bool_), ridge)
    temperature = fit_temperature(held_out, data.labels)
    outliers = None if unknown is None else softmax.logits(unknown)
    honest = softmax_at(held_out, temperature)
    head = CategoryHead(
        data.names,
        softmax.weights,
        softmax.bias,
        temperature,
        unknown=choose_unknown(held_out, outliers, temperature=temperature),
        least=least_probability(honest, data.labels, REACH),
    )
    figures = {**_figures(data, honest), "ridge": ridge}
    if outliers is not None and head.unknown is not None:
        figures["unknown_images"] = float(len(outliers))
        figures["unknown_found"] = float(head.unknown.decide(outliers, temperature).mean())
    return head, figures


def _read(
    recipe: HeadRecipe, parts: EmbeddingParts, cache: Path, progress: Progress | None
) -> LabelledVectors:
    dataset = joined([open_dataset(folder) for folder in recipe.data])
    splits = recipe.splits or dataset.splits
    images = {p.id: p for split in splits for p in dataset.images(split) if p.category}
    found = features(list(images.values()), parts, cache, progress)
    kept = [p for p, there in zip(images.values(), found.readable, strict=True) if there]
    names = tuple(sorted({str(image.category) for image in kept}))
    groups = _groups(dataset.name, names, kept)
    categories = [str(image.category) for image in kept]
    return LabelledVectors(
        found.values[found.readable],
        np.array([names.index(name) for name in categories], np.int64),
        names,
        family_folds(groups, categories, FOLDS, np.random.default_rng(recipe.seed)),
        found.faults,
    )


def _groups(data: str, names: Sequence[str], images: Sequence[DatasetImage]) -> list[str]:
    """What is left out together: families, products where a category has one family."""
    if len(names) < 2:
        raise ConfigError(
            f"{data}: images of two categories are needed, there are {', '.join(names) or 'none'}.",
            remedy="Give a folder of images for each category: CATEGORY/PRODUCT/view.jpg.",
        )
    families = [family_of(image) for image in images]
    single = _of_one(images, families)
    products = [f"{image.category}/{image.product or image.id}" for image in images]
    groups = [
        product if image.category in single else family
        for image, family, product in zip(images, families, products, strict=True)
    ]
    if lone := _of_one(images, groups):
        raise ConfigError(
            f"{data}: a category needs two products, one to predict the other by: "
            f"{', '.join(sorted(lone))}.",
            remedy="Add products of these categories, or leave their folders out.",
        )
    return groups


def _of_one(images: Sequence[DatasetImage], groups: Sequence[str]) -> set[str]:
    """Categories of a single group."""
    pairs = {(str(image.category), group) for image, group in zip(images, groups, strict=True)}
    counts = Counter(category for category, _ in pairs)
    return {category for category, count in counts.items() if count < 2}


def _unknown(
    recipe: HeadRecipe, parts: EmbeddingParts, cache: Path, progress: Progress | None
) -> FloatArray | None:
    if recipe.unknown is None:
        return None
    dataset = open_dataset(recipe.unknown)
    images = {p.id: p for split in dataset.splits for p in dataset.images(split)}
    found = features(list(images.values()), parts, cache, progress)
    if not found.readable.any():
        raise ConfigError(f"--unknown {recipe.unknown}: none of its images can be read.")
    return found.values[found.readable]


def _chosen(data: LabelledVectors) -> tuple[float, Float64Array]:
    """The ridge of the least loss on families left out, and all images' logits with it (N, C)."""
    found: dict[float, Float64Array] = {r: np.zeros(_shape(data)) for r in RIDGES}
    for fold in np.unique(data.folds):
        held, start = data.folds == fold, None
        for ridge in RIDGES:
            start = _fitted(data, ~held, ridge, start)
            found[ridge][held] = start.logits(data.rows[held])
    return min(found.items(), key=lambda pair: _loss(pair[1], data.labels))


def _shape(data: LabelledVectors) -> tuple[int, int]:
    return len(data.labels), len(data.names)


def _fitted(
    data: LabelledVectors,
    kept: np.ndarray[tuple[int], np.dtype[np.bool_]],
    ridge: float,
    start: Softmax | None = None,
) -> Softmax:
    labels = data.labels[kept]
    counts = np.bincount(labels, minlength=len(data.names))
    weighs = 1.0 / counts[labels]  # every category counts the same
    return fit_softmax(data.rows[kept], labels, len(data.names), ridge, weighs, start)


def _loss(logits: Float64Array, labels: IntArray) -> float:
    return negative_log_likelihood(logits, labels, fit_temperature(logits, labels))


def _figures(data: LabelledVectors, honest: Float64Array) -> dict[str, float]:
    true = [data.names[label] for label in data.labels]
    routed = routing_metrics(scores_of(data.names, honest), true, RouteSettings())
    return {
        "images": float(len(true)),
        "accuracy": float((honest.argmax(axis=1) == data.labels).mean()),
        "log_loss": negative_log_likelihood(as_logits(honest), data.labels),
        "ece": expected_calibration_error(honest, data.labels),
        "route_reach": routed.reach,
        "route_searched": routed.searched,
    }


def _tables(settings: Settings) -> dict[str, dict[str, object]]:
    """What made the vectors, as a profile has it."""
    tables = settings.tables()
    sections = ("segment", "matting", "trust", "cutout", "embed", "whiten")
    return {name: tables[name] for name in sections if tables[name].get("name") != "none"}


def _write(file: HeadFile, out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error
    RunFolder(out.parent).write_text(out.name, file.text())


@contextmanager
def _cache_of(recipe: HeadRecipe) -> Iterator[Path]:
    if recipe.cache is not None:
        yield recipe.cache
        return
    with tempfile.TemporaryDirectory(prefix="packsight-") as folder:
        yield Path(folder)
