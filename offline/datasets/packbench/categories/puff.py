"""Puffs and sponges: sewn velour pads with a ribbon, air-cushion puffs, blending sponges."""

from __future__ import annotations

from dataclasses import replace

from offline.datasets.packbench.materials import (
    Material,
    foam,
    gloss,
    offered,
    rubber,
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
from offline.datasets.packbench.shapes.freeform import hull, of_section, polygon
from offline.datasets.packbench.shapes.meshes import Array, Section, circle
from offline.datasets.packbench.shapes.prints import contrasting
from offline.datasets.packbench.shapes.puffs import Pad, ribboned, sponge

VIEWS = (
    View("front", 0, 34),
    View("left", -34, 26),
    View("above", 12, 78),
    View("standing", -30, 16, tip=72),
    View("face", 26, 18, tip=-70),
)
SKIN = ("white", "ivory", "peach", "blush", "nude", "sand", "tan", "black", "lilac", "rose")


def _sewn(p: Parameters, outline: Array) -> Model:
    face = p.surfaces["pad"]
    back = {"": face, "satin back": satin(face.colour)}[p.choices["back"]]
    return _puff(p, outline, face, back)


def _puff(p: Parameters, outline: Array, face: Material, back: Material) -> Model:
    pad = Pad(outline, p["thickness"], p["fullness"])
    ribbon = p.surfaces["ribbon"]
    if p.choices["mark"]:
        ribbon = replace(ribbon, artwork=p.artwork, ink=contrasting(ribbon.colour, p.artwork))
    return Model(ribboned(pad, face, back, ribbon, width=p["ribbon"], slack=p["slack"]))


def _cushion(p: Parameters) -> Model:
    outline = of_section(circle(p["radius"]))
    return _puff(p, outline, p.surfaces["face"], p.surfaces["pad"])


def _round(p: Parameters) -> Model:
    return _sewn(p, of_section(circle(p["radius"])))


def _square(p: Parameters) -> Model:
    half = p["width"] / 2
    deep = half * p["depth"]
    return _sewn(p, of_section(Section(half, deep, min(half, deep) * p["corner"])))


def _triangle(p: Parameters) -> Model:
    return _sewn(p, polygon(3, p["radius"], p["radius"] * p["corner"]))


def _drop(p: Parameters) -> Model:
    wide = p["width"] / 2
    tip = wide * p["tip"]
    return _sewn(p, hull([(0, 0, wide), (0, wide * p["reach"], tip)]))


def _egg(p: Parameters) -> Model:
    cut = {"": 0.0, "cut face": 0.52}[p.choices["form"]]
    return Model(
        sponge(
            p["height"],
            p["height"] * p["width"],
            p["tip"],
            p["waist"],
            p.surfaces["sponge"],
            cut=cut,
        )
    )


THICK, FULL = Dimension(7, 14), Dimension(2.6, 6, "ratio")
RIBBON, SLACK = Dimension(0.42, 0.78, "ratio"), Dimension(1, 4.5)
PAD = {"thickness": THICK, "fullness": FULL, "ribbon": RIBBON, "slack": SLACK}
SEWN = {
    "pad": offered(velour, *SKIN),
    "ribbon": offered(satin, "white", "black", "ivory", "blush", "rose-gold", "tan"),
}
MARK = {"mark": ("", "printed ribbon")}
BACK = {"back": ("", "satin back"), **MARK}
CATEGORY = Category(
    "puff",
    (
        Archetype("round", "Velour puff", {"radius": Dimension(25, 40), **PAD}, SEWN, _round, BACK),
        Archetype(
            "triangle",
            "Triangle finger puff",
            {"radius": Dimension(27, 40), "corner": Dimension(0.2, 0.5, "ratio"), **PAD},
            SEWN,
            _triangle,
            BACK,
        ),
        Archetype(
            "egg",
            "Blending sponge",
            {
                "height": Dimension(46, 68),
                "width": Dimension(0.62, 0.8, "ratio"),
                "tip": Dimension(0.15, 0.75, "ratio"),
                "waist": Dimension(0, 0.28, "ratio"),
            },
            {
                "sponge": offered(
                    foam, "rose", "peach", "nude", "mint", "lilac", "black", "coral", "white"
                )
            },
            _egg,
            {"form": ("", "cut face")},
        ),
        Archetype(
            "square",
            "Square puff",
            {
                "width": Dimension(48, 70),
                "depth": Dimension(0.76, 1.05, "ratio"),
                "corner": Dimension(0.15, 0.6, "ratio"),
                **PAD,
            },
            SEWN,
            _square,
            BACK,
        ),
        Archetype(
            "cushion",
            "Air-cushion puff",
            {
                "radius": Dimension(23, 30),
                **PAD,
                "thickness": Dimension(6, 11),
                "fullness": Dimension(6, 12, "ratio"),
            },
            {
                "pad": (*offered(rubber, "navy", "black", "blush", "ivory"), gloss("white")),
                "face": offered(rubber, "nude", "peach", "ivory", "sky"),
                "ribbon": SEWN["ribbon"],
            },
            _cushion,
            MARK,
        ),
        Archetype(
            "drop",
            "Pointed finger puff",
            {
                "width": Dimension(36, 54),
                "reach": Dimension(1.12, 1.6, "ratio"),
                "tip": Dimension(0.16, 0.4, "ratio"),
                **PAD,
            },
            SEWN,
            _drop,
            BACK,
        ),
    ),
    VIEWS,
    phone=(22, 66),
    tips=(0, 0, 72),
)
