"""Loose powder: sifter pots, shakers, mineral pots, square pots with a puff, boxes."""

from __future__ import annotations

from offline.datasets.packbench.categories.surface_offers import LIDS, VESSEL_METALS
from offline.datasets.packbench.materials import (
    clear,
    frosted,
    gloss,
    metal,
    offered,
    powder,
    satin,
    velour,
)
from offline.datasets.packbench.parameters import (
    Archetype,
    Category,
    Dimension,
    Model,
    Parameters,
    View,
)
from offline.datasets.packbench.shapes.bottles import bottle, seat
from offline.datasets.packbench.shapes.jars import Jar, band, covered, jar
from offline.datasets.packbench.shapes.meshes import Section, circle
from offline.datasets.packbench.shapes.outlines import turned
from offline.datasets.packbench.shapes.parts import Parts, moved
from offline.datasets.packbench.shapes.pots import knob, petals, puff, sifter
from offline.datasets.packbench.shapes.prints import MARKS, marked
from offline.datasets.packbench.shapes.vessels import (
    LEAN,
    Lean,
    contents,
    leaning,
    lid,
    standing_beside,
    vessel,
)

VIEWS = (
    View("front", 0, 20),
    View("left", -30, 26),
    View("right", 20, 32),
    View("above", -12, 56),
    View("high", 36, 44),
)
WALL, FLOOR = 1.8, 3.0  # mm, of a moulded clear pot
FILLED = 0.72  # of a pot's height, as delivered


def _loose(p: Parameters, pot: Jar) -> Parts:
    """The powder that a see-through pot shows."""
    if not p.surfaces["body"].see_through:
        return ()
    return (
        contents(pot.outline, p.surfaces["powder"], FILLED * pot.shoulder, wall=WALL, floor=FLOOR),
    )


def _sifted(
    p: Parameters,
    pot: Jar,
    cover: Parts,
    half: float,
    pattern: str,
    span: tuple[float, float],
    width: float,
) -> Model:
    """A pot with powder, sifter, print and its lid on or leaning."""
    sieve = sifter(
        pot.neck, pot.outline.top + 0.1, p.surfaces["sifter"], p.surfaces["powder"], pattern
    )
    mark = marked(p.choices["print"], pot.outline, p.surfaces["body"], p.artwork, *span, width)
    placed = covered(pot, cover, p.choices["lid"], half)
    return Model((*pot.parts, *_loose(p, pot), *sieve, *mark, *placed), pot.volume_ml)


def _pot(p: Parameters) -> Model:
    radius, height = p["radius"], p["radius"] * p["height"]
    pot = jar(
        circle(radius),
        height,
        p.surfaces["body"],
        fillet=p["foot fillet"],
        shoulder=1.5,
        wall=WALL,
        floor=FLOOR,
    )
    cover = lid(circle(radius), p["lid height"], p.surfaces["lid"], edge=p["lid edge"])
    if p.choices["trim"] == "banded":
        cover += (band(radius, 0.8, 2, p.surfaces["trim"]),)
    span = (p["foot fillet"] + 1, height - 2)
    return _sifted(p, pot, cover, radius, p.choices["sifter"], span, 1.5 * radius)


def _mineral(p: Parameters) -> Model:
    """A small jar whose sifter turns; its lid steps in like a cap on a cap."""
    radius, height = p["radius"], p["radius"] * p["height"]
    pot = jar(
        circle(radius),
        height,
        p.surfaces["body"],
        fillet=2,
        shoulder=1,
        wall=WALL,
        floor=FLOOR,
        foot=p["foot"],
    )
    cover = lid(circle(radius), p["lid height"], p.surfaces["lid"], edge=1.2, step=p["step"])
    return _sifted(p, pot, cover, radius, "windows", (2.5, height - 1.5), 1.7 * radius)


