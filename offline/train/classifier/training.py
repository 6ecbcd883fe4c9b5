"""One classifier from labelled images: cut, learn, export, calibrate, write it all down."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.config import Settings
from engine.errors import ConfigError
from engine.images import ImageLimits
from engine.types import FloatArray
from engine.user_folders import expanded
from offline.datasets import Dataset, open_dataset
from offline.store.cutouts import CutoutCache, Cutouts
from offline.store.run_folder import Recipe, RunFolder, open_run
from offline.train.classifier.calibrate import Logits, calibrated
from offline.train.classifier.card import Facts, card_of
from offline.train.classifier.checkpoint import save_weights
from offline.train.classifier.crossfit import can_cross_fit, cross_fit
from offline.train.classifier.frozen import described, fit_head, refit_head
from offline.train.classifier.loop import best_epoch, compile_model, fit, predict, refit
from offline.train.classifier.network import (
    LOGITS,
    base_of,
    build_network,
    check_side,
    count_parameters,
    import_keras,
    keep_statistics,
    load_base_weights,
    part,
    require_keras,
    set_precision,
)
from offline.train.classifier.recipe import (
    IMAGENET,
    NO_WEIGHTS,
    ClassifierRecipe,
    ClassifierSplits,
)
from offline.train.classifier.sources import CutoutSource, class_weights, cutout_source
from offline.train.classifier.to_onnx import Order, store_classifier
from offline.train.classifier.unfold import is_folded, unfold
from offline.train.run import Callbacks, Trained
from offline.train.training_set import Labelled, Sample, read_labelled, unlabelled_samples
from stages.assemble import CuttingParts, assemble_cutting
from weights.catalog import find_entry, load_catalog
from weights.checksums import digests_of
from weights.export import ExportReport
from weights.fetch import FetchPolicy, fetch_checkpoint
from weights.sidecar import SourceFacts

MODEL = "classifier.onnx"
WHOLE = "network.npz"  # the weights that are exported, backbone and head
REFIT = "refit"  # the folder of the training on all images
CARD = "card.md"


@dataclass(frozen=True)
class _Learned:
    """``logits`` (N, C) of the validation images and ``outliers`` of those of no category, by the
    network that had not seen the former; ``held_out``: out-of-fold logits and labels, see
    ``crossfit``."""

    network: Any
    history: list[dict[str, float]]
    logits: Logits
    outliers: Logits | None
    held_out: tuple[Logits, npt.NDArray[np.int64]] | None


def train_classifier(
    dataset: Dataset,
    out: Path,
    recipe: ClassifierRecipe,
    settings: Settings,
    *,
    splits: ClassifierSplits | None = None,
    cache: Path | None = None,
    callbacks: Callbacks | None = None,
) -> Trained:
    """Train into the folder ``out``, or go on with the run that is in it.

    ``settings`` decide how images are cut, as in serving. Leaves classifier.onnx with its sidecar
    and artefact, card.md, the recipe, the history and the checkpoint. Raises ConfigError and
    WeightsError for whatever a user can mend.
    """
    check_side(recipe.input_size)
    splits, callbacks = splits or ClassifierSplits(), callbacks or Callbacks()
    labelled = labelled_images(dataset, recipe, splits)
    missing: list[str] = []
    unknown = open_dataset(splits.unknown) if splits.unknown else None
    outliers = unlabelled_samples(unknown, missing) if unknown else []
    for note in (*labelled.notes, *missing):
        callbacks.note(note)
    checkpoint = backbone_checkpoint(recipe, settings)
    cutting = assemble_cutting(settings)
    require_keras()
    plan = _plan(dataset, labelled, recipe, cutting, checkpoint)
    with open_run(out, plan) as run:
        folder = cache or run.path / "cutouts"
        cutouts, labelled = _cut(folder, labelled, outliers, cutting, callbacks)
        unknown_images = _there(outliers, cutouts)
        learned = _learn(run, labelled, unknown_images, cutouts, recipe, checkpoint, callbacks)
        network = learned.network
        report = _export(run, network, recipe, labelled)
        parameters = count_parameters(network)
        metrics = calibrated(
            report,
            labelled,
            cutting,
            run,
            parameters=parameters,
            logits=learned.logits,
            outliers=learned.outliers,
            held_out=learned.held_out,
        )
        facts = Facts(
            dataset, labelled, recipe, cutting, learned.history, metrics, parameters, report
        )
        card = run.write_text(CARD, card_of(facts).text())
        return Trained(report, card, learned.history, metrics=metrics)


def labelled_images(
    dataset: Dataset, recipe: ClassifierRecipe, splits: ClassifierSplits
) -> Labelled:
    """What is learned and what validates; errors as of ``read_labelled``."""
    return read_labelled(
        dataset,
        train=splits.train,
        validation=splits.validation,
        hold_out=splits.hold_out,
        folds=splits.folds,
        min_images=splits.min_images,
        drop_small=splits.drop_small,
        seed=recipe.seed,
    )


def backbone_checkpoint(recipe: ClassifierRecipe, settings: Settings) -> Path | None:
    """The .h5 file that the backbone starts from; None to start from nothing."""
    if recipe.weights == NO_WEIGHTS:
        return None
    if recipe.weights != IMAGENET:
        path = expanded(recipe.weights)
        if not path.is_file():
            raise ConfigError(
                f"--weights {recipe.weights}: there is no such file.",
                remedy="Give an .h5 file of keras.applications, imagenet, or none.",
            )
        return path
    directory = Path(settings.weights.directory) if settings.weights.directory else None
    policy = FetchPolicy(directory=directory, download=settings.weights.download)
    return fetch_checkpoint(find_entry(recipe.keras_backbone.weights, load_catalog()), policy).path


def _plan(
    dataset: Dataset,
    labelled: Labelled,
    recipe: ClassifierRecipe,
    cutting: CuttingParts,
    checkpoint: Path | None,
) -> Recipe:
    """Everything that changes the course of a training. How far it goes does not: a run that has
    ended can be given more epochs."""
    images = [*labelled.train, *labelled.validation]
    content = "".join(f"{sample.sha256}{sample.label}" for sample in images)
    schedule = asdict(recipe.schedule)
    patience = schedule.pop("patience")
    schedule.pop("epochs")
    return {
        "data": dataset.name,
        "pictures": _sha256(content),
        "categories": list(labelled.names),
        "cutting": cutting.fingerprint,
        "backbone": recipe.keras_backbone.name,
        "weights": digests_of(checkpoint).sha256 if checkpoint else NO_WEIGHTS,
        **{
            name: getattr(recipe, name)
            for name in ("input_size", "frozen_backbone", "balanced", "seed")
        },
        "learn_statistics": recipe.learn_statistics,
        **({"views": recipe.views} if recipe.frozen_backbone else {}),
        **schedule,
        **{f"patience_{name}": value for name, value in patience.items()},
        **asdict(recipe.augmentation),
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _cut(
    folder: Path,
    labelled: Labelled,
    outliers: Sequence[Sample],
    cutting: CuttingParts,
    callbacks: Callbacks,
) -> tuple[Cutouts, Labelled]:
    """Every image's cutout; images that cannot be decoded are noted and left out."""
    limits = ImageLimits.of(cutting.settings.images)
    samples = [*labelled.train, *labelled.validation, *outliers]
    cutouts, faults = CutoutCache(folder, cutting.fingerprint, limits).fill(
        samples,
        cutting.cutting,
        cutting.threads,
        callbacks.progress(f"cutting by {cutting_in_words(cutting.settings)}"),
    )
    for fault in faults:
        callbacks.note(fault)
    kept = replace(
        labelled,
        train=_there(labelled.train, cutouts),
        validation=_there(labelled.validation, cutouts),
        notes=(*labelled.notes, *faults),
    )
    for split, images in (("training", kept.train), ("validation", kept.validation)):
        absent = set(range(len(kept.names))) - {sample.label for sample in images}
        if (split == "training" and absent) or not images:
            names = ", ".join(kept.names[at] for at in sorted(absent))
            raise ConfigError(
                f"no readable {split} images left{f' of: {names}' if names else ''}.",
                remedy="Mend or replace the files named above.",
            )
    return cutouts, kept


