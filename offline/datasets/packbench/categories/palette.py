"""Eye shadow and face palettes: many pans in a flat case, with a mirror, a print or no lid."""

from __future__ import annotations

from offline.datasets.packbench.materials import (
    Material,
    brushed,
    clear,
    gloss,
    metal,
    offered,
    paper,
    powder,
    satin,
)
from offline.datasets.packbench.parameters import (
    Archetype,
    Category,
    Dimension,
    Model,
    Parameters,
    View,
)
from offline.datasets.packbench.shapes.cases import (
    MIRROR,
    Case,
    Grid,
    deck,
    grid,
    hinged,
    inner_print,
    outer_print,
    tray,
)
from offline.datasets.packbench.shapes.freeform import joined, of_section
from offline.datasets.packbench.shapes.meshes import Section
from offline.datasets.packbench.shapes.pans import pan
from offline.datasets.packbench.shapes.parts import Part, Parts, moved

VIEWS = (
    View("front", 0, 34),
    View("left", -32, 40),
    View("right", 36, 30),
    View("above", 0, 68),
    View("high", -18, 54),
)
OPEN = 118.0  # degrees: a lid leans back on its hinge
RECESS = 3.0  # mm, of a well under the rim
STORIES = {  # twelve shades each, light to deep, as palettes are sold
    "nude": (
        "ivory",
        "peach",
        "sand",
        "nude",
        "blush",
        "tan",
        "coral",
        "ochre",
        "terracotta",
        "bronze",
        "rose",
        "brown",
    ),
    "rose": (
        "ivory",
        "blush",
        "peach",
        "rose",
        "copper",
        "coral",
        "berry",
        "nude",
        "plum",
        "rose-gold",
        "terracotta",
        "brown",
    ),
    "smoky": (
        "white",
        "grey",
        "silver",
        "smoke",
        "sand",
        "gunmetal",
        "navy",
        "tan",
        "black",
        "bronze",
        "brown",
        "plum",
    ),
    "garden": (
        "ivory",
        "sage",
        "gold",
        "mint",
        "ochre",
        "green",
        "peach",
        "teal",
        "lilac",
        "terracotta",
        "plum",
        "brown",
    ),
    "sunset": (
        "ivory",
        "yellow",
        "peach",
        "ochre",
        "coral",
        "copper",
        "rose",
        "terracotta",
        "berry",
        "lilac",
        "plum",
        "brown",
    ),
}
SHIMMER = (1, 4, 6, 11)  # which shades of twelve have a metallic finish
RELIEF = ("smooth", "linen", "diagonal", "waves", "quilted")


def _filled(p: Parameters, cells: Grid, z: float) -> Parts:
    """A pan in every cell, standing at height ``z``."""
    shades = STORIES[p.choices["shades"]]
    centres = cells.centres()
    step = len(shades) / len(centres)
    relief = p.choices.get("relief", "linen")
    fine = len(centres) <= 9  # many pans are small in the image
    outline = of_section(cells.pan, 96 if fine else 72)
    parts: Parts = ()
    for i, (x, y) in enumerate(centres):
        number = int(i * step)
        made = brushed if number in SHIMMER else powder
        pressed = pan(
            outline,
            made(shades[number]),
            p.surfaces["pan"],
            relief,
            height=2,
            deep=0.7,
            rings=22 if fine else 15,
        )
        parts += moved(pressed, x, y, z)
    return parts


def _case(p: Parameters) -> Case:
    half_x = p["width"] / 2
    half_y = half_x * p["depth"]
    corner = p["corner"] * min(half_x, half_y)
    lid = p["base"] * p["lid"] if "lid" in p.dimensions else 0
    return Case(Section(half_x, half_y, corner), p["base"], lid, p["rim"], 0.12 * p["base"])


def _pans(p: Parameters, columns: int, rows: int, *, round_pans: bool = False) -> Model:
    """A moulded case: wells in a deck, knuckles, a mirror in the lid unless that is clear."""
    case = _case(p)
    cells = grid(case, columns, rows, p["gap"], round_pans=round_pans)
    base = joined(tray(case, RECESS, deck=False), deck(case, cells, RECESS))
    cover = p.surfaces.get("lid", p.surfaces["case"])
    return Model(
        hinged(
            case,
            _filled(p, cells, case.base - RECESS),
            p.surfaces["case"],
            cover,
            angle=OPEN,
            base=base,
            inside=None if cover.see_through else MIRROR,
            catch_width=min(0.2 * p["width"], 16),
            hinge_width=0.42 * p["width"],
        )
    )


def _quad(p: Parameters) -> Model:
    return _pans(p, 2, 2)


def _of_choice(p: Parameters) -> Model:
    return _pans(p, *_counts(p))


def _round_pans(p: Parameters) -> Model:
    return _pans(p, *_counts(p), round_pans=True)


def _counts(p: Parameters) -> tuple[int, int]:
    """Columns and rows out of a choice such as "4 × 3"."""
    columns, rows = p.choices["pans"].split(" × ")
    return int(columns), int(rows)


