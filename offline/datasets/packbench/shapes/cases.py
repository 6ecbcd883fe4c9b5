"""Hinged cases: a tray with wells, a lid with its mirror, hinge knuckles and a thumb catch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.freeform import joined, of_section, plate, spread, tilted
from offline.datasets.packbench.shapes.meshes import (
    Array,
    Corner,
    Mesh,
    Section,
    box,
    circle,
    loft,
    revolve,
    tube,
)
from offline.datasets.packbench.shapes.parts import Part, Parts

MIRROR = Material("mirror", "silver")
STEEL = Material("metal", "silver")
GAP = 0.35  # mm: the parting line between lid and base
WALL = 1.3  # mm, of the base round its deck
STEP = 0.7  # mm: how far the deck lies under the rim
KNUCKLES = 5


@dataclass(frozen=True)
class Case:
    """Outer dimensions of a hinged case, mm; ``edge`` rounds its foot and its crown."""

    section: Section
    base: float  # height
    lid: float  # height
    rim: float  # width of the deck round the wells, and nearly of the lid's frame
    edge: float
    dome: float = 0  # how much the lid rises to its middle

    @property
    def axis(self) -> tuple[float, float]:
        """y and z of the hinge."""
        return self.section.half_y + 0.5, self.base + GAP / 2

    @property
    def top(self) -> float:
        """Where the lid's crown begins when it is shut."""
        return self.base + GAP + self.lid

    @property
    def frame(self) -> float:
        """Width of the lid's frame round what is set into it."""
        return 0.8 * self.rim

    @property
    def frame_depth(self) -> float:
        return min(1.4, self.lid * 0.45)

    def swell(self, x: Array, y: Array) -> Array:
        """How far the crown rises over (x, y), mm: ``dome`` in the middle, 0 at the sides."""
        across, along = x / self.section.half_x, y / self.section.half_y
        rise: Array = self.dome * (1 - across**2) * (1 - along**2)
        return rise


def drawn_in(section: Section, by: float) -> Section:
    """The section with every side moved in by ``by`` mm."""
    return Section(section.half_x - by, section.half_y - by, max(section.corner - by, 0.3))


def tray(case: Case, recess: float, *, deck: bool = True) -> Mesh:
    """The base on z = 0: its outer wall, a deck a step lower, and one well ``recess`` deep.

    Without ``deck`` the well reaches the outer wall, for a deck of its own.
    """
    r, top = case.section.half_x, case.base
    foot = min(case.edge, 0.45 * top)
    well = r - case.rim if deck else r - WALL - 0.05
    corners: list[Corner] = [
        (0, 0),
        (r - foot * 0.2, 0, foot),
        (r, top, 0.4),
        (r - WALL, top, 0.25),
        (r - WALL, top - STEP),
        (well, top - STEP, 0.35),
        (well, top - recess),
        (0, top - recess),
    ]
    return revolve(corners, case.section)


def lid(case: Case, material: Material, *, inside: Material | None = None) -> Parts:
    """The lid as it lies shut on the base; ``inside`` is set into it behind a frame.

    Nothing is set into a see-through lid: it is a window.
    """
    r, tall, rise = case.section.half_x, case.lid, case.base + GAP
    edge = min(case.edge, 0.6 * tall)
    within = r - (WALL if inside is None else case.frame)
    hollow = min(tall - 1.2, tall * 0.6) if inside is None else case.frame_depth
    corners: list[Corner] = [
        (0, hollow),
        (within, hollow),
        (within, 0, 0.2),
        (r, 0, 0.35),
        (r, tall, edge),
        (r - 1.02 * edge, tall),
    ]
    outline = of_section(drawn_in(case.section, 1.02 * edge), 192)
    crown = spread(outline, lambda x, y, fraction: tall + case.swell(x, y), 12)
    shell = joined(revolve(corners, case.section), crown)
    parts: Parts = (Part(shell.moved(z=rise), material),)
    if inside is None:
        return parts
    r, deep = within - 0.5, case.frame_depth
    # The bevel is steep enough for a crease: a soft one would curve the whole mirror.
    glass = revolve(
        [
            (0, deep - 0.55),
            (r - 0.3, deep - 0.55),
            (r, deep - 0.15),
            (r, deep + 0.3),
            (0, deep + 0.3),
        ],
        case.section,
    )
    return (*parts, Part(glass.moved(z=rise), inside))


