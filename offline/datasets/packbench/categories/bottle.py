"""Bottles: boston round, lotion cylinder, oval shampoo, square serum, toner and tottle."""

from __future__ import annotations

from offline.datasets.packbench.categories.surface_offers import CAPS, LIQUIDS, VESSEL_METALS
from offline.datasets.packbench.materials import (
    Material,
    brushed,
    clear,
    frosted,
    glass,
    gloss,
    liquid,
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
from offline.datasets.packbench.shapes.bottles import (
    NECK_HEIGHT,
    bottle,
    crimps,
    ferrule,
    seat,
    tottle,
)
from offline.datasets.packbench.shapes.closures import (
    disc_top,
    dropper,
    flip_top,
    pump,
    screw_cap,
)
from offline.datasets.packbench.shapes.meshes import Section, circle
from offline.datasets.packbench.shapes.outlines import Outline
from offline.datasets.packbench.shapes.parts import Part, Parts, moved
from offline.datasets.packbench.shapes.prints import MARKS, marked
from offline.datasets.packbench.shapes.vessels import lid, vessel

COLLAR = 2.2  # mm, a closure's outer radius over its neck's: the thread and the moulded wall

VIEWS = (
    View("front", 0, 8),
    View("left", -34, 14),
    View("right", 36, 20),
    View("back", 162, 12),
    View("high", 20, 38),
)


def _put_together(
    p: Parameters,
    outline: Outline,
    closure: Parts,
    level: float,
    span: tuple[float, float],
    width: float,
    *,
    wall: float = 1.2,
    floor: float = 2.4,
) -> Model:
    """Body, contents up to a fraction of it, print between two fractions of its height, closure."""
    body = p.surfaces["body"]
    parts, volume = vessel(
        outline, body, wall=wall, floor=floor, fill=p.surfaces["fill"], level=level
    )
    low, high = (fraction * (outline.top - NECK_HEIGHT) for fraction in span)
    mark = marked(p.choices["print"], outline, body, p.artwork, low, high, width)
    return Model((*parts, *mark, *moved(closure, z=seat(outline))), volume)


def _boston(p: Parameters) -> Model:
    radius = p["radius"]
    height = radius * p["slenderness"]
    neck = radius * p["neck"]
    room = radius - neck
    outline = bottle(
        circle(radius), height, neck, shoulder=p["shoulder"] * room, slope=0.16 * radius, foot=3
    )
    closure = _boston_closure(p, neck + COLLAR, height)
    top = 1 - p["shoulder"] * room / height
    return _put_together(p, outline, closure, 0.72, (0.12, top - 0.06), 2.1 * radius)


def _boston_closure(p: Parameters, radius: float, height: float) -> Parts:
    cap, tall = p.surfaces["cap"], p["cap height"]
    seen = p.surfaces["body"].see_through
    match p.choices["closure"]:
        case "dropper":
            pipette = 0.8 * height if seen else 0
            bulb = Material("rubber", "black" if cap.colour == "black" else "white")
            return dropper(
                radius,
                tall,
                cap,
                bulb,
                pipette=pipette,
                bulb_radius=0.62 * radius,
                bulb_height=2.3 * radius,
                ribs=40,
            )
        case "pump":
            dip = 0.9 * height if seen else 0
            return pump(
                radius, tall, cap, head_radius=0.75 * radius, spout=1.7 * radius, dip=dip, ribs=44
            )
        case closure:
            return screw_cap(radius, tall, cap, ribs=48 if closure == "ribbed cap" else 0)


def _lotion(p: Parameters) -> Model:
    radius = p["radius"]
    height = radius * p["slenderness"]
    neck = max(0.34 * radius, 8.5)
    outline = bottle(
        circle(radius), height, neck, shoulder=p["shoulder"] * radius, slope=1.5, foot=2.5
    )
    dip = 0.93 * height if p.surfaces["body"].see_through else 0
    head = pump(
        neck + COLLAR,
        p["collar"],
        p.surfaces["cap"],
        head_radius=0.36 * radius,
        spout=p["spout"],
        dip=dip,
        ribs=48 if p.choices["collar"] == "ribbed" else 0,
    )
    return _put_together(p, outline, head, 0.8, (0.16, 0.72), 1.9 * radius)


def _oval(p: Parameters) -> Model:
    half, height = p["half width"], p["height"]
    section = Section(half, half * p["depth"], half)
    neck = 0.3 * half
    outline = bottle(
        section,
        height,
        neck,
        shoulder=p["shoulder"] * half,
        slope=3,
        foot=5,
        waist=p["waist"] * half,
        waist_at=0.52,
    )
    cap, wide = p.surfaces["cap"], half * p["cap"]
    if p.choices["closure"] == "disc top":
        closure = disc_top(wide, 0.9 * wide, cap)
    else:
        closure = flip_top(wide, 0.62 * wide, cap, lid=0.4 * wide)
    return _put_together(p, outline, closure, 0.85, (0.2, 0.74), 1.25 * half)


def _square(p: Parameters) -> Model:
    half, height = p["half width"], p["height"]
    deep = half * p["depth"]
    section = Section(half, deep, p["corner"])
    neck = 0.42 * deep
    outline = bottle(section, height, neck, shoulder=1.6, slope=0.8, foot=1.2)
    wide = deep * p["cap"]
    cap_section = circle(wide) if p.choices["cap"] == "round cap" else Section(wide, wide, 1.5)
    ring = ferrule(neck + 1.8, 0, 4, p.surfaces["ring"])
    overcap = lid(cap_section, p["cap height"], p.surfaces["cap"], edge=1)
    closure = (ring, *moved(overcap, z=2.2))
    return _put_together(
        p, outline, closure, 0.74, (0.24, 0.7), 1.3 * half, wall=2.6, floor=p["base"]
    )


def _toner(p: Parameters) -> Model:
    radius, height = p["radius"], p["height"]
    top = radius * p["taper"]
    neck = 0.62 * top
    outline = bottle(
        circle(radius), height, neck, shoulder=1.5, slope=0.8, foot=2.5, taper=p["taper"]
    )
    wide = top - 0.4
    cap = lid(circle(wide), height * p["cap"], p.surfaces["cap"], edge=p["edge"])
    ring = ferrule(wide - 0.8, -0.3, 2.2, p.surfaces["ring"])
    return _put_together(p, outline, (ring, *moved(cap, z=1.4)), 0.88, (0.16, 0.78), 1.5 * top)


def _tottle(p: Parameters) -> Model:
    radius, length = p["radius"], p["radius"] * p["slenderness"]
    tall = p["cap height"]
    outline = tottle(radius, length, tall + 0.5, flare=p["flare"])
    body = p.surfaces["body"]
    wide = radius * p["cap"]
    cap = lid(
        circle(wide),
        tall,
        p.surfaces["cap"],
        edge=1.2,
        ribs=60 if p.choices["grip"] == "ribbed" else 0,
    )
    standing = tuple(_upturned(part, tall) for part in cap)
    parts: Parts = (Part(outline.solid(), body), *standing, *crimps(outline, body))
    mark = marked(
        p.choices["print"],
        outline,
        body,
        p.artwork,
        tall + 0.18 * length,
        tall + 0.8 * length,
        1.5 * radius,
    )
    return Model((*parts, *mark), 0.94 * outline.solid().volume() / 1000)


def _upturned(part: Part, height: float) -> Part:
    return Part(part.mesh.turned("x", 180).moved(z=height), part.material)


CLEAR_GLASS = (*offered(glass, "clear", "amber", "clear"), *offered(frosted, "clear", "aqua"))

CATEGORY = Category(
    "bottle",
    (
        Archetype(
            "boston-round",
            "Boston round bottle",
            {
                "radius": Dimension(15, 31),
                "slenderness": Dimension(2.3, 3.6, "ratio"),
                "shoulder": Dimension(0.3, 0.8, "ratio"),
                "neck": Dimension(0.36, 0.5, "ratio"),
                "cap height": Dimension(10, 18),
            },
            {
                "body": (
                    *offered(glass, "amber", "clear", "amber", "cobalt", "emerald"),
                    *offered(frosted, "clear"),
                    *offered(satin, "white", "black"),
                ),
                "cap": (*CAPS, *offered(metal, "silver", "gold")),
                "fill": LIQUIDS,
            },
            _boston,
            {"closure": ("screw cap", "ribbed cap", "dropper", "pump"), "print": MARKS},
        ),
        Archetype(
            "lotion",
            "Lotion bottle with pump",
            {
                "radius": Dimension(22, 35),
                "slenderness": Dimension(3.2, 5, "ratio"),
                "shoulder": Dimension(0.1, 0.5, "ratio"),
                "collar": Dimension(11, 19),
                "spout": Dimension(24, 40),
            },
            {
                "body": (
                    *offered(satin, "white", "sand", "sage", "black", "blush"),
                    *offered(gloss, "white", "ivory"),
                    *offered(clear, "clear", "amber"),
                ),
                "cap": CAPS,
                "fill": offered(liquid, "clear", "aqua", "blush", "ochre"),
            },
            _lotion,
            {"collar": ("smooth", "ribbed"), "print": MARKS},
        ),
        Archetype(
            "oval",
            "Oval shampoo bottle",
            {
                "half width": Dimension(28, 40),
                "height": Dimension(120, 185),
                "depth": Dimension(0.52, 0.76, "ratio"),
                "shoulder": Dimension(0.25, 0.55, "ratio"),
                "waist": Dimension(0.02, 0.2, "ratio"),
                "cap": Dimension(0.42, 0.52, "ratio"),
            },
            {
                "body": (
                    *offered(gloss, "white", "blush", "teal", "mint", "navy", "lilac"),
                    *offered(satin, "white", "sage", "terracotta"),
                    *offered(clear, "clear", "aqua"),
                ),
                "cap": (*offered(gloss, "white", "black", "silver"), *offered(satin, "white")),
                "fill": offered(liquid, "aqua", "ochre", "blush", "sage"),
            },
            _oval,
            {"closure": ("disc top", "flip top"), "print": MARKS},
        ),
        Archetype(
            "square",
            "Square serum bottle",
            {
                "half width": Dimension(17, 28),
                "height": Dimension(52, 88),
                "depth": Dimension(0.6, 1, "ratio"),
                "corner": Dimension(1.5, 7),
                "cap": Dimension(0.5, 0.76, "ratio"),
                "cap height": Dimension(20, 36),
                "base": Dimension(5, 13),
            },
            {
                "body": (*CLEAR_GLASS, *offered(glass, "smoke", "blush")),
                "cap": (*offered(gloss, "black", "white"), *VESSEL_METALS),
                "ring": VESSEL_METALS,
                "fill": LIQUIDS,
            },
            _square,
            {"cap": ("round cap", "square cap"), "print": ("", "label", "print")},
        ),
        Archetype(
            "toner",
            "Toner bottle",
            {
                "radius": Dimension(20, 29),
                "height": Dimension(85, 135),
                "taper": Dimension(0.74, 0.99, "ratio"),
                "cap": Dimension(0.22, 0.42, "ratio"),
                "edge": Dimension(0.6, 7),
            },
            {
                "body": (
                    *offered(gloss, "white", "navy", "ivory"),
                    *offered(satin, "black"),
                    *offered(frosted, "clear", "aqua", "blush"),
                    *offered(glass, "clear"),
                ),
                "cap": (*offered(gloss, "white", "black"), *VESSEL_METALS),
                "ring": VESSEL_METALS,
                "fill": offered(liquid, "clear", "aqua", "blush"),
            },
            _toner,
            {"print": MARKS},
        ),
        Archetype(
            "tottle",
            "Tottle",
            {
                "radius": Dimension(16, 25),
                "slenderness": Dimension(4.6, 6.6, "ratio"),
                "cap height": Dimension(16, 30),
                "cap": Dimension(0.8, 0.98, "ratio"),
                "flare": Dimension(0.6, 1.1, "ratio"),
            },
            {
                "body": (
                    *offered(satin, "white", "sand", "black", "mint", "peach"),
                    *offered(gloss, "white", "sky", "rose"),
                    *offered(brushed, "silver"),
                ),
                "cap": (*CAPS, *offered(metal, "silver", "gold")),
            },
            _tottle,
            {"grip": ("smooth", "ribbed"), "print": MARKS},
        ),
    ),
    VIEWS,
    phone=(8, 42),
    # Never lying: their liquid is modelled for standing bottles.
)