def _book(p: Parameters) -> Model:
    """Laminated card: a spine instead of knuckles, printed outside and perhaps inside."""
    case = _case(p)
    cells = grid(case, 3, 3, p["gap"], round_pans=False)
    base = joined(tray(case, RECESS, deck=False), deck(case, cells, RECESS))
    card = p.surfaces["case"]
    ink = p.surfaces["print"].colour
    marks: Parts = (outer_print(case, Material("paper", card.colour, p.artwork, ink)),)
    inside = MIRROR
    if p.choices["inside"] == "printed lid":
        inside = card
        marks += (inner_print(case, Material("paper", ink, p.artwork, card.colour)),)
    return Model(
        hinged(
            case,
            _filled(p, cells, case.base - RECESS),
            card,
            card,
            angle=OPEN,
            inside=inside,
            marks=marks,
            base=base,
            hinge_width=0.94 * p["width"],
            knuckles=1,
        )
    )


def _magnetic(p: Parameters) -> Model:
    """A thin tray without a lid, whose pans stand free on its floor."""
    case = _case(p)
    cells = grid(case, *_counts(p), p["gap"], round_pans=p.choices["form"] == "round")
    base = Part(tray(case, case.base - 1.2, deck=False), p.surfaces["case"])
    return Model((base, *_filled(p, cells, 1.25)))


CASES = (
    *offered(gloss, "black", "white", "blush", "nude"),
    *offered(satin, "black", "ivory", "navy"),
    *offered(metal, "rose-gold", "gold"),
    *offered(brushed, "gunmetal"),
)
PANS = (*offered(metal, "silver", "gold"), gloss("black"))
CORNER, GAP = Dimension(0.06, 0.34, "ratio"), Dimension(1.6, 4.5)
SHAPE = {
    "base": Dimension(7, 11),
    "lid": Dimension(0.45, 0.75, "ratio"),
    "rim": Dimension(3.2, 7),
    "gap": GAP,
    "corner": CORNER,
}
CHOICES = {"shades": tuple(STORIES), "relief": RELIEF}
DRESS = {"case": CASES, "pan": PANS}
CATEGORY = Category(
    "palette",
    (
        Archetype(
            "quad",
            "Eye shadow quad",
            {"width": Dimension(54, 72), "depth": Dimension(0.8, 1.1, "ratio"), **SHAPE},
            DRESS,
            _quad,
            CHOICES,
        ),
        Archetype(
            "book",
            "Nine-pan palette, book",
            {
                "width": Dimension(78, 104),
                "depth": Dimension(0.84, 1.1, "ratio"),
                **SHAPE,
                "base": Dimension(8, 13),
                "corner": Dimension(0.01, 0.1, "ratio"),
            },
            {
                "case": offered(satin, "white", "black", "blush", "ivory", "sage", "sky", "lilac"),
                "print": offered(paper, "gold", "berry", "black", "teal", "terracotta"),
                "pan": PANS,
            },
            _book,
            {**CHOICES, "inside": ("mirror", "printed lid")},
        ),
        Archetype(
            "twelve",
            "Twelve-pan palette",
            {"width": Dimension(116, 160), "depth": Dimension(0.46, 0.62, "ratio"), **SHAPE},
            DRESS,
            _of_choice,
            {**CHOICES, "pans": ("6 × 2", "4 × 3")},
        ),
        Archetype(
            "round-pans",
            "Palette of round pans",
            {"width": Dimension(96, 132), "depth": Dimension(0.56, 0.72, "ratio"), **SHAPE},
            DRESS,
            _round_pans,
            {**CHOICES, "pans": ("3 × 2", "4 × 2", "5 × 2")},
        ),
        Archetype(
            "strip",
            "Strip palette",
            {
                "width": Dimension(100, 146),
                "depth": Dimension(0.26, 0.36, "ratio"),
                **SHAPE,
                "rim": Dimension(3.2, 5.5),
            },
            {**DRESS, "lid": (*offered(gloss, "black", "white"), clear("clear"), satin("black"))},
            _of_choice,
            {**CHOICES, "pans": ("4 × 1", "5 × 1", "6 × 1")},
        ),
        Archetype(
            "magnetic",
            "Magnetic palette, no lid",
            {
                "width": Dimension(86, 140),
                "depth": Dimension(0.6, 0.78, "ratio"),
                "base": Dimension(4, 8),
                "rim": Dimension(2.6, 6),
                "gap": GAP,
                "corner": CORNER,
            },
            {
                "case": (
                    *offered(satin, "black", "white"),
                    *offered(brushed, "silver", "gunmetal"),
                    metal("rose-gold"),
                ),
                "pan": PANS[:1],
            },
            _magnetic,
            {"form": ("", "round"), "pans": ("3 × 2", "4 × 3"), "shades": tuple(STORIES)},
        ),
    ),
    VIEWS,
    phone=(26, 66),
)