def outer_print(case: Case, material: Material) -> Part:
    """A print over the flat of a shut lid."""
    return Part(plate(drawn_in(case.section, case.edge + 1.5), case.top + 0.05), material)


def inner_print(case: Case, material: Material) -> Part:
    """A print on what is set into a shut lid: it looks down and reads upright in an open one."""
    face = case.base + GAP + case.frame_depth - 0.62
    print_ = plate(drawn_in(case.section, case.frame + 2), 0).turned("x", 180)
    return Part(print_.moved(z=face), material)


def hinge(
    case: Case, width: float, base: Material, cover: Material, count: int
) -> tuple[Parts, Parts]:
    """(what stays on the base, what moves with the lid): brackets, knuckles in turn and a pin.

    One knuckle alone is the spine of a book-like case.
    """
    y, z = case.axis
    thick = min(1.5, 0.32 * case.lid, 0.3 * case.base)
    edges = np.linspace(-width / 2, width / 2, count + 1)
    knuckles = [
        tube([(left + 0.15, 0), (right - 0.15, 0)], [thick, thick]).moved(y=y, z=z)
        for left, right in pairwise(edges)
    ]
    inner = width * (1 - 2 / count) if count > 1 else width
    reach = 1.5 + _falling(case.section, width)
    low = box(width, reach, thick, 0.5, 0.3).moved(y=y - reach / 2, z=z - GAP / 2 - thick)
    high = box(inner, reach, thick, 0.5, 0.3).moved(y=y - reach / 2, z=z + GAP / 2)
    stays: Parts = (Part(joined(low, *knuckles[::2]), base),)
    if count == 1:
        return stays, (Part(high, cover),)
    pin = tube([(-width / 2 - 0.3, 0), (width / 2 + 0.3, 0)], [thick * 0.55] * 2).moved(y=y, z=z)
    return (*stays, Part(pin, STEEL)), (Part(joined(high, *knuckles[1::2]), cover),)


def _falling(section: Section, width: float) -> float:
    """How far the outline has come forward at ``width`` / 2 beside the middle of its back, mm."""
    outline = of_section(section)
    back = outline[(np.abs(outline[:, 0]) < width / 2) & (outline[:, 1] > 0), 1]
    return float(section.half_y - back.min())


def catch(case: Case, width: float) -> tuple[Mesh, Mesh]:
    """(the thumb catch on the base's front, the lid's lip over it)."""
    front = -case.section.half_y
    high, lip = min(2.6, 0.5 * case.base), min(1.6, 0.5 * case.lid)
    return (
        box(width, 1.8, high, 0.6, 0.4).moved(y=front - 0.2, z=case.base - high - 0.25),
        box(width * 0.8, 1.6, lip, 0.6, 0.35).moved(y=front - 0.25, z=case.base + GAP + 0.1),
    )


def hinged(
    case: Case,
    contents: Parts,
    material: Material,
    cover: Material,
    *,
    angle: float,
    base: Mesh,
    hinge_width: float,
    inside: Material | None = MIRROR,
    marks: Parts = (),
    catch_width: float = 0,
    knuckles: int = KNUCKLES,
) -> Parts:
    """A base with contents and its lid open by ``angle`` degrees; ``marks`` move with the lid."""
    stays, moves = hinge(case, hinge_width, material, cover, knuckles)
    moves += lid(case, cover, inside=inside) + marks
    if catch_width:
        button, lip = catch(case, catch_width)
        stays += (Part(button, material),)
        moves += (Part(lip, cover),)
    y, z = case.axis
    opened = tuple(replace(part, mesh=tilted(part.mesh, angle, y, z)) for part in moves)
    return (Part(base, material), *stays, *contents, *opened)


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
