"""One classifier from labelled pictures: cut, learn, export, calibrate, write it all down."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.config import Settings
from engine.errors import ConfigError
from engine.images import ImageLimits
from offline.datasets import Dataset
from offline.store.cutouts import CutoutCache, Cutouts
from offline.store.run_folder import Recipe, RunFolder, open_run
from offline.train.classifier.calibrate import calibrated
from offline.train.classifier.card import Facts, card_text
from offline.train.classifier.checkpoint import BEST
from offline.train.classifier.frozen import BEST_WHOLE
from offline.train.classifier.learning import learn
from offline.train.classifier.network import check_side, count_parameters, require_keras
from offline.train.classifier.recipe import IMAGENET, NO_WEIGHTS, Listeners, Plan, Splits
from offline.train.classifier.to_onnx import Order, store_classifier
from offline.train.training_set import Labelled, Sample, read_labelled, unlabelled_samples
from stages.assemble import CuttingParts, assemble_cutting
from weights.catalog import find_entry, load_catalog
from weights.checksums import digests_of
from weights.export import ExportReport
from weights.fetch import FetchPolicy, fetch_checkpoint
from weights.sidecar import SourceFacts

MODEL = "classifier.onnx"
CARD = "card.md"


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
        dataset,
        train=splits.train,
        validation=splits.validation,
        hold_out=splits.hold_out,
        least=splits.least,
        drop_small=splits.drop_small,
        seed=plan.seed,
    )
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
        learned = learn(run, labelled, cutouts, plan, checkpoint, listeners)
        network = learned.network
        report = _export(run, network, plan, labelled)
        parameters = count_parameters(network)
        figures = calibrated(
            report,
            labelled,
            cutouts,
            cutting,
            run,
            parameters=parameters,
            held_out=learned.held_out,
            unknown=_there(outliers, cutouts),
        )
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
    limits = ImageLimits.of(cutting.settings.images)
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


def _export(run: RunFolder, network: Any, plan: Plan, labelled: Labelled) -> ExportReport:
    """The best epoch as ONNX."""
    best = run.path / (BEST_WHOLE if plan.frozen else BEST)
    order = Order(plan.backbone.name, len(labelled.names), plan.side, str(best.absolute()), "")
    source = SourceFacts(best.name, digests_of(best).sha256, verified=False)
    return store_classifier(network, order, source, run.path / MODEL)
