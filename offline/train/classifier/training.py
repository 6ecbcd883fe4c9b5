"""One classifier from labelled pictures: cut, learn, export, calibrate, write it all down."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.config import Settings
from engine.errors import ConfigError
from engine.images import ImageLimits
from offline.datasets import Dataset
from offline.train.classifier.augment import Augmentation
from offline.train.classifier.backbones import Backbone
from offline.train.classifier.calibrate import calibrated
from offline.train.classifier.card import Facts, card_text
from offline.train.classifier.checkpoint import BEST
from offline.train.classifier.crossfit import can_cross_fit, cross_fit
from offline.train.classifier.frozen import BEST_WHOLE, described, fit_head
from offline.train.classifier.loop import Progress, Report, Schedule, compile_model, fit
from offline.train.classifier.network import (
    build_network,
    check_side,
    count_parameters,
    import_keras,
    keep_statistics,
    load_trunk_weights,
    require_keras,
    set_precision,
    trunk_of,
)
from offline.train.classifier.sources import CutoutSource, class_weights, cutout_source
from offline.train.classifier.to_onnx import Order, store_classifier
from offline.train.classifier.unfold import is_folded, unfold
from offline.train.cutouts import CutoutCache, Cutouts
from offline.train.labelled import (
    LEAST,
    HoldOut,
    Labelled,
    Sample,
    read_labelled,
    unlabelled_samples,
)
from offline.train.run_folder import Recipe, RunFolder, open_run
from stages.assemble import CuttingParts, assemble_cutting
from weights.catalog import find_entry, load_catalog
from weights.checksums import digests_of
from weights.export import ExportReport
from weights.fetch import FetchPolicy, fetch_checkpoint
from weights.sidecar import SourceFacts

MODEL = "classifier.onnx"
CARD = "card.md"
IMAGENET, NO_WEIGHTS = "imagenet", "none"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What is to be trained. ``weights``: "imagenet" (from the catalogue), "none" or a path.

    ``frozen``: the trunk stays as it is, its features are kept, and the head alone learns.
    """

    backbone: Backbone
    side: int = 224
    weights: str = IMAGENET
    frozen: bool = False
    views: int = 4  # of every picture, one of them plain, whose features a frozen trunk keeps
    schedule: Schedule = field(default_factory=Schedule)
    augmentation: Augmentation = field(default_factory=Augmentation)
    learn_statistics: bool | None = None  # of batch normalisation; see ``_learns_statistics``
    balanced: bool = True  # the loss weighs every category alike
    precision: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Splits:
    """Which pictures; see ``labelled.read_labelled``. ``unknown``: a folder of pictures of no
    known category, to choose by what is called unknown."""

    train: str | None = None
    validation: str | None = None
    hold_out: HoldOut = "split"
    least: int = LEAST
    drop_small: bool = False
    unknown: Dataset | None = None


@dataclass(frozen=True)
class Listeners:
    """Who is told how far it is."""

    cutting: Progress | None = None
    training: Progress | None = None
    epoch: Report | None = None
    say: Callable[[str], None] = _log.info


@dataclass(frozen=True)
class Trained:
    model: Path
    card: Path
    figures: dict[str, float]


