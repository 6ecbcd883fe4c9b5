"""Pointed caps: Yorker cones, ogives, stepped and twist-open spouts, needle applicators."""

from __future__ import annotations

from offline.datasets.packbench.categories.surface_offers import CAP_METALS, MOULDED, PLAIN
from offline.datasets.packbench.materials import clear, gloss, offered
from offline.datasets.packbench.parameters import (
    Archetype,
    Category,
    Dimension,
    Model,
    Parameters,
    View,
)
from offline.datasets.packbench.shapes.closures import nozzle
from offline.datasets.packbench.shapes.closures.nozzles import needle_tip, overcap, twist_tip
from offline.datasets.packbench.shapes.parts import moved

VIEWS = (
    View("front", 0, 8),
    View("left", -34, 22),
    View("high", 30, 40),
    View("lying", 102, 26, tip=-90),
    View("diagonal", 52, 34, tip=-90),
)
TIP_CAPS = {"tip": ("", "red", "white", "black", "blue")}
CONE = {
    "radius": Dimension(9.5, 16),
    "collar height": Dimension(0.8, 1.25, "ratio"),
    "length": Dimension(1.5, 3.2, "ratio"),
    "foot": Dimension(0.46, 0.7, "ratio"),
    "tip": Dimension(1.1, 2.2),
}


def _nozzle(p: Parameters) -> Model:
    """A moulded spout from whichever of the dimensions its archetype has."""
    given = p.dimensions
    radius = p["radius"]
    parts = nozzle(
        radius,
        radius * p["collar height"],
        p.surfaces["body"],
        length=radius * p["length"],
        foot=p["foot"],
        tip=p["tip"],
        ogive=given.get("swell", 0),
        ribs=round(given.get("ribs", 0)),
        tip_cap=p.choices["tip"],
        steps=round(given.get("steps", 0)),
        shoulder=given.get("shoulder", 1.2),
        rise=given.get("deck", 0.8),
    )
    return Model(parts)


def _twist(p: Parameters) -> Model:
    radius = p["radius"]
    parts = twist_tip(
        radius,
        radius * p["collar height"],
        p.surfaces["body"],
        p.surfaces["tip"],
        length=radius * p["length"],
        foot=p["foot"],
        fraction=p["cut"],
        wing=p["wing"],
        ribs=44 if p.choices["collar"] else 0,
    )
    return Model(parts)


def _needle(p: Parameters) -> Model:
    radius = p["radius"]
    parts = needle_tip(
        radius,
        radius * p["collar height"],
        p.surfaces["body"],
        p.surfaces["hub"],
        length=p["needle"],
        hub_height=p["hub"],
        gauge=p["gauge"],
        foot=p["foot"],
        ribs=40,
        cap=p.choices["tip"],
    )
    return Model(parts)


def _covered(p: Parameters) -> Model:
    radius, high = p["radius"], p["radius"] * p["collar height"]
    length = radius * p["length"]
    body = p.surfaces["body"]
    spout = nozzle(radius, high, body, length=length, foot=0.5, tip=p["tip"], ribs=44, shoulder=0.8)
    wide = radius * p["cover"]
    cover = overcap(wide, high + 0.5, length + 4, p.surfaces["cover"], p["cover taper"])
    if p.choices["cover"] == "beside":
        # Towards the back: laid on its back (tip -90) it rests on the table beside the collar.
        cover = moved(cover, x=radius + wide + 3, y=radius - wide, z=-high - 0.5)
    return Model((*spout, *cover))


CATEGORY = Category(
    "cap-sharp",
    (
        Archetype(
            "yorker",
            "Yorker spout cap",
            {**CONE, "ribs": Dimension(32, 60, "count")},
            {"body": MOULDED},
            _nozzle,
            TIP_CAPS,
        ),
        Archetype(
            "ogive",
            "Ogive spout cap",
            {
                **CONE,
                "foot": Dimension(0.7, 0.92, "ratio"),
                "swell": Dimension(0.45, 1.05, "ratio"),
                "shoulder": Dimension(0.4, 2.5),
            },
            {"body": (*MOULDED, *CAP_METALS[:3])},
            _nozzle,
            {"tip": ("", "", "black", "white")},
        ),
        Archetype(
            "stepped",
            "Stepped nozzle cap",
            {
                **CONE,
                "steps": Dimension(2, 4, "count"),
                "deck": Dimension(0.4, 4),
                "ribs": Dimension(32, 56, "count"),
            },
            {"body": MOULDED},
            _nozzle,
            TIP_CAPS,
        ),
        Archetype(
            "twist",
            "Twist-open spout cap",
            {
                "radius": Dimension(10, 16),
                "collar height": Dimension(0.8, 1.25, "ratio"),
                "length": Dimension(1.7, 2.8, "ratio"),
                "foot": Dimension(0.5, 0.74, "ratio"),
                "cut": Dimension(0.44, 0.66, "ratio"),
                "wing": Dimension(2, 5),
            },
            {"body": MOULDED, "tip": offered(gloss, "white", "black", "red", "navy")},
            _twist,
            {"collar": ("", "ribbed")},
        ),
        Archetype(
            "needle",
            "Needle-tip cap",
            {
                "radius": Dimension(8.5, 13),
                "collar height": Dimension(0.9, 1.4, "ratio"),
                "needle": Dimension(9, 24),
                "hub": Dimension(10, 18),
                "gauge": Dimension(0.5, 1.0),
                "foot": Dimension(0.42, 0.66, "ratio"),
            },
            {"body": PLAIN, "hub": MOULDED},
            _needle,
            {"tip": ("", "", "red", "blue")},
        ),
        Archetype(
            "covered",
            "Spout cap with overcap",
            {
                "radius": Dimension(10, 15),
                "collar height": Dimension(0.7, 1.1, "ratio"),
                "length": Dimension(1.4, 2.6, "ratio"),
                "tip": Dimension(1.2, 2.4),
                "cover": Dimension(0.72, 0.92, "ratio"),
                "cover taper": Dimension(0.6, 0.9, "ratio"),
            },
            {"body": MOULDED, "cover": offered(clear, "clear", "clear", "sky")},
            _covered,
            {"cover": ("on", "beside", "beside")},
        ),
    ),
    VIEWS,
    phone=(12, 46),
    tips=(0, 0, -90),
)
