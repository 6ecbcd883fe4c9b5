"""The card beside a trained matting network: data, recipe, figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from offline.metrics.masks import MaskScores
from weights.export import ExportReport

_MEASURES = {
    "iou": "IoU at 0.5",
    "mae": "mean absolute error",
    "boundary_f": "boundary F, 2 px",
    "sad": "SAD / 1000",
    "mse": "MSE",
    "gradient": "gradient error / 1000",
}


@dataclass(frozen=True)
class CardFacts:
    """What the card tells besides the recipe."""

    parameters: int
    learned: int  # pictures, composites included
    judged: int
    before: MaskScores  # saliency alone
    after: MaskScores


def card(
    recipe: Mapping[str, object],
    facts: CardFacts,
    history: list[dict[str, float]],
    report: ExportReport,
) -> str:
    """Markdown."""
    lines = [
        f"# Matting network `{recipe['network']}`",
        "",
        f"{facts.parameters:,} parameters, trained by `packsight train matting` on "
        f"{facts.learned} images (the split `{recipe['train_split']}` and composites of its "
        f"products), validated on {facts.judged} of `{recipe['validation_split']}`.",
        "",
        "| validation | saliency alone | with this matting |",
        "|---|---:|---:|",
    ]
    before, after = asdict(facts.before), asdict(facts.after)
    lines += [
        f"| {title} | {before[name]:.4f} | {after[name]:.4f} |" for name, title in _MEASURES.items()
    ]
    lines += ["", "## Recipe", "", *(f"* {name}: {_told(value)}" for name, value in recipe.items())]
    lines += ["", "## Epochs", "", "| epoch | loss | validation error |", "|---:|---:|---:|"]
    lines += [f"| {e['epoch']:.0f} | {e['loss']:.4f} | {e['mae']:.4f} |" for e in history]
    lines += [
        "",
        f"ONNX file: sha256 {report.sha256}; differs from torch by at most "
        f"{report.parity.max_abs_diff:.2g} (allowed {report.parity.tolerance:.2g}).",
        "",
    ]
    return "\n".join(lines)


def _told(value: object) -> object:
    """Of a path the last part: a card is read on other machines."""
    return Path(value).name if isinstance(value, str) and "/" in value else value
