"""Roll-ons: perfume vials, deodorants straight and waisted, eye rollers, square vials."""

from __future__ import annotations

from offline.datasets.packbench.categories.surface_offers import CAPS, LIQUIDS, VESSEL_METALS
from offline.datasets.packbench.materials import (
    Material,
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
from offline.datasets.packbench.shapes.bottles import NECK_HEIGHT, bottle, ferrule
from offline.datasets.packbench.shapes.jars import band
from offline.datasets.packbench.shapes.meshes import Section, circle
from offline.datasets.packbench.shapes.outlines import Outline
from offline.datasets.packbench.shapes.parts import Parts
from offline.datasets.packbench.shapes.prints import MARKS, marked
from offline.datasets.packbench.shapes.rollers import capped, roller
from offline.datasets.packbench.shapes.vessels import lid, vessel

VIEWS = (
    View("front", 0, 8),
    View("left", -32, 14),
    View("right", 24, 20),
    View("back", 160, 16),
    View("high", 12, 40),
)
CAP_WALL = 1.2  # mm


def _roll_on(
    p: Parameters,
    outline: Outline,
    neck: float,
    cap: Section,
    dome: float,
    wall: float,
    *,
    edge: float = 1.2,
    lip: float = 0.5,
    trim: Parts = (),
) -> Model:
    """Body with contents, housing and ball, and a cap just high enough to go over them."""
    body = p.surfaces["body"]
    half = float(outline.levels[:, 0].max())
    parts, volume = vessel(
        outline, body, wall=wall, floor=2 * wall, fill=p.surfaces["fill"], level=0.74
    )
    ball = roller(outline, neck, p.surfaces["housing"], p.surfaces["ball"], body, lip=lip)
    tall = ball.rise + p["headroom"]
    cover = (*lid(cap, tall, p.surfaces["cap"], edge=edge, dome=dome, wall=CAP_WALL), *trim)
    placed = capped(cover, outline, p.choices["cap"])
    height = outline.top - NECK_HEIGHT
    mark = marked(
        p.choices["print"], outline, body, p.artwork, 0.14 * height, 0.76 * height, 1.9 * half
    )
    return Model((*parts, *ball.parts, *mark, *placed), volume)


def _vial(p: Parameters) -> Model:
    radius = p["radius"]
    neck = 0.66 * radius
    outline = bottle(
        circle(radius),
        radius * p["slenderness"],
        neck,
        shoulder=p["shoulder"],
        slope=0.6,
        foot=1.2,
    )
    half = radius * p["cap"]
    trim: Parts = ()
    if p.choices["trim"] == "banded":
        trim = (band(half, 0.6, 1.8, Material("metal", "gold")),)
    return _roll_on(p, outline, neck, circle(half), 0, 1, trim=trim)


def _deodorant(p: Parameters) -> Model:
    radius = p["radius"]
    top = radius * p["taper"]
    neck = 0.74 * top
    outline = bottle(
        circle(radius),
        radius * p["slenderness"],
        neck,
        shoulder=p["shoulder"] * (top - neck),
        slope=2,
        foot=4,
        taper=p["taper"],
    )
    return _roll_on(p, outline, neck, circle(top - 0.3), radius * p["dome"], 1.6)


def _waisted(p: Parameters) -> Model:
    radius = p["radius"]
    neck = 0.72 * radius
    outline = bottle(
        circle(radius),
        radius * p["slenderness"],
        neck,
        shoulder=6,
        slope=2,
        foot=5,
        waist=p["waist"] * radius,
        waist_at=p["waist at"],
    )
    return _roll_on(p, outline, neck, circle(radius - 0.6), radius * p["dome"], 1.6)


def _eye(p: Parameters) -> Model:
    """A slim tube with a metal collar under a small steel ball."""
    radius = p["radius"]
    neck = 0.62 * radius
    height = radius * p["slenderness"]
    outline = bottle(circle(radius), height, neck, shoulder=1, slope=0.6, foot=p["foot"])
    model = _roll_on(p, outline, neck, circle(radius * 0.98), 0, 1.1, edge=p["cap edge"], lip=0.9)
    ring = ferrule(radius * 1.005, height - 1 - p["collar"], height - 1, p.surfaces["ball"])
    return Model((*model.parts, ring), model.volume_ml)


def _square(p: Parameters) -> Model:
    half = p["half width"]
    neck = 0.62 * half
    section = Section(half, half, half * p["corner"])
    outline = bottle(section, half * p["slenderness"], neck, shoulder=1.2, slope=0.6, foot=1)
    wide = half * p["cap"]
    cap = (
        circle(wide)
        if p.choices["shape"] == "round cap"
        else Section(wide, wide, wide * p["corner"])
    )
    return _roll_on(p, outline, neck, cap, 0, 1.6, edge=0.8)


PLACED = ("beside", "beside", "on")
BALLS = (*offered(metal, "silver"), *offered(glass, "clear"))
TOPS = (*CAPS, *VESSEL_METALS)

CATEGORY = Category(
    "roll-on",
    (
        Archetype(
            "vial",
            "Roll-on vial",
            {
                "radius": Dimension(8, 11.5),
                "slenderness": Dimension(4.6, 7.2, "ratio"),
                "shoulder": Dimension(0.4, 2.6),
                "cap": Dimension(0.9, 1.06, "ratio"),
                "headroom": Dimension(2, 12),
            },
            {
                "body": (
                    *offered(glass, "clear", "amber", "clear", "cobalt", "emerald"),
                    *offered(frosted, "clear", "blush"),
                ),
                "cap": TOPS,
                "housing": offered(gloss, "white", "black", "clear"),
                "ball": BALLS,
                "fill": LIQUIDS,
            },
            _vial,
            {"cap": PLACED, "trim": ("", "banded"), "print": ("", "label")},
        ),
        Archetype(
            "deodorant",
            "Deodorant roll-on",
            {
                "radius": Dimension(19, 25),
                "slenderness": Dimension(2.2, 3.3, "ratio"),
                "shoulder": Dimension(0.1, 0.8, "ratio"),
                "taper": Dimension(0.84, 1, "ratio"),
                "dome": Dimension(0.1, 0.75, "ratio"),
                "headroom": Dimension(2, 12),
            },
            {
                "body": (
                    *offered(gloss, "white", "sky", "mint", "blush", "black"),
                    *offered(satin, "white", "grey", "sage"),
                    *offered(frosted, "aqua"),
                ),
                "cap": (*offered(gloss, "white", "silver", "black"), *offered(satin, "white")),
                "housing": offered(gloss, "white", "white", "grey", "sky"),
                "ball": offered(gloss, "white", "white", "ivory"),
                "fill": LIQUIDS,
            },
            _deodorant,
            {"cap": PLACED, "print": MARKS},
        ),
        Archetype(
            "waisted",
            "Deodorant roll-on, waisted",
            {
                "radius": Dimension(19, 25),
                "slenderness": Dimension(2.5, 3.5, "ratio"),
                "waist": Dimension(0.06, 0.26, "ratio"),
                "waist at": Dimension(0.4, 0.66, "ratio"),
                "dome": Dimension(0.1, 0.7, "ratio"),
                "headroom": Dimension(2, 12),
            },
            {
                "body": (
                    *offered(gloss, "white", "lilac", "mint", "navy"),
                    *offered(satin, "white", "peach"),
                    *offered(glass, "clear", "aqua"),
                    *offered(frosted, "clear"),
                ),
                "cap": (*offered(gloss, "white", "black", "silver"), *offered(satin, "white")),
                "housing": offered(gloss, "white", "white", "grey"),
                "ball": (*offered(gloss, "white", "ivory"), *offered(metal, "silver")),
                "fill": LIQUIDS,
            },
            _waisted,
            {"cap": PLACED, "print": ("", "label", "print")},
        ),
        Archetype(
            "eye",
            "Eye roll-on",
            {
                "radius": Dimension(7.5, 10.5),
                "slenderness": Dimension(6, 9, "ratio"),
                "collar": Dimension(2, 12),
                "foot": Dimension(0.6, 5),
                "cap edge": Dimension(0.5, 4.5),
                "headroom": Dimension(2, 14),
            },
            {
                "body": (
                    *offered(satin, "white", "blush", "black", "sage"),
                    *offered(gloss, "white", "ivory"),
                    *offered(frosted, "clear"),
                ),
                "cap": TOPS,
                "housing": offered(gloss, "white", "white", "black"),
                "ball": VESSEL_METALS,
                "fill": LIQUIDS,
            },
            _eye,
            {"cap": PLACED, "print": MARKS},
        ),
        Archetype(
            "square",
            "Square roll-on vial",
            {
                "half width": Dimension(8.5, 12),
                "slenderness": Dimension(3.8, 5.6, "ratio"),
                "corner": Dimension(0.12, 0.6, "ratio"),
                "cap": Dimension(0.86, 1, "ratio"),
                "headroom": Dimension(2, 12),
            },
            {
                "body": (
                    *offered(glass, "clear", "clear", "amber", "smoke"),
                    *offered(frosted, "clear"),
                ),
                "cap": TOPS,
                "housing": offered(gloss, "white", "black"),
                "ball": BALLS,
                "fill": LIQUIDS,
            },
            _square,
            {"cap": PLACED, "shape": ("round cap", "square cap"), "print": ("", "label")},
        ),
    ),
    VIEWS,
    phone=(10, 45),
    # Never lying: their liquid is modelled for standing bottles.
)
