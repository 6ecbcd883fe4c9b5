"""Cream jars: straight, heavy glass with an inner cup, tapered, square, tin and domed."""

from __future__ import annotations

from offline.datasets.packbench.categories.surface_offers import LIDS, VESSEL_METALS
from offline.datasets.packbench.materials import (
    brushed,
    clear,
    cream,
    frosted,
    glass,
    gloss,
    metal,
    offered,
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
from offline.datasets.packbench.shapes.jars import (
    Jar,
    band,
    covered,
    cup,
    filled,
    jar,
    tin,
    tin_lid,
)
from offline.datasets.packbench.shapes.meshes import Section, circle
from offline.datasets.packbench.shapes.parts import Parts
from offline.datasets.packbench.shapes.prints import MARKS, marked
from offline.datasets.packbench.shapes.vessels import LEAN, Lean, lid

VIEWS = (
    View("front", 0, 12),
    View("left", -35, 18),
    View("right", 20, 26),
    View("above", -15, 50),
    View("high", 38, 36),
)
SQUARELY = Lean(24, 0)  # against a flat side


def _put_together(
    p: Parameters,
    pot: Jar,
    contents: Parts,
    cover: Parts,
    half: float,
    span: tuple[float, float],
    width: float,
    lean: Lean = LEAN,
) -> Model:
    """Body, print, lid and what shows when the lid is off."""
    mark = marked(p.choices["print"], pot.outline, p.surfaces["body"], p.artwork, *span, width)
    placed = covered(pot, cover, p.choices["lid"], half, lean)
    return Model((*pot.parts, *contents, *mark, *placed), pot.volume_ml)


def _contents(p: Parameters, pot: Jar, wall: float, floor: float) -> Parts:
    """Cream just under the rim; under an opaque, closed lid it is invisible."""
    if p.choices["lid"] == "on" and not p.surfaces["body"].see_through:
        return ()
    level = pot.outline.top - 2.5
    radius = pot.neck - wall - 0.4
    return filled(radius, level, level - floor - 0.4, p.surfaces["fill"], swirl=True)


def _straight(p: Parameters) -> Model:
    radius, height = p["radius"], p["radius"] * p["height"]
    pot = jar(circle(radius), height, p.surfaces["body"], fillet=p["foot fillet"], wall=3)
    ribs = 72 if p.choices["grip"] == "ribbed" else 0
    cover = lid(circle(radius), p["lid height"], p.surfaces["lid"], edge=p["lid edge"], ribs=ribs)
    contents = _contents(p, pot, 3, 4)
    low = p["foot fillet"] + 1
    return _put_together(p, pot, contents, cover, radius, (low, height - 3), 2 * radius)


def _heavy(p: Parameters) -> Model:
    """A thick clear body round an opaque cup, as luxury creams come in."""
    radius, height = p["radius"], p["radius"] * p["height"]
    base = height * p["base"]
    pot = jar(
        circle(radius),
        height,
        p.surfaces["body"],
        fillet=p["foot fillet"],
        wall=4.5,
        floor=base,
        shoulder=3,
        neck=radius - 5,
    )
    inner = cup(pot, 4.5, pot.outline.top - base - 0.5, p.surfaces["cup"])
    contents: Parts = ()
    if p.choices["lid"] == "beside":
        contents = filled(pot.neck - 7, pot.outline.top - 1.5, 4, p.surfaces["fill"], swirl=True)
    half = radius - 1.2
    cover = lid(circle(half), p["lid height"], p.surfaces["lid"], edge=1.6)
    if p.choices["trim"] == "banded":
        cover += (band(half, 1.2, 2.6, p.surfaces["trim"]),)
    span = (base + 1, height - 3.5)
    return _put_together(p, pot, (*inner, *contents), cover, radius, span, 1.4 * radius)


def _tapered(p: Parameters) -> Model:
    radius, height = p["radius"], p["radius"] * p["height"]
    pot = jar(
        circle(radius), height, p.surfaces["body"], foot=p["foot"], fillet=5, shoulder=1, wall=3
    )
    cover = lid(circle(radius), p["lid height"], p.surfaces["lid"], edge=p["lid edge"])
    cover += (band(radius, 0.9, p["band"], p.surfaces["trim"]),)
    contents = _contents(p, pot, 3 + radius * (1 - p["foot"]) * 0.6, 4)
    return _put_together(p, pot, contents, cover, radius, (6, height - 2), 1.7 * radius)


def _square(p: Parameters) -> Model:
    half, height = p["half width"], p["half width"] * p["height"]
    section = Section(half, half, half * p["corner"])
    pot = jar(section, height, p.surfaces["body"], fillet=2.5, shoulder=2.5, wall=3.5, floor=6)
    if p.choices["cover"] == "round lid":
        shape = circle(half - 0.8)
    else:
        shape = Section(half, half, half * p["corner"])
    cover = lid(shape, p["lid height"], p.surfaces["lid"], edge=p["lid edge"])
    contents = _contents(p, pot, 3.5, 6)
    span = (4, height - 3.5)
    return _put_together(p, pot, contents, cover, half, span, 1.3 * half, SQUARELY)


def _tin(p: Parameters) -> Model:
    radius, height = p["radius"], p["height"]
    pot = tin(radius, height, p.surfaces["body"], bead=p["bead"])
    tall = height * p["lid height"]
    rings = 2 if p.choices["panel"] == "two rings" else 1
    cover = tin_lid(radius, tall, p.surfaces["body"], p["panel"], rings)
    contents: Parts = ()
    if p.choices["lid"] == "beside":
        balm = p.surfaces["fill"]
        contents = filled(radius - 2.3, height - 2, height - 3.2, balm, swirl=False)
    span = (1.2, height * 0.6)
    return _put_together(p, pot, contents, cover, radius, span, 3 * radius)


def _domed(p: Parameters) -> Model:
    """A rounded, pebble-like jar: a bowl foot under a domed lid."""
    radius, height = p["radius"], p["radius"] * p["height"]
    fillet = min(p["bowl"] * height, 0.8 * height)
    pot = jar(
        circle(radius), height, p.surfaces["body"], foot=0.94, fillet=fillet, shoulder=0.8, wall=3
    )
    rise = radius * p["dome"]
    cover = lid(circle(radius), p["lid height"], p.surfaces["lid"], dome=rise)
    if p.choices["trim"] == "banded":
        cover += (band(radius, 0.8, 2, p.surfaces["trim"]),)
    contents = _contents(p, pot, 3.5, 0.45 * height)
    return _put_together(p, pot, contents, cover, radius, (0.62 * height, height - 2), 1.2 * radius)


LID = ("on", "on", "beside")
TRIM = ("", "banded")
CREAMS = offered(cream, "white", "ivory", "blush", "sage", "lilac")

CATEGORY = Category(
    "jar",
    (
        Archetype(
            "straight",
            "Cream jar",
            {
                "radius": Dimension(24, 40),
                "height": Dimension(0.85, 1.5, "ratio"),
                "lid height": Dimension(12, 21),
                "foot fillet": Dimension(1.5, 9),
                "lid edge": Dimension(0.6, 4),
            },
            {
                "body": (
                    *offered(gloss, "white", "ivory", "black", "blush"),
                    *offered(satin, "white", "sage"),
                    *offered(glass, "amber", "cobalt"),
                    *offered(frosted, "clear", "aqua"),
                    clear("clear"),
                ),
                "lid": LIDS,
                "fill": CREAMS,
            },
            _straight,
            {"grip": ("", "ribbed"), "lid": LID, "print": MARKS},
        ),
        Archetype(
            "heavy-base",
            "Glass jar with inner cup",
            {
                "radius": Dimension(27, 38),
                "height": Dimension(0.95, 1.35, "ratio"),
                "base": Dimension(0.16, 0.4, "ratio"),
                "lid height": Dimension(13, 22),
                "foot fillet": Dimension(1.5, 10),
            },
            {
                "body": (
                    *offered(glass, "clear", "clear", "smoke", "blush"),
                    *offered(clear, "clear", "aqua"),
                ),
                "lid": LIDS,
                "cup": offered(gloss, "white", "ivory", "black", "gold"),
                "trim": VESSEL_METALS,
                "fill": CREAMS,
            },
            _heavy,
            {"trim": TRIM, "lid": LID, "print": ("", "label")},
        ),
        Archetype(
            "tapered",
            "Tapered jar with metal band",
            {
                "radius": Dimension(26, 38),
                "height": Dimension(0.8, 1.25, "ratio"),
                "foot": Dimension(0.7, 0.93, "ratio"),
                "lid height": Dimension(12, 20),
                "lid edge": Dimension(0.6, 4),
                "band": Dimension(1.5, 5),
            },
            {
                "body": (
                    *offered(gloss, "white", "ivory", "navy", "black"),
                    *offered(satin, "blush", "white", "sage"),
                    *offered(frosted, "clear"),
                ),
                "lid": LIDS,
                "trim": VESSEL_METALS,
                "fill": CREAMS,
            },
            _tapered,
            {"lid": LID, "print": MARKS},
        ),
        Archetype(
            "square",
            "Square jar",
            {
                "half width": Dimension(25, 35),
                "height": Dimension(0.9, 1.4, "ratio"),
                "corner": Dimension(0.12, 0.5, "ratio"),
                "lid height": Dimension(12, 20),
                "lid edge": Dimension(0.6, 3),
            },
            {
                "body": (
                    *offered(gloss, "white", "black", "ivory"),
                    *offered(satin, "sand"),
                    *offered(glass, "clear", "amber"),
                    *offered(frosted, "clear"),
                ),
                "lid": LIDS,
                "fill": CREAMS,
            },
            _square,
            {"cover": ("round lid", "square lid"), "lid": LID, "print": MARKS},
        ),
        Archetype(
            "tin",
            "Balm tin",
            {
                "radius": Dimension(22, 40),
                "height": Dimension(15, 26),
                "lid height": Dimension(0.38, 0.6, "ratio"),
                "panel": Dimension(0.3, 2.4),
                "bead": Dimension(0.1, 1.9),
            },
            {
                "body": (
                    *offered(metal, "silver", "gold", "rose-gold"),
                    *offered(brushed, "silver", "gunmetal", "silver"),
                    *offered(satin, "black", "white"),
                ),
                "fill": offered(cream, "ivory", "ochre", "white", "sage"),
            },
            _tin,
            {"panel": ("one ring", "two rings"), "lid": LID, "print": ("", "label")},
        ),
        Archetype(
            "domed",
            "Jar with domed lid",
            {
                "radius": Dimension(25, 36),
                "height": Dimension(0.75, 1.05, "ratio"),
                "bowl": Dimension(0.25, 0.75, "ratio"),
                "lid height": Dimension(8, 14),
                "dome": Dimension(0.18, 0.5, "ratio"),
            },
            {
                "body": (
                    *offered(gloss, "white", "lilac", "peach", "ivory"),
                    *offered(satin, "white", "blush"),
                    *offered(frosted, "clear", "aqua"),
                ),
                "lid": LIDS,
                "trim": VESSEL_METALS,
                "fill": CREAMS,
            },
            _domed,
            {"trim": TRIM, "lid": LID, "print": MARKS},
        ),
    ),
    VIEWS,
    phone=(14, 55),
)
