"""The card beside a trained segmenter: what it learned from, how, and how well it does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from offline.store.run_folder import Recipe
from offline.train.segmenter.samples import Usable
from offline.train.torch_loop import Figures
from weights.export import ExportReport

SHOWN = 20  # left-out pictures; the others are counted


@dataclass(frozen=True)
class CardFacts:
    """All that the card tells."""

    dataset: str
    recipe: Recipe
    start: Path | None
    learned: Usable
    judged: Usable
    before: Figures | None
    history: list[Figures]
    report: ExportReport


def card(facts: CardFacts) -> str:
    """Markdown."""
    start = facts.start.name if facts.start else "random weights"
    return (
        "\n\n".join(
            [
                f"# Segmenter: {facts.recipe['network']}, trained on {facts.dataset} from {start}",
                "A U²-Net (Qin et al., Pattern Recognition 2020), trained with "
                "`packsight train segmenter`. To use it:",
                f'```toml\n[segment]\nname = "u2net"\nweights = "{facts.report.path.name}"\n```',
                f"## Data\n\n{_data(facts)}",
                f"## Recipe\n\n{_table(facts.recipe)}",
                f"## Figures\n\n{_figures(facts)}",
                f"## Export\n\n{_export(facts.report)}",
                f"## Limits\n\n{_limits(facts)}",
            ]
        )
        + "\n"
    )


def _data(facts: CardFacts) -> str:
    left_out = (*facts.learned.left_out, *facts.judged.left_out)
    lines = [
        f"{len(facts.learned.pictures)} pictures with masks to learn from, "
        f"{len(facts.judged.pictures)} to judge by, {len(left_out)} left out.",
        *(f"- {reason}" for reason in left_out[:SHOWN]),
    ]
    if len(left_out) > SHOWN:
        lines.append(f"- and {len(left_out) - SHOWN} more")
    return "\n".join(lines)


def _table(recipe: Recipe) -> str:
    rows = [f"| {name} | {'–' if value is None else value} |" for name, value in recipe.items()]
    return "\n".join(["| | |", "|---|---|", *rows])


def _figures(facts: CardFacts) -> str:
    rows = [
        f"| {one['epoch']:.0f} | {one['loss']:.4f} | {one['score']:.4f} | {one['mae']:.4f} |"
        for one in facts.history
    ]
    if facts.before is not None:
        rows.insert(0, f"| start | – | {facts.before['score']:.4f} | {facts.before['mae']:.4f} |")
    head = "| epoch | loss | IoU at 0.5 | MAE |\n|---|---|---|---|"
    return "\n".join(["Means over the pictures to judge by, at their own size.\n", head, *rows])


def _export(report: ExportReport) -> str:
    parity = report.parity
    return (
        f"{report.path.name}, sha256 {report.sha256}. It differs from the trained network by up "
        f"to {parity.max_abs_diff:.2g} over {parity.images} images; {parity.tolerance:.2g} is "
        "allowed."
    )


def _limits(facts: CardFacts) -> str:
    said = (
        "The last epoch is kept, not the best. Judged on pictures of the same data set: photos "
        "of another kind may do worse."
    )
    if facts.start is not None:
        said += " The licence of the start and of what it was trained on reaches this network."
    return said
