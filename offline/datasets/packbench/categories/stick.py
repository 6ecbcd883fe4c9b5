"""Sticks: lipsticks round and square, deodorant, foundation stick, lip balm, chubby crayon."""

from __future__ import annotations

from offline.datasets.packbench.categories.surface_offers import VESSEL_METALS
from offline.datasets.packbench.materials import (
    brushed,
    clear,
    cream,
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
from offline.datasets.packbench.shapes.bottles import ferrule
from offline.datasets.packbench.shapes.meshes import Section, circle
from offline.datasets.packbench.shapes.outlines import turned
from offline.datasets.packbench.shapes.parts import Part, Parts
from offline.datasets.packbench.shapes.prints import MARKS, marked
from offline.datasets.packbench.shapes.sticks import (
    TIPS,
    Stick,
    bullet,
    cap_over,
    capped,
    case,
    inset,
    lipstick,
    soap,
    wheel,
)

VIEWS = (
    View("front", 0, 10),
    View("left", -34, 16),
    View("right", 26, 22),
    View("level", 12, 4),
    View("high", -14, 42),
)


def _finished(
    p: Parameters,
    stick: Stick,
    cover: Parts,
    section: Section,
    span: tuple[float, float],
    width: float,
) -> Model:
    """Stick, print and cap."""
    mark = marked(p.choices["print"], stick.outline, p.surfaces["case"], p.artwork, *span, width)
    placed = capped(stick, cover, section, p.choices["cap"])
    return Model((*stick.parts, *mark, *placed), stick.volume_ml)


def _lipstick(p: Parameters, section: Section) -> Model:
    base = section.half_x * p["base"]
    stick = lipstick(
        section,
        base,
        p["sleeve"],
        p["rise"],
        p.surfaces["case"],
        p.surfaces["sleeve"],
        p.surfaces["bullet"],
        p.choices["tip"],
        p["foot"],
    )
    cover = cap_over(stick, section, p.surfaces["cap"], headroom=1.5, edge=p["foot"])
    if p.choices["trim"] == "ring":
        low = 0.82 * base
        ring = case(inset(section, -0.25), low, low + 1.6, 0.3, 0.3)
        stick = _adding(stick, Part(ring, p.surfaces["sleeve"]))
    return _finished(p, stick, cover, section, (0.12 * base, 0.74 * base), 1.4 * section.half_x)


def _adding(stick: Stick, part: Part) -> Stick:
    return Stick((*stick.parts, part), stick.outline, stick.seat, stick.rise, stick.volume_ml)


def _round(p: Parameters) -> Model:
    return _lipstick(p, circle(p["radius"]))


def _square(p: Parameters) -> Model:
    return _lipstick(p, Section(p["radius"], p["radius"], p["radius"] * p["corner"]))


def _deodorant(p: Parameters) -> Model:
    half, height = p["half width"], p["height"]
    deep = half * p["depth"]
    section = Section(half, deep, half if p.choices["plan"] == "oval" else deep)
    collar = inset(section, 1.8)
    mass = inset(section, 3.4)
    low, lift = 3.0, 7.0
    body = turned(
        section,
        [(half, low, 2), (half, height, p["shoulder"]), (half - p["shoulder"] - 0.4, height)],
    )
    block = soap(mass, height, height + lift + p["rise"], p["crown"])
    parts = (
        Part(body.solid(), p.surfaces["case"]),
        wheel(section, low + 1, p.surfaces["wheel"]),
        Part(case(collar, height - 1, height + lift, 0.6), p.surfaces["wheel"]),
        Part(block, p.surfaces["soap"]),
    )
    stick = Stick(parts, body, height + 0.6, lift + p["rise"], block.volume() / 1000)
    cover = cap_over(stick, section, p.surfaces["cap"], crown=p["crown"], headroom=-2, wall=1.2)
    return _finished(p, stick, cover, section, (0.14 * height, 0.86 * height), 1.5 * half)


def _foundation(p: Parameters) -> Model:
    radius, base = p["radius"], p["radius"] * p["base"]
    section = circle(radius)
    if p.choices["plan"] == "square":
        section = Section(radius, radius, 0.35 * radius)
    neck = inset(section, 1.6)
    lift = p["collar"]
    top = base + lift
    mass = soap(inset(section, 0.28 * radius), base, top + p["rise"], 1.4)
    parts = (
        Part(case(section, 0, base, 0.6, p["foot"]), p.surfaces["case"]),
        Part(case(neck, base - 1, top, 0.5), p.surfaces["collar"]),
        Part(mass, p.surfaces["bullet"]),
    )
    body = turned(section, [(radius, 0, 0.6), (radius, base)])
    stick = Stick(parts, body, base + 0.5, lift + p["rise"], mass.volume() / 1000)
    cover = cap_over(stick, section, p.surfaces["cap"], edge=1, wall=1)
    return _finished(p, stick, cover, section, (0.14 * base, 0.82 * base), 1.4 * radius)


def _balm(p: Parameters) -> Model:
    """A slim tube over a ribbed wheel, its balm cut a little aslant."""
    radius, height = p["radius"], p["height"]
    low = p["wheel"]
    section = circle(radius)
    top = height + p["neck"]
    mass = bullet(radius * 0.76, top - 1, top + p["rise"], p.choices["tip"])
    parts = (
        Part(case(section, low + 0.5, height, 0.4, 0.4), p.surfaces["case"]),
        Part(case(inset(section, 1), low - 1, low + 1, 0.1), p.surfaces["wheel"]),
        wheel(circle(radius / 0.84), low, p.surfaces["wheel"]),
        Part(case(inset(section, 0.9), height - 1, top, 0.5), p.surfaces["case"]),
        Part(mass, p.surfaces["bullet"]),
    )
    body = turned(section, [(radius, low + 0.5), (radius, height)])
    stick = Stick(parts, body, height + 0.4, p["neck"] + p["rise"], mass.volume() / 1000)
    cover = cap_over(stick, section, p.surfaces["cap"], edge=1.2)
    return _finished(p, stick, cover, section, (low + 2, height - 1.5), 2.6 * radius)


def _crayon(p: Parameters) -> Model:
    """A chubby twist-up crayon: a tapering barrel, a metal ferrule, a cone of colour."""
    radius, length = p["radius"], p["length"]
    tail = radius * p["tail"]
    barrel = turned(circle(radius), [(tail, 0, 1.2), (radius, 0.3 * length, 60), (radius, length)])
    nose = 0.72 * radius
    low = length + p["ferrule"]
    mass = soap(circle(0.86 * nose), low - 2, low + p["rise"], 0.7 * p["rise"])
    cone = turned(circle(radius), [(radius - 0.2, length, 0.3), (nose, low, 0.3), (nose - 1, low)])
    parts = (
        Part(barrel.solid(), p.surfaces["case"]),
        Part(cone.solid(), p.surfaces["sleeve"]),
        ferrule(radius + 0.15, length - 2.6, length - 0.2, p.surfaces["sleeve"]),
        Part(mass, p.surfaces["bullet"]),
    )
    stick = Stick(parts, barrel, length + 0.3, p["ferrule"] + p["rise"], mass.volume() / 1000)
    cover = cap_over(stick, circle(radius), p.surfaces["cap"], edge=1.5, headroom=4)
    return _finished(p, stick, cover, circle(radius), (0.34 * length, 0.84 * length), 1.8 * radius)


PLACED = ("", "beside", "beside", "on")
LIPS = offered(cream, "red", "berry", "coral", "rose", "nude", "terracotta", "plum", "brown")
DARKS = (*offered(gloss, "black", "white"), *offered(satin, "black", "blush", "navy", "white"))
SKINS = offered(cream, "nude", "tan", "sand", "brown", "peach", "ivory")

CATEGORY = Category(
    "stick",
    (
        Archetype(
            "lipstick",
            "Lipstick",
            {
                "radius": Dimension(8.6, 11),
                "base": Dimension(1.9, 3.2, "ratio"),
                "sleeve": Dimension(7, 14),
                "rise": Dimension(14, 22),
                "foot": Dimension(0.3, 2.4),
            },
            {
                "case": (*DARKS, *VESSEL_METALS),
                "cap": (*DARKS, *VESSEL_METALS),
                "sleeve": VESSEL_METALS,
                "bullet": LIPS,
            },
            _round,
            {"cap": PLACED, "tip": TIPS, "trim": ("", "ring"), "print": ("", "print")},
        ),
        Archetype(
            "square-lipstick",
            "Square lipstick",
            {
                "radius": Dimension(8.6, 11),
                "base": Dimension(2, 3.2, "ratio"),
                "corner": Dimension(0.08, 0.5, "ratio"),
                "sleeve": Dimension(7, 13),
                "rise": Dimension(14, 21),
                "foot": Dimension(0.3, 1.6),
            },
            {
                "case": (*DARKS, *VESSEL_METALS),
                "cap": (*DARKS, *VESSEL_METALS, clear("clear")),
                "sleeve": VESSEL_METALS,
                "bullet": LIPS,
            },
            _square,
            {"cap": PLACED, "tip": TIPS, "trim": ("", "ring"), "print": ("", "print")},
        ),
        Archetype(
            "deodorant",
            "Deodorant stick",
            {
                "half width": Dimension(25, 33),
                "depth": Dimension(0.46, 0.64, "ratio"),
                "height": Dimension(62, 92),
                "shoulder": Dimension(0.8, 6),
                "crown": Dimension(4, 12),
                "rise": Dimension(8, 18),
            },
            {
                "case": (
                    *offered(gloss, "white", "navy", "black", "sage"),
                    *offered(satin, "white", "sand", "grey", "mint"),
                ),
                "cap": (
                    *offered(gloss, "white", "black", "navy"),
                    *offered(satin, "white", "sand"),
                    *offered(clear, "clear"),
                ),
                "wheel": offered(gloss, "white", "grey", "black"),
                "soap": offered(cream, "white", "ivory", "aqua"),
            },
            _deodorant,
            {"cap": PLACED, "plan": ("oval", "stadium"), "print": MARKS},
        ),
        Archetype(
            "foundation",
            "Foundation stick",
            {
                "radius": Dimension(11, 15.5),
                "base": Dimension(2.8, 4.4, "ratio"),
                "collar": Dimension(4, 10),
                "rise": Dimension(8, 18),
                "foot": Dimension(0.4, 3),
            },
            {
                "case": (*DARKS, *offered(brushed, "gold", "silver")),
                "cap": (*offered(clear, "clear", "clear"), *DARKS),
                "collar": VESSEL_METALS,
                "bullet": SKINS,
            },
            _foundation,
            {"cap": PLACED, "plan": ("round", "square"), "print": MARKS},
        ),
        Archetype(
            "balm",
            "Lip balm stick",
            {
                "radius": Dimension(7.4, 9.4),
                "height": Dimension(40, 54),
                "wheel": Dimension(6, 12),
                "rise": Dimension(10, 15),
                "neck": Dimension(4, 9),
            },
            {
                "case": (
                    *offered(gloss, "white", "yellow", "mint", "sky", "berry"),
                    *offered(satin, "white", "black", "sage"),
                ),
                "cap": offered(gloss, "white", "black", "sky", "mint", "ivory"),
                "wheel": offered(gloss, "white", "white", "black"),
                "bullet": offered(cream, "ivory", "white", "blush", "yellow", "rose"),
            },
            _balm,
            {"cap": PLACED, "tip": ("slanted", "rounded"), "print": ("label", "print")},
        ),
        Archetype(
            "crayon",
            "Chubby crayon",
            {
                "radius": Dimension(5.2, 7.2),
                "length": Dimension(74, 104),
                "tail": Dimension(0.7, 0.98, "ratio"),
                "ferrule": Dimension(5, 14),
                "rise": Dimension(6, 13),
            },
            {
                "case": (
                    *offered(gloss, "red", "berry", "black", "coral"),
                    *offered(satin, "black", "nude", "plum", "rose", "white"),
                ),
                "cap": (*DARKS, *offered(clear, "clear"), *offered(metal, "silver")),
                "sleeve": VESSEL_METALS,
                "bullet": LIPS,
            },
            _crayon,
            {"cap": PLACED, "print": ("", "print")},
        ),
    ),
    VIEWS,
    phone=(8, 45),
    tips=(0, 0, 90),
)