def train_classifier(
    dataset: Dataset,
    out: Path,
    plan: Plan,
    settings: Settings,
    *,
    splits: Splits | None = None,
    cache: Path | None = None,
    listeners: Listeners | None = None,
) -> Trained:
    """Train into the folder ``out``, or go on with the run that is in it.

    ``settings`` say how pictures are cut, as in serving. Leaves classifier.onnx with its sidecar
    and artefact, card.md, the recipe, the history and the checkpoint. Raises ConfigError and
    WeightsError for whatever a user can mend.
    """
    check_side(plan.side)
    splits, listeners = splits or Splits(), listeners or Listeners()
    labelled = read_labelled(
        dataset, train=splits.train, validation=splits.validation, hold_out=splits.hold_out,
        least=splits.least, drop_small=splits.drop_small, seed=plan.seed,
    )  # fmt: skip
    missing: list[str] = []
    outliers = unlabelled_samples(splits.unknown, missing) if splits.unknown else []
    for note in (*labelled.notes, *missing):
        listeners.say(note)
    checkpoint = trunk_checkpoint(plan, settings)
    cutting = assemble_cutting(settings)
    require_keras()
    recipe = _recipe(dataset, labelled, plan, cutting, checkpoint)
    with open_run(out, recipe) as run:
        folder = cache or run.path / "cutouts"
        cutouts, labelled = _cut(folder, labelled, outliers, cutting, listeners)
        learned = _learn(run, labelled, cutouts, plan, checkpoint, listeners)
        network = learned.network
        report = _export(run, network, plan, labelled)
        parameters = count_parameters(network)
        figures = calibrated(
            report, labelled, cutouts, cutting, run,
            parameters=parameters, held_out=learned.held_out, unknown=_there(outliers, cutouts),
        )  # fmt: skip
        facts = Facts(
            dataset, labelled, plan, cutting, learned.history, figures, parameters, report.parity
        )
        card = run.write_text(CARD, card_text(facts))
        return Trained(report.path, card, figures)


def trunk_checkpoint(plan: Plan, settings: Settings) -> Path | None:
    """The .h5 file that the trunk starts from; None to start from nothing."""
    if plan.weights == NO_WEIGHTS:
        return None
    if plan.weights != IMAGENET:
        path = Path(plan.weights).expanduser()
        if not path.is_file():
            raise ConfigError(
                f"--weights {plan.weights}: there is no such file.",
                remedy="Give an .h5 file of keras.applications, imagenet, or none.",
            )
        return path
    directory = Path(settings.weights.directory) if settings.weights.directory else None
    policy = FetchPolicy(directory=directory, download=settings.weights.download)
    return fetch_checkpoint(find_entry(plan.backbone.weights, load_catalog()), policy).path


def _recipe(
    dataset: Dataset,
    labelled: Labelled,
    plan: Plan,
    cutting: CuttingParts,
    checkpoint: Path | None,
) -> Recipe:
    """Everything that changes the course of a training. How far it goes does not: a run that has
    ended can be given more epochs."""
    pictures = [*labelled.train, *labelled.validation]
    content = "".join(f"{sample.sha256}{sample.label}" for sample in pictures)
    schedule = asdict(plan.schedule)
    patience = schedule.pop("patience")
    schedule.pop("epochs")
    return {
        "data": dataset.name,
        "pictures": _sha256(content),
        "categories": list(labelled.names),
        "cutting": cutting.fingerprint,
        "backbone": plan.backbone.name,
        "weights": digests_of(checkpoint).sha256 if checkpoint else NO_WEIGHTS,
        **{name: getattr(plan, name) for name in ("side", "frozen", "balanced", "seed")},
        "learn_statistics": plan.learn_statistics,
        **({"views": plan.views} if plan.frozen else {}),
        **schedule,
        **{f"patience_{name}": value for name, value in patience.items()},
        **asdict(plan.augmentation),
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _cut(
    folder: Path,
    labelled: Labelled,
    outliers: Sequence[Sample],
    cutting: CuttingParts,
    listeners: Listeners,
) -> tuple[Cutouts, Labelled]:
    """Every picture's cutout; pictures that cannot be decoded are said and left out."""
    images = cutting.settings.images
    limits = ImageLimits(images.max_pixels, images.max_bytes, images.max_side)
    samples = [*labelled.train, *labelled.validation, *outliers]
    cutouts, faults = CutoutCache(folder, cutting.fingerprint, limits).fill(
        samples, cutting.cutting, cutting.threads, listeners.cutting
    )
    for fault in faults:
        listeners.say(fault)
    kept = replace(
        labelled,
        train=_there(labelled.train, cutouts),
        validation=_there(labelled.validation, cutouts),
        notes=(*labelled.notes, *faults),
    )
    for split, pictures in (("training", kept.train), ("validation", kept.validation)):
        absent = set(range(len(kept.names))) - {sample.label for sample in pictures}
        if (split == "training" and absent) or not pictures:
            names = ", ".join(kept.names[at] for at in sorted(absent))
            raise ConfigError(
                f"no readable {split} pictures left{f' of: {names}' if names else ''}.",
                remedy="Mend or replace the files named above.",
            )
    return cutouts, kept


def _there(samples: Sequence[Sample], cutouts: Cutouts) -> tuple[Sample, ...]:
    return tuple(sample for sample in samples if sample.sha256 in cutouts.rows)


@dataclass(frozen=True)
class Learned:
    """``held_out``: logits and labels of families that the one who gave them had not seen; see
    ``crossfit``."""

    network: Any
    history: list[dict[str, float]]
    held_out: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]] | None = None


