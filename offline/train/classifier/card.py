"""The card of a classifier: data, recipe, metrics, epochs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline.datasets import Dataset
from offline.train.card import Card, epoch_table, export_note, table, usage
from offline.train.classifier.loop import best_epoch
from offline.train.classifier.recipe import ClassifierRecipe
from offline.train.training_set import Labelled
from stages.assemble import CuttingParts
from weights.export import ExportReport

# What the artefact's metrics mean, in the order of the card.
_METRICS = {
    "accuracy": "accuracy",
    "average_accuracy": "average accuracy (paper's eq. 6, mean over categories)",
    "macro_f1": "macro-F1",
    "ece_before": "expected calibration error, as trained",
    "ece_after": "expected calibration error, with the temperature",
    "route_reach": "true category is searched (default routing)",
    "route_searched": "categories searched, mean",
    "new_families_accuracy": "accuracy on families not seen (cross-fitted heads)",
    "new_families_ece_before": "expected calibration error on them, as trained",
    "new_families_ece_after": "expected calibration error on them, with the temperature",
    "unknown_found": "images of no category that are called unknown",
}
_EPOCH = (
    ("loss", "loss", ".4f"),
    ("accuracy", "accuracy", ".4f"),
    ("val. loss", "val_loss", ".4f"),
    ("val. accuracy", "val_accuracy", ".4f"),
    ("learning rate", "rate", "g"),
)


@dataclass(frozen=True)
class Facts:
    """All that is on the card."""

    dataset: Dataset
    labelled: Labelled
    recipe: ClassifierRecipe
    cutting: CuttingParts
    history: Sequence[Mapping[str, float]]
    metrics: Mapping[str, float]
    parameters: int
    report: ExportReport


def card_of(facts: Facts) -> Card:
    backbone, names = facts.recipe.keras_backbone.name, facts.labelled.names
    rows = [
        [meaning, f"{facts.metrics[name]:.4f}"]
        for name, meaning in _METRICS.items()
        if name in facts.metrics
    ]
    return Card(
        f"{backbone} for {len(names)} categories",
        "Sorts cutouts of packages into categories. In a profile:\n\n"
        + usage("classify", "onnx", facts.report.path.name)
        + "\n\nImages must be cut as they were for the training: see "
        "`classifier.classifier.toml`.",
        {
            "Data": _data(facts.dataset, facts.labelled),
            "Recipe": "\n".join(_recipe(facts)),
            "Metrics": f"On validation, {_measured(facts)}:\n\n" + table(("metric", "value"), rows),
            "Epochs": epoch_table(_EPOCH, facts.history),
            "Export": export_note(facts.report),
        },
    )


def _measured(facts: Facts) -> str:
    if not facts.recipe.refits:
        return "of the network that was exported"
    epochs = best_epoch(facts.history)
    return (
        "of the network that had not seen these images; the exported one was trained anew on all "
        f"images, {epochs} epochs by the same settings"
    )


def _data(dataset: Dataset, labelled: Labelled) -> str:
    train, validation = (
        Counter(sample.label for sample in samples)
        for samples in (labelled.train, labelled.validation)
    )
    counts = [[name, str(train[at]), str(validation[at])] for at, name in enumerate(labelled.names)]
    parts = [
        f"{dataset.name}: {len(labelled.train)} images to learn from, "
        f"{len(labelled.validation)} for validation.",
        table(("category", "train", "validation"), counts),
    ]
    if labelled.shares_families:
        parts.append(
            "Validation shows products or families that were learned too: its metrics overrate "
            "what to expect of packages of new families."
        )
    if labelled.notes:
        parts.append("\n".join(f"- {note}" for note in labelled.notes))
    return "\n\n".join(parts)


def _recipe(facts: Facts) -> list[str]:
    recipe, schedule = facts.recipe, facts.recipe.schedule
    patience, turned = schedule.patience, recipe.augmentation
    tables = facts.cutting.settings.tables()
    cut = ", ".join(f"{s}: {tables[s]['name']}" for s in ("segment", "matting", "trust", "cutout"))
    return [
        f"- {facts.parameters:,} parameters, input {recipe.input_size} x {recipe.input_size}; "
        f"backbone from {recipe.weights}{', frozen' if recipe.frozen_backbone else ''}",
        f"- images cut by {cut} (fingerprint {facts.cutting.fingerprint[:12]})",
        f"- {schedule.optimiser}, learning rate {schedule.learning_rate:g}, batches of "
        f"{schedule.batch_size}, at most {schedule.epochs} epochs; learning rate x "
        f"{patience.factor:g} after {patience.plateau} epochs without a lower validation loss, end "
        f"after {patience.stop}",
        f"- rotation up to {turned.rotation:g} degrees, zoom up to {turned.zoom:.0%}, "
        f"{'' if turned.flip else 'no '}horizontal flip",
        f"- loss {'weighs all categories alike' if recipe.balanced else 'not weighed by category'}"
        f"; seed {recipe.seed}",
    ]
