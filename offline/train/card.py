"""The model card beside a trained model: one layout in Markdown for every trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline.store.run_folder import Recipe
from weights.export import ExportReport

SHOWN = 20  # notes; the others are counted
NONE = "–"  # of a value that there is not

# The column of an epoch table: its heading, the key in the history, how a value is printed.
Column = tuple[str, str, str]


@dataclass(frozen=True)
class Card:
    """``sections``: Markdown by heading, in their order."""

    title: str
    introduction: str
    sections: Mapping[str, str]

    def text(self) -> str:
        parts = [f"# {self.title}", self.introduction]
        parts += [f"## {heading}\n\n{text}" for heading, text in self.sections.items()]
        return "\n\n".join(parts) + "\n"


def usage(section: str, name: str, weights: str) -> str:
    """The lines of a profile that use the model."""
    return f'```toml\n[{section}]\nname = "{name}"\nweights = "{weights}"\n```'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells may hold any text: bars are escaped, ends of lines become spaces."""
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def recipe_table(recipe: Recipe) -> str:
    """Every setting. Paths are for the caller to shorten: a card is read on other machines."""
    rows = [[name, NONE if value is None else str(value)] for name, value in recipe.items()]
    return table(("setting", "value"), rows)


def epoch_table(
    columns: Sequence[Column],
    history: Sequence[Mapping[str, float]],
    before: Mapping[str, Mapping[str, float] | None] | None = None,
) -> str:
    """``before``: the values ahead of the first epoch, by name of the row; None: left out."""
    rows = [
        [name, *(_value(values, key, form) for _, key, form in columns)]
        for name, values in (before or {}).items()
        if values is not None
    ]
    rows += [
        [f"{epoch['epoch']:.0f}", *(_value(epoch, key, form) for _, key, form in columns)]
        for epoch in history
    ]
    return table(("epoch", *(heading for heading, _, _ in columns)), rows)


def bullets(lines: Sequence[str]) -> list[str]:
    """The first ``SHOWN`` as a list, and how many more there are."""
    shown = [f"- {line}" for line in lines[:SHOWN]]
    return shown if len(lines) <= SHOWN else [*shown, f"- and {len(lines) - SHOWN} more"]


def export_note(report: ExportReport) -> str:
    parity = report.parity
    return (
        f"{report.path.name}, sha256 {report.sha256}. It differs from the trained network by at "
        f"most {parity.max_abs_diff:.2g} over {parity.images} images, whose largest value is "
        f"{parity.largest:.3g}; {parity.tolerance:.2g} is allowed."
    )


def _value(values: Mapping[str, float], key: str, form: str) -> str:
    return format(values[key], form) if key in values else NONE


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
