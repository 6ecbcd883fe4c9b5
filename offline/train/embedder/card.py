"""The card beside a trained embedder: what it learned from, how, and how well it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offline.store.run_folder import Recipe
from offline.train.embedder.data import Material
from offline.train.torch_loop import Figures
from weights.export import ExportReport

SHOWN = 20  # notes; the others are counted


@dataclass(frozen=True)
class Facts:
    """All that the card tells."""

    dataset: str
    recipe: Recipe
    material: Material
    judged: str  # how, in words
    notes: tuple[str, ...]
    before: Figures
    history: Sequence[Figures]
    best: Figures
    seconds: float
    report: ExportReport


def card_text(facts: Facts) -> str:
    """Markdown."""
    recipe = facts.recipe
    return (
        "\n\n".join(
            [
                f"# Embedder: {recipe['backbone']}, trained on {facts.dataset}",
                "Trained with `packsight train embedder`. To use it:",
                f'```toml\n[embed]\nname = "onnx"\nweights = "{facts.report.path.name}"\n```',
                "Pictures must be cut as they were for the training (fingerprint "
                f"{str(recipe['cutting'])[:16]}).",
                f"## Data\n\n{_data(facts)}",
                f"## Figures\n\n{_figures(facts)}",
                f"## Recipe\n\n{_table(recipe)}",
                f"## Export\n\n{_export(facts.report)}",
                f"## Limits\n\n{_limits(facts)}",
            ]
        )
        + "\n"
    )


def _data(facts: Facts) -> str:
    material = facts.material
    notes = (*material.notes, *facts.notes)
    lines = [
        f"{len(material.learned)} pictures of {len(material.names)} groups to learn from, "
        f"{len(material.judged)} for validation.",
        *(f"- {note}" for note in notes[:SHOWN]),
    ]
    if len(notes) > SHOWN:
        lines.append(f"- and {len(notes) - SHOWN} more")
    return "\n".join(lines)


def _figures(facts: Facts) -> str:
    before = facts.before
    rows = [_row("the trunk's pooled features", None, before["score"], before["recall_1"])]
    if "start_score" in before:
        rows.append(
            _row("with the first projection", None, before["start_score"], before["start_recall_1"])
        )
    rows += [
        _row(f"epoch {one['epoch']:.0f}", one["loss"], one["score"], one["recall_1"])
        for one in facts.history
    ]
    head = "| | loss | mAP | R@1 |\n|---|---|---|---|"
    said = (
        f"Judged on validation: {facts.judged}. Epoch {facts.best['epoch']:.0f} is kept; the last "
        f"start of the training took {facts.seconds:.0f} s."
    )
    return "\n".join([f"{said}\n", head, *rows])


def _row(what: str, loss: float | None, score: float, recall: float) -> str:
    shown = "–" if loss is None else f"{loss:.4f}"
    return f"| {what} | {shown} | {score:.4f} | {recall:.4f} |"


def _table(recipe: Recipe) -> str:
    rows = [f"| {name} | {'–' if value is None else value} |" for name, value in recipe.items()]
    return "\n".join(["| | |", "|---|---|", *rows])


def _export(report: ExportReport) -> str:
    parity = report.parity
    return (
        f"{report.path.name}, sha256 {report.sha256}. It differs from the trained network by at "
        f"most {parity.max_abs_diff:.2g} over {parity.images} images; {parity.tolerance:.2g} is "
        "allowed."
    )


def _limits(facts: Facts) -> str:
    said = (
        "The best epoch was chosen by these same validation figures, which are a little kind for "
        "it. Photos of another kind than the validation's may do worse."
    )
    started = facts.before.get("start_score", facts.before["score"])
    if facts.best["score"] <= started:
        said += " No epoch was better on validation than the start: this training gained nothing."
    return said