def _shaker(p: Parameters) -> Model:
    """A tall tube with a perforated top, its cap on or standing beside it."""
    radius = p["radius"]
    height = radius * p["slenderness"]
    neck = 0.8 * radius
    outline = bottle(circle(radius), height, neck, shoulder=p["shoulder"], slope=1, foot=2.5)
    body, plate = p.surfaces["body"], p.surfaces["sifter"]
    parts, volume = vessel(
        outline, body, wall=WALL, floor=FLOOR, fill=p.surfaces["powder"], level=0.76
    )
    sieve = sifter(neck, outline.top, plate, p.surfaces["powder"], p.choices["sifter"])
    half = neck + p["cap"] * (radius - neck)
    cover = lid(circle(half + 1.9), p["cap height"], p.surfaces["lid"], edge=p["cap edge"])
    if p.choices["lid"] == "beside":
        cover = standing_beside(cover, radius, radius)
    else:
        cover = moved(cover, z=seat(outline))
    mark = marked(
        p.choices["print"], outline, body, p.artwork, 0.16 * height, 0.74 * height, 1.8 * radius
    )
    return Model((*parts, *sieve, *mark, *cover), volume)


def _square(p: Parameters) -> Model:
    """A square pot with its puff lying on the sifter, its lid leaning or left away."""
    half, height = p["half width"], p["half width"] * p["height"]
    section = Section(half, half, half * p["corner"])
    pot = jar(section, height, p.surfaces["body"], fillet=2, shoulder=1.5, wall=WALL, floor=FLOOR)
    sieve = sifter(
        pot.neck, pot.outline.top + 0.1, p.surfaces["sifter"], p.surfaces["powder"], "rings"
    )
    pad = puff(
        circle(pot.neck * p["puff"]), p["puff height"], p.surfaces["puff"], p.surfaces["ribbon"]
    )
    cover: Parts = ()
    if p.choices["lid"] == "beside":
        slab = lid(section, 0.55 * height, p.surfaces["lid"], edge=1.5)
        cover = leaning(slab, half, half, pot.shoulder, Lean(24, 0))
    mark = marked(
        p.choices["print"], pot.outline, p.surfaces["body"], p.artwork, 3, height - 3, 1.2 * half
    )
    resting = moved(pad, z=pot.outline.top + 1.5)
    return Model((*pot.parts, *_loose(p, pot), *sieve, *resting, *mark, *cover), pot.volume_ml)


def _box(p: Parameters) -> Model:
    """A drum box, as dusting powder comes in: powder and a puff under a lid that slips over."""
    radius, height = p["radius"], p["radius"] * p["height"]
    half = radius - 1.6
    outline = turned(circle(half), [(half, 0, 0.8), (half, height, 0.4)])
    parts, volume = vessel(outline, p.surfaces["body"], wall=1.4, floor=1.6)
    deep = height * p["lid height"]
    cover = _box_lid(p, radius, deep)
    if p.choices["lid"] == "beside":
        inside = contents(outline, p.surfaces["powder"], 0.8 * height, wall=1.4, floor=1.6)
        pad = puff(circle(0.68 * half), 8, p.surfaces["puff"], p.surfaces["ribbon"])
        cover = leaning(cover, radius, half, height, LEAN)
        parts = (*parts, inside, *moved(pad, z=0.8 * height + 0.2), *cover)
    else:
        parts = (*parts, *moved(cover, z=height - deep + 2))
    mark = marked(
        p.choices["print"], outline, p.surfaces["body"], p.artwork, 1, height - deep, 2.4 * radius
    )
    return Model((*parts, *mark), volume)


def _box_lid(p: Parameters, radius: float, deep: float) -> Parts:
    top = p.surfaces["lid"]
    cover = lid(circle(radius), deep, top, dome=radius * p["dome"])
    crest = deep + radius * p["dome"]
    if p.choices["top"] == "knob":
        return (*cover, knob(0.16 * radius, crest, p.surfaces["trim"]))
    return (*cover, *petals(0.42 * radius, crest - 0.09 * radius * p["dome"], top))


LID = ("beside", "beside", "on")
POWDERS = offered(powder, "nude", "sand", "peach", "ivory", "tan", "blush", "white")
PUFFS = offered(velour, "white", "blush", "ivory", "black", "peach")
SIFTERS = (*offered(gloss, "white", "white", "black"), *offered(clear, "clear"))