def cutting_in_words(settings: Settings) -> str:
    """Such as "segment u2net, cutout crop"."""
    sections = ("segment", "matting", "trust", "cutout")
    names = {section: settings.stage(section).name for section in sections}
    return ", ".join(f"{section} {name}" for section, name in names.items() if name != "none")


def _there(samples: Sequence[Sample], cutouts: Cutouts) -> tuple[Sample, ...]:
    return tuple(sample for sample in samples if sample.sha256 in cutouts.rows)


def _learn(
    run: RunFolder,
    labelled: Labelled,
    outliers: Sequence[Sample],
    cutouts: Cutouts,
    recipe: ClassifierRecipe,
    checkpoint: Path | None,
    callbacks: Callbacks,
) -> _Learned:
    """Build the network, start it from ``checkpoint``, train it or go on with the run; then, where
    the recipe refits, anew on all images."""
    set_precision(import_keras(), recipe.precision)

    def source(samples: Sequence[Sample]) -> CutoutSource:
        return cutout_source(cutouts, samples, recipe.input_size, recipe.augmentation)

    def logits(network: Any, samples: Sequence[Sample]) -> Logits:
        rows = predict(part(network, LOGITS), source(samples), recipe.schedule.batch_size)
        return rows.astype(np.float64)

    train, validation = source(labelled.train), source(labelled.validation)
    network = _started(labelled, train, recipe, checkpoint, callbacks)
    task, held_out = None, None
    if recipe.frozen_backbone:
        weights = _category_weights(train, labelled, recipe)
        task = described(network, train, validation, recipe, run, weights, callbacks)
        history = fit_head(network, task, recipe, run, callbacks)
        if labelled.shares_families and can_cross_fit(labelled):
            held_out = cross_fit(task, labelled, recipe, run, best_epoch(history))
    else:
        history = fit(
            network,
            train,
            validation,
            recipe.schedule,
            run,
            seed=recipe.seed,
            weights=_category_weights(train, labelled, recipe),
            callbacks=callbacks,
        )
    unseen = logits(network, labelled.validation)
    unknown = logits(network, outliers) if outliers else None
    if recipe.refits:
        again = run.within(REFIT)
        if task is not None:
            refit_head(network, task, history, recipe, again, callbacks)
        else:
            everything = source([*labelled.train, *labelled.validation])
            network = _started(labelled, everything, recipe, checkpoint, callbacks)
            refit(
                network,
                everything,
                history,
                recipe.schedule,
                again,
                seed=recipe.seed,
                weights=_category_weights(everything, labelled, recipe),
                callbacks=callbacks,
            )
    save_weights(run, WHOLE, network)
    return _Learned(network, history, unseen, unknown, held_out)