def _learn(
    run: RunFolder,
    labelled: Labelled,
    cutouts: Cutouts,
    plan: Plan,
    checkpoint: Path | None,
    listeners: Listeners,
) -> Learned:
    keras = import_keras()
    set_precision(keras, plan.precision)
    keras.utils.set_random_seed(plan.seed)
    network = build_network(plan.backbone, len(labelled.names), plan.side)
    if checkpoint is not None:
        load_trunk_weights(network, plan.backbone, checkpoint)
    train, validation = (
        cutout_source(cutouts, samples, plan.side, plan.augmentation)
        for samples in (labelled.train, labelled.validation)
    )
    shares = class_weights(train.labels, len(labelled.names)) if plan.balanced else None
    if not _learns_statistics(plan, network, train, listeners):
        keep_statistics(network, plan.backbone)
    if plan.frozen:
        task = described(network, train, validation, plan, run, shares, listeners)
        history = fit_head(network, task, plan, run, listeners)
        held_out = None
        if labelled.shares_families and can_cross_fit(labelled):
            best = 1 + int(np.argmin([epoch["val_loss"] for epoch in history]))
            held_out = cross_fit(task, labelled, plan, run, best)
        return Learned(network, history, held_out)
    compile_model(keras, network, plan.schedule)
    history = fit(
        network, train, validation, plan.schedule, run, seed=plan.seed, weights=shares,
        progress=listeners.training, report=listeners.epoch,
    )  # fmt: skip
    return Learned(network, history)


def _learns_statistics(plan: Plan, network: Any, train: CutoutSource, listeners: Listeners) -> bool:
    """As the plan says; by default where the trunk starts from nothing, or from a checkpoint
    whose normalisation was folded away and is given back here."""
    trunk = trunk_of(network, plan.backbone)
    folded = plan.weights != NO_WEIGHTS and not plan.frozen and is_folded(trunk)
    if folded:
        listeners.say("the checkpoint's batch normalisation is folded: measured anew")
        backbone = plan.backbone
        unfold(
            trunk,
            (
                ((train.batch(at, None) - backbone.mean) / backbone.std).astype(np.float32)
                for at in _some(len(train.labels), plan.seed)
            ),
        )
    return (
        (folded or plan.weights == NO_WEIGHTS)
        if plan.learn_statistics is None
        else (plan.learn_statistics)
    )


def _some(count: int, seed: int) -> list[npt.NDArray[np.int64]]:
    """Batches of positions of a few hundred pictures: every channel then has its millions of
    values, or thousands in the last layers."""
    chosen = np.random.default_rng(seed).permutation(count)[:256]
    return [chosen[start : start + 8] for start in range(0, len(chosen), 8)]


def _export(run: RunFolder, network: Any, plan: Plan, labelled: Labelled) -> ExportReport:
    """The best epoch as ONNX."""
    best = run.path / (BEST_WHOLE if plan.frozen else BEST)
    order = Order(plan.backbone.name, len(labelled.names), plan.side, str(best.absolute()), "")
    source = SourceFacts(best.name, digests_of(best).sha256, verified=False)
    return store_classifier(network, order, source, run.path / MODEL)