CATEGORY = Category(
    "powder",
    (
        Archetype(
            "sifter-pot",
            "Loose powder pot with sifter",
            {
                "radius": Dimension(27, 42),
                "height": Dimension(0.6, 1.1, "ratio"),
                "foot fillet": Dimension(1, 8),
                "lid height": Dimension(11, 22),
                "lid edge": Dimension(0.6, 5),
            },
            {
                "body": (
                    *offered(clear, "clear", "clear", "blush"),
                    *offered(frosted, "clear"),
                    *offered(gloss, "white", "black"),
                ),
                "lid": LIDS,
                "powder": POWDERS,
                "sifter": SIFTERS,
                "trim": VESSEL_METALS,
            },
            _pot,
            {
                "lid": LID,
                "sifter": ("rings", "rays"),
                "trim": ("", "banded"),
                "print": ("", "label"),
            },
        ),
        Archetype(
            "mineral",
            "Mineral powder pot",
            {
                "radius": Dimension(18, 28),
                "height": Dimension(0.7, 1.3, "ratio"),
                "foot": Dimension(0.84, 1, "ratio"),
                "lid height": Dimension(12, 22),
                "step": Dimension(0.8, 4),
            },
            {
                "body": (*offered(clear, "clear", "clear"), *offered(frosted, "clear")),
                "lid": LIDS,
                "powder": POWDERS,
                "sifter": SIFTERS,
            },
            _mineral,
            {"lid": LID, "print": ("", "label")},
        ),
        Archetype(
            "shaker",
            "Powder shaker",
            {
                "radius": Dimension(18, 27),
                "slenderness": Dimension(2.4, 4, "ratio"),
                "shoulder": Dimension(0.8, 4),
                "cap": Dimension(0.1, 0.9, "ratio"),
                "cap height": Dimension(14, 30),
                "cap edge": Dimension(0.6, 6),
            },
            {
                "body": (
                    *offered(clear, "clear"),
                    *offered(frosted, "clear"),
                    *offered(satin, "white", "sage", "blush"),
                    *offered(gloss, "white"),
                ),
                "lid": LIDS,
                "powder": POWDERS,
                "sifter": SIFTERS,
            },
            _shaker,
            {"lid": LID, "sifter": ("rings", "rays"), "print": MARKS},
        ),
        Archetype(
            "square-pot",
            "Square powder pot with puff",
            {
                "half width": Dimension(27, 38),
                "height": Dimension(0.6, 1, "ratio"),
                "corner": Dimension(0.12, 0.5, "ratio"),
                "puff": Dimension(0.78, 0.96, "ratio"),
                "puff height": Dimension(7, 14),
            },
            {
                "body": (
                    *offered(clear, "clear", "blush"),
                    *offered(frosted, "clear"),
                    *offered(gloss, "white", "black"),
                    *offered(satin, "sand"),
                ),
                "lid": LIDS,
                "puff": PUFFS,
                "ribbon": offered(satin, "white", "black", "blush"),
                "powder": POWDERS,
                "sifter": SIFTERS,
            },
            _square,
            {"lid": ("beside", ""), "print": ("", "label")},
        ),
        Archetype(
            "powder-box",
            "Dusting powder box",
            {
                "radius": Dimension(34, 48),
                "height": Dimension(0.55, 0.95, "ratio"),
                "lid height": Dimension(0.4, 0.75, "ratio"),
                "dome": Dimension(0.06, 0.36, "ratio"),
            },
            {
                "body": (
                    *offered(satin, "ivory", "white", "blush", "black", "mint"),
                    *offered(gloss, "white", "lilac"),
                ),
                "lid": (
                    *offered(satin, "ivory", "white", "blush", "black", "sage"),
                    *offered(metal, "gold", "silver"),
                ),
                "trim": VESSEL_METALS,
                "powder": POWDERS,
                "puff": PUFFS,
                "ribbon": offered(satin, "white", "blush", "black"),
            },
            _box,
            {"lid": ("on", "beside"), "top": ("knob", "pressed rays"), "print": MARKS},
        ),
    ),
    VIEWS,
    phone=(18, 58),
)
