"""One run of `packsight train trust`: images with masks in, a trust file and its quality out.

Every value is of masks that took no part in the fit that judged them: folds of whole families.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.config import Settings, StageSettings
from engine.errors import ConfigError
from engine.images import ImageLimits
from engine.linear_model import LinearModel
from engine.types import BoolArray, Float64Array, IntArray, Progress
from offline.adapt.logistic import (
    fit_logistic,
    grouped_folds,
    held_out_probabilities,
    log_loss,
)
from offline.datasets import Dataset, DatasetImage, open_dataset
from offline.metrics.calibration import expected_calibration_error
from offline.metrics.classification import auroc
from offline.metrics.masks import CORRECT_IOU
from offline.store.run_folder import RunFolder, unwritable
from offline.train.trust.recipe import INCORRECT_COST, TrustRecipe
from offline.train.trust.samples import MaskSamples, mask_samples
from stages.assemble import assemble_cutting
from stages.context import StageIdentity
from stages.trust._features import NAMES
from stages.trust._model import AGREEMENT, REACH, Segmenter, TrustModel

FOLDS = 5
RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0)  # the best is chosen by held-out log loss
LEAST = 20  # masks of each class, below which so many features fit noise
BINS = 10  # of the calibration error: a few hundred masks fill no more
NOTES_SHOWN = 5


@dataclass(frozen=True)
class TrustReport:
    """``tests``: the quality on each split of images that took no part in the fit."""

    recipe: TrustRecipe
    model: TrustModel
    tests: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...]

    def text(self) -> str:
        out, threshold = self.recipe.out, self.model.threshold
        lines = [f"{out}: trusts masks from a probability of {threshold:.2f}"]
        lines.append(_line("held out in folds", self.model.figures))
        lines += [_line(name, values) for name, values in self.tests.items()]
        lines += self.notes[:NOTES_SHOWN]
        if len(self.notes) > NOTES_SHOWN:
            lines.append(f"and {len(self.notes) - NOTES_SHOWN} more were left out")
        return "\n".join(lines)


def train_trust(
    recipe: TrustRecipe, settings: Settings, progress: Progress | None = None
) -> TrustReport:
    """Fit, write and report. Raises ConfigError for data without masks, unknown splits, too few
    masks of a class and a file that cannot be written; WeightsError as assembling does."""
    dataset = open_dataset(recipe.data)
    tested = {name: _chosen(dataset, [name], recipe, taken=()) for name in recipe.test_splits}
    taken = {image.id for images in tested.values() for image in images}
    names = recipe.splits or tuple(n for n in dataset.splits if n not in recipe.test_splits)
    learned = _chosen(dataset, names, recipe, taken)
    # Matting comes after the trust, and a trust of these settings may not fit the segmenter yet.
    none = StageSettings(name="none")
    parts = assemble_cutting(settings.model_copy(update={"matting": none, "trust": none}))
    sampled = partial(
        mask_samples,
        segmenter=parts.cutting.segmenter,
        second_look=recipe.second_look,
        limits=ImageLimits.of(settings.images),
        progress=progress,
    )
    masks = sampled(learned)
    model = fit_trust(
        masks,
        _fitted_to(parts.segmenter, recipe.known_as),
        data=f"{len(masks)} masks of {dataset.name}: {', '.join(names)}",
        correct_iou=CORRECT_IOU if recipe.correct_iou is None else recipe.correct_iou,
        incorrect_cost=recipe.incorrect_cost,
        seed=recipe.seed,
    )
    tests: dict[str, Mapping[str, float]] = {}
    for name, images in tested.items():
        values = quality_on(model, sampled(images))
        tests |= {key.format(name): value for key, value in values.items()}
    try:
        recipe.out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(recipe.out, error) from error
    RunFolder(recipe.out.parent).write_text(recipe.out.name, model.text())
    return TrustReport(recipe, model, tests, masks.notes)


def fit_trust(
    masks: MaskSamples,
    segmenter: Segmenter,
    *,
    data: str,
    correct_iou: float = CORRECT_IOU,
    incorrect_cost: float = INCORRECT_COST,
    seed: int = 0,
) -> TrustModel:
    """A model without and, where the images were segmented twice, one with the second look.

    Raises ConfigError where there are too few correct or incorrect masks to learn from.
    """
    correct = masks.iou >= correct_iou
    _refuse_one_sided(correct, correct_iou)
    folds = grouped_folds(masks.groups, FOLDS, seed)
    threshold = least_trust(incorrect_cost)
    first, held_out = _fitted(masks.features(second=False), correct, NAMES, folds)
    measured = {"masks": float(len(masks)), "right": float(correct.mean())}
    measured |= quality(held_out, correct)
    second, doubtful = None, (threshold, threshold)
    if masks.agreement is not None:
        names = (*NAMES, AGREEMENT)
        second, twice = _fitted(masks.features(second=True), correct, names, folds)
        measured |= {f"second_{name}": value for name, value in quality(twice, correct).items()}
        doubtful = _doubtful(held_out, twice, threshold)
    return TrustModel(
        segmenter=segmenter,
        right_iou=correct_iou,
        threshold=threshold,
        doubtful=doubtful,
        first=first,
        second=second,
        data=data,
        figures={name: round(value, 4) for name, value in measured.items()},
    )


def least_trust(incorrect_cost: float) -> float:
    """The probability of being correct from which using a mask pays.

    Using it costs ``incorrect_cost`` when it is incorrect, discarding it costs 1 when it is
    correct: using pays where (1 - p) * incorrect_cost <= p (Elkan: The Foundations of
    Cost-Sensitive Learning, IJCAI 2001, equation 2).
    """
    return incorrect_cost / (1 + incorrect_cost)


def quality(probabilities: Float64Array, correct: BoolArray) -> Mapping[str, float]:
    """AUROC (0.5 where all masks are of one class), ECE and log loss."""
    both = np.column_stack([1 - probabilities, probabilities])
    one_sided = not 0 < correct.mean() < 1
    return {
        "auroc": 0.5 if one_sided else auroc(probabilities[correct], probabilities[~correct]),
        "ece": expected_calibration_error(both, correct.astype(np.int64), BINS),
        "log_loss": log_loss(probabilities, correct),
    }


def quality_on(model: TrustModel, masks: MaskSamples) -> dict[str, Mapping[str, float]]:
    """On masks that took no part in the fit, by "{}" (one look) and "{}, second look"."""
    if not len(masks):
        return {}
    correct = masks.iou >= model.right_iou
    counts = {"masks": float(len(masks)), "right": float(correct.mean())}
    once = model.first.probability(masks.features(second=False))
    found: dict[str, Mapping[str, float]] = {"{}": {**counts, **quality(once, correct)}}
    if model.second is not None and masks.agreement is not None:
        twice = model.second.probability(masks.features(second=True))
        found["{}, second look"] = {**counts, **quality(twice, correct)}
    return found


def _chosen(
    dataset: Dataset, names: Iterable[str], recipe: TrustRecipe, taken: Iterable[str]
) -> Sequence[DatasetImage]:
    """Images with masks, each once, at most ``limit`` a split, drawn at random."""
    random = np.random.default_rng(recipe.seed)
    chosen: dict[str, DatasetImage] = {}
    for name in names:
        images = [p for p in dataset.images(name) if p.mask is not None and p.id not in taken]
        if recipe.limit is not None and len(images) > recipe.limit:
            drawn = np.sort(random.permutation(len(images))[: recipe.limit])
            images = [images[position] for position in drawn]
        chosen |= {image.id: image for image in images}
    if not chosen:
        raise ConfigError(
            f"{dataset.root}: no image of {', '.join(names) or 'it'} has a true mask.",
            remedy="Give a data set with masks: packsight data packbench --out DIR renders one.",
        )
    return list(chosen.values())


def _fitted(
    rows: Float64Array, correct: BoolArray, names: tuple[str, ...], folds: IntArray
) -> tuple[LinearModel, Float64Array]:
    """The fit to all, and (N,) probabilities by fits to the other folds."""
    tried = {
        ridge: held_out_probabilities(rows, correct, names, ridge, folds, REACH) for ridge in RIDGES
    }
    ridge = min(RIDGES, key=lambda ridge: log_loss(tried[ridge], correct))
    return fit_logistic(rows, correct, names, ridge, reach=REACH), tried[ridge]


def _doubtful(first: Float64Array, second: Float64Array, threshold: float) -> tuple[float, float]:
    """The first probabilities between which lie nine of ten of the decisions that a second look
    changed."""
    changed = first[(first >= threshold) != (second >= threshold)]
    if not len(changed):
        return threshold, threshold
    low, high = np.quantile(changed, [0.05, 0.95])
    return float(min(low, threshold)), float(max(high, threshold))


def _refuse_one_sided(correct: BoolArray, correct_iou: float) -> None:
    positives, negatives = int(correct.sum()), int((~correct).sum())
    if min(positives, negatives) < LEAST:
        raise ConfigError(
            f"{positives} masks are correct (IoU of {correct_iou:g} or more) and {negatives} "
            f"incorrect: at least {LEAST} of each are needed to learn from.",
            remedy="Give more images, or harder ones, with --split; or another --correct-iou.",
        )


def _fitted_to(segmenter: StageIdentity, known_as: tuple[str, ...]) -> Segmenter:
    return Segmenter(
        name=segmenter.name,
        weights=tuple(sorted(segmenter.weights.values())),
        known_as=known_as,
        options=segmenter.options,
    )


def _line(name: str, values: Mapping[str, float]) -> str:
    shown = [
        f"{'correct' if key == 'right' else key} {value:.3f}"
        for key, value in values.items()
        if key != "masks"
    ]
    return f"{name}: {values['masks']:.0f} masks, {', '.join(shown)}"