def _started(
    labelled: Labelled,
    train: CutoutSource,
    recipe: ClassifierRecipe,
    checkpoint: Path | None,
    callbacks: Callbacks,
) -> Any:
    """A network that is ready to be trained."""
    keras = import_keras()
    keras.utils.set_random_seed(recipe.seed)
    network = build_network(recipe.keras_backbone, len(labelled.names), recipe.input_size)
    if checkpoint is not None:
        load_base_weights(network, recipe.keras_backbone, checkpoint)
    if not _learns_statistics(recipe, network, train, callbacks):
        keep_statistics(network, recipe.keras_backbone)
    if not recipe.frozen_backbone:
        compile_model(keras, network, recipe.schedule)
    return network


def _category_weights(
    train: CutoutSource, labelled: Labelled, recipe: ClassifierRecipe
) -> FloatArray | None:
    return class_weights(train.labels, len(labelled.names)) if recipe.balanced else None


def _learns_statistics(
    recipe: ClassifierRecipe, network: Any, train: CutoutSource, callbacks: Callbacks
) -> bool:
    """As in the recipe; by default where the backbone starts from nothing, or from a checkpoint
    whose normalisation was folded away and is given back here."""
    base = base_of(network, recipe.keras_backbone)
    folded = recipe.weights != NO_WEIGHTS and not recipe.frozen_backbone and is_folded(base)
    if folded:
        callbacks.note("the checkpoint's batch normalisation is folded: measured anew")
        backbone = recipe.keras_backbone
        unfold(
            base,
            (
                ((train.batch(at, None) - backbone.mean) / backbone.std).astype(np.float32)
                for at in _some(len(train.labels), recipe.seed)
            ),
        )
    if recipe.learn_statistics is not None:
        return recipe.learn_statistics
    return folded or recipe.weights == NO_WEIGHTS


def _some(count: int, seed: int) -> list[npt.NDArray[np.int64]]:
    """Batches of positions of a few hundred images: every channel then has its millions of
    values, or thousands in the last layers."""
    chosen = np.random.default_rng(seed).permutation(count)[:256]
    return [chosen[start : start + 8] for start in range(0, len(chosen), 8)]


def _export(
    run: RunFolder, network: Any, recipe: ClassifierRecipe, labelled: Labelled
) -> ExportReport:
    """The best epoch, or what was trained on all images by its settings, as ONNX."""
    whole = run.path / WHOLE
    order = Order(
        recipe.keras_backbone.name,
        len(labelled.names),
        recipe.input_size,
        str(whole.absolute()),
        "",
    )
    source = SourceFacts(whole.name, digests_of(whole).sha256, verified=False)
    return store_classifier(network, order, source, run.path / MODEL)
