"""Spatulas and scoops that come with creams and masks, lying flat."""

from __future__ import annotations

from offline.datasets.packbench.materials import (
    brushed,
    frosted,
    gloss,
    metal,
    offered,
    satin,
    wood,
)
from offline.datasets.packbench.parameters import (
    Archetype,
    Category,
    Dimension,
    Model,
    Parameters,
    View,
)
from offline.datasets.packbench.shapes.parts import Part
from offline.datasets.packbench.shapes.spatulas import Blade, Dent, Grooves, Relief, Spatula

VIEWS = (  # across the frame, which a slender thing would leave empty
    View("front", -36, 58),
    View("mirrored", 38, 50),
    View("above", 0, 86, roll=42),
    View("upright", 82, 52),
    View("low", -50, 22),
)
THICKNESS = Dimension(1.5, 3.2)
PLASTICS = (  # no white: on a white sweep, lit from above, a flat white thing disappears
    *offered(gloss, "grey", "black", "sand", "blush", "sky"),
    *offered(satin, "sage", "sand", "black"),
    *offered(frosted, "clear", "aqua"),
)
METALS = (*offered(metal, "gold", "rose-gold", "copper"), *offered(brushed, "bronze", "gunmetal"))


def _built(p: Parameters, right: Blade, left: Blade | None = None, lift: float = 0) -> Model:
    flare = 1 if left else p["foot"]
    made = Spatula(
        p["length"],
        p["handle"],
        p["thickness"],
        right,
        left,
        flare,
        p.dimensions.get("arch", 2.0),
        lift,
        _relief(p),
    )
    return Model((Part(made.mesh(), p.surfaces["spatula"]),))


def _relief(p: Parameters) -> tuple[Relief, ...]:
    length, deep = p["length"], 0.3 * p["thickness"]
    match p.choices["mark"]:
        case "dot":
            return (Dent(-0.5 * length + 1.1 * p["handle"], 0.3 * p["handle"], deep),)
        case "grooves":
            return (Grooves(-0.34 * length, -0.12 * length, 6, deep),)
        case "thumb rest":
            return (Dent(-0.16 * length, 0.42 * p["handle"], 0.7 * deep),)
    return ()


def _blade(p: Parameters, square: float = 2.2, bowl: float = 0, thin: float = 0.5) -> Blade:
    length = p["length"] * p["head"]
    return Blade(length, min(p["handle"] * p["head width"], 0.95 * length), square, bowl, thin)


def _paddle(p: Parameters) -> Model:
    return _built(p, _blade(p))


def _square(p: Parameters) -> Model:
    return _built(p, _blade(p, p["squareness"], thin=0.35))


def _scoop(p: Parameters) -> Model:
    head = _blade(p)
    return _built(p, _blade(p, 2.1, p["bowl"] * head.width, 0.6), lift=p["lift"])


def _double(p: Parameters) -> Model:
    right = _blade(p)
    spoon = Blade(right.length * 0.8, right.width * p["second"], 2.1, 0.16 * right.width, 0.6)
    return _built(p, right, spoon)


def _curved(p: Parameters) -> Model:
    return _built(p, _blade(p, 2.6, thin=0.4), lift=p["lift"])


ARCH = Dimension(0.4, 4)
FOOT = Dimension(0.75, 1.6, "ratio")
HEAD = {"head": Dimension(0.26, 0.42, "ratio"), "head width": Dimension(2.1, 3, "ratio")}
MARKS = {"mark": ("", "dot", "grooves", "thumb rest")}
CATEGORY = Category(
    "spatula",
    (
        Archetype(
            "paddle",
            "Cream spatula",
            {
                "length": Dimension(52, 82),
                "handle": Dimension(4.4, 7),
                **HEAD,
                "thickness": THICKNESS,
                "foot": FOOT,
                "arch": ARCH,
            },
            {"spatula": PLASTICS},
            _paddle,
            MARKS,
        ),
        Archetype(
            "scoop",
            "Scoop",
            {
                "length": Dimension(58, 96),
                "handle": Dimension(3.8, 6),
                "head": Dimension(0.22, 0.36, "ratio"),
                "head width": Dimension(2.4, 3.8, "ratio"),
                "bowl": Dimension(0.12, 0.3, "ratio"),
                "thickness": Dimension(1.4, 2.6),
                "foot": FOOT,
                "lift": Dimension(1, 9),
            },
            {"spatula": (*PLASTICS, *METALS)},
            _scoop,
            MARKS,
        ),
        Archetype(
            "double",
            "Double-ended spatula",
            {
                "length": Dimension(84, 132),
                "handle": Dimension(4, 6),
                "head": Dimension(0.2, 0.3, "ratio"),
                "head width": Dimension(2.3, 3.2, "ratio"),
                "second": Dimension(0.65, 1.15, "ratio"),
                "thickness": Dimension(1.3, 2.6),
                "arch": ARCH,
            },
            {"spatula": (*METALS, *PLASTICS[:7])},
            _double,
            {"mark": ("", "grooves", "thumb rest")},
        ),
        Archetype(
            "square",
            "Square-ended spatula",
            {
                "length": Dimension(60, 100),
                "handle": Dimension(4.6, 7.5),
                **HEAD,
                "squareness": Dimension(4, 12, "ratio"),
                "thickness": THICKNESS,
                "foot": FOOT,
                "arch": ARCH,
            },
            {"spatula": PLASTICS},
            _square,
            MARKS,
        ),
        Archetype(
            "bamboo",
            "Bamboo spatula",
            {
                "length": Dimension(70, 128),
                "handle": Dimension(6, 9.5),
                "head": Dimension(0.24, 0.4, "ratio"),
                "head width": Dimension(1.6, 2.3, "ratio"),
                "thickness": Dimension(1.6, 3.4),
                "foot": FOOT,
                "arch": Dimension(0.2, 1.2),
            },
            {"spatula": offered(wood, "sand", "tan", "brown")},
            _paddle,
            {"mark": ("", "dot")},
        ),
        Archetype(
            "curved",
            "Curved metal spatula",
            {
                "length": Dimension(80, 128),
                "handle": Dimension(4, 6.5),
                "head": Dimension(0.24, 0.4, "ratio"),
                "head width": Dimension(1.7, 2.6, "ratio"),
                "thickness": Dimension(1, 2),
                "foot": Dimension(1, 1.9, "ratio"),
                "lift": Dimension(3, 14),
                "arch": ARCH,
            },
            {"spatula": METALS},
            _curved,
            {"mark": ("", "dot", "thumb rest")},
        ),
    ),
    VIEWS,
    phone=(28, 74),
)
