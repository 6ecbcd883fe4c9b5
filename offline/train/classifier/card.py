"""The model card: what was learned from, how, and how well it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline.datasets import Dataset
from offline.train.classifier.recipe import ClassifierRecipe
from offline.train.training_set import Labelled, Sample
from stages.assemble import CuttingParts
from weights.sidecar import Parity

# What each figure of the artefact means, in the order of the card.
_FIGURES = {
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
    "unknown_found": "pictures of no category that are called unknown",
}


@dataclass(frozen=True)
class Facts:
    """All that the card tells."""

    dataset: Dataset
    labelled: Labelled
    recipe: ClassifierRecipe
    cutting: CuttingParts
    history: Sequence[Mapping[str, float]]
    figures: Mapping[str, float]
    parameters: int
    parity: Parity


def card_text(facts: Facts) -> str:
    """Markdown."""
    return "\n".join(
        [
            f"# {facts.recipe.keras_backbone.name} for {len(facts.labelled.names)} categories",
            "",
            *_use(),
            "## Data",
            *_data(facts.dataset, facts.labelled),
            "## Recipe",
            *_recipe(facts),
            "## Figures",
            *_figures(facts),
            "## Epochs",
            *_epochs(facts.history),
        ]
    )


def _use() -> list[str]:
    return [
        "Sorts cutouts of packages into categories. In a profile:",
        "",
        "```toml",
        "[classify]",
        'name = "onnx"',
        'weights = "classifier.onnx"',
        "```",
        "",
        "Pictures must be cut as they were for the training: see `classifier.classifier.toml`.",
        "",
    ]


def _data(dataset: Dataset, labelled: Labelled) -> list[str]:
    train, validation = _counts(labelled.train), _counts(labelled.validation)
    rows = [
        f"| {_cell(name)} | {train[at]} | {validation[at]} |"
        for at, name in enumerate(labelled.names)
    ]
    lines = [
        f"{dataset.name}: {len(labelled.train)} pictures to learn from, "
        f"{len(labelled.validation)} for validation.",
        "",
        "| category | train | validation |",
        "|---|---|---|",
        *rows,
        "",
    ]
    if labelled.shares_families:
        lines += [
            "Validation shows products or families that were learned too: its figures overrate "
            "what to expect of packages of new families.",
            "",
        ]
    return lines + ([*(f"- {note}" for note in labelled.notes), ""] if labelled.notes else [])


def _counts(samples: Sequence[Sample]) -> Counter[int]:
    return Counter(sample.label for sample in samples)


def _recipe(facts: Facts) -> list[str]:
    recipe, schedule = facts.recipe, facts.recipe.schedule
    patience, turned = schedule.patience, facts.recipe.augmentation
    tables = facts.cutting.settings.tables()
    cut = ", ".join(f"{s}: {tables[s]['name']}" for s in ("segment", "matting", "trust", "cutout"))
    return [
        f"- {facts.parameters:,} parameters, input {recipe.input_size} x {recipe.input_size}; "
        f"trunk from {recipe.weights}{', frozen' if recipe.frozen_backbone else ''}",
        f"- pictures cut by {cut} (fingerprint {facts.cutting.fingerprint[:12]})",
        f"- {schedule.optimiser}, learning rate {schedule.learning_rate:g}, batches of "
        f"{schedule.batch_size}, at most {schedule.epochs} epochs; learning rate x "
        f"{patience.factor:g} after {patience.plateau} epochs without a lower validation loss, end "
        f"after {patience.stop}",
        f"- rotation up to {turned.rotation:g} degrees, zoom up to {turned.zoom:.0%}, "
        f"{'' if turned.flip else 'no '}horizontal flip",
        f"- loss {'weighed to make all categories count alike' if recipe.balanced else 'unweighed'}"
        f"; seed {recipe.seed}",
        "",
    ]


def _figures(facts: Facts) -> list[str]:
    rows = [
        f"| {meaning} | {facts.figures[name]:.4f} |"
        for name, meaning in _FIGURES.items()
        if name in facts.figures
    ]
    return [
        "On validation, of the ONNX file:",
        "",
        "| figure | value |",
        "|---|---|",
        *rows,
        "",
        f"Its logits differ from the trained network's by at most {facts.parity.max_abs_diff:.2g} "
        f"(the largest is {facts.parity.largest:.3g}).",
        "",
    ]


def _epochs(history: Sequence[Mapping[str, float]]) -> list[str]:
    rows = [
        f"| {epoch['epoch']:.0f} | {epoch['loss']:.4f} | {epoch['accuracy']:.4f} | "
        f"{epoch['val_loss']:.4f} | {epoch['val_accuracy']:.4f} | {epoch['rate']:g} |"
        for epoch in history
    ]
    return [
        "| epoch | loss | accuracy | val. loss | val. accuracy | rate |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def _cell(text: str) -> str:
    """A label may hold any character; a table's cell may not hold a bar or a line's end."""
    return " ".join(text.split()).replace("|", "\\|")
