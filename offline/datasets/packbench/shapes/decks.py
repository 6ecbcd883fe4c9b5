"""Decks: the plate of a palette with a well for every pan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offline.datasets.packbench.shapes.cases import STEP, WALL, Case
from offline.datasets.packbench.shapes.freeform import joined
from offline.datasets.packbench.shapes.meshes import Mesh, Section, circle, loft


@dataclass(frozen=True)
class Grid:
    """Equal cells behind and beside one another, and the section of the well in each, mm."""

    columns: int
    rows: int
    cell: tuple[float, float]  # x, y
    pan: Section

    def centres(self) -> list[tuple[float, float]]:
        """(x, y) of the cells, from the back left in rows to the front right."""
        x = (np.arange(self.columns) - (self.columns - 1) / 2) * self.cell[0]
        y = ((self.rows - 1) / 2 - np.arange(self.rows)) * self.cell[1]
        return [(float(across), float(back)) for back in y for across in x]


def grid(case: Case, columns: int, rows: int, gap: float, *, round_pans: bool) -> Grid:
    """The cells that a case leaves within its rim, with ``gap`` mm between the wells."""
    cell = (
        2 * (case.section.half_x - case.rim) / columns,
        2 * (case.section.half_y - case.rim) / rows,
    )
    x, y = ((side - gap) / 2 for side in cell)
    pan = circle(min(x, y)) if round_pans else Section(x, y, 0.18 * min(x, y))
    return Grid(columns, rows, cell, pan)


def deck(case: Case, cells: Grid, recess: float) -> Mesh:
    """The plate a step below the rim of a tray without one, with a well in every cell."""
    top, pan = case.base - STEP, cells.pan
    x, y = (side / 2 for side in cells.cell)
    well = loft(
        [
            Section(x, y, 0).ring(0, top),
            pan.ring(-0.45, top),
            pan.ring(-0.15, top - 0.3),
            pan.ring(-0.15, case.base - recess),
        ],
        [False, True, False, False],
    )
    block = Section(x * cells.columns, y * cells.rows, 0)
    frame = loft([case.section.ring(WALL, top), block.ring(0, top)])
    return joined(frame, *(well.moved(*centre) for centre in cells.centres()))
