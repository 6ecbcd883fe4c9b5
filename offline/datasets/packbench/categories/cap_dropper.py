"""Droppers: a teat or a push button on a collar, and a glass pipette."""

from __future__ import annotations

from typing import cast

from offline.datasets.packbench.categories.surface_offers import CAP_METALS, PLAIN, RUBBERS
from offline.datasets.packbench.parameters import (
    Archetype,
    Category,
    Dimension,
    Model,
    Parameters,
    View,
)
from offline.datasets.packbench.shapes.closures.droppers import Tip, dropper

# A dropper lies on its collar's edge and its bulb: 4 degrees past flat.
LYING = (-94.0, 94.0)
VIEWS = (
    View("front", 0, 6),
    View("lying", 90, 34, tip=-94),
    View("diagonal", 48, 40, tip=-94),
    View("upright", -20, 20),
    View("above", 118, 58, tip=-94),
)
TIPS = {"pipette": ("straight", "ball", "bent")}


def _dropper(p: Parameters) -> Model:
    """A dropper from whichever of the dimensions its archetype has."""
    given = p.dimensions
    radius = p["radius"]
    parts = dropper(
        radius,
        radius * p["collar height"],
        p.surfaces["collar"],
        p.surfaces["bulb"],
        bulb_radius=radius * p["bulb"],
        bulb_height=p["bulb height"],
        pipette=p["pipette"],
        ribs=round(given.get("ribs", 0)),
        waist=given.get("waist", 0.9),
        button="waist" not in given,
        edge=given.get("edge", 0.8),
        skirt=given.get("guard", 0),
        tip=cast("Tip", p.choices["pipette"]),
        rings=3 if p.choices.get("grip") else 0,
        glass=p.choices.get("glass", "clear"),
    )
    return Model(parts)


TEAT = {
    "radius": Dimension(9, 12.5),
    "collar height": Dimension(1.1, 1.7, "ratio"),
    "bulb": Dimension(0.6, 0.78, "ratio"),
    "bulb height": Dimension(24, 38),
    "waist": Dimension(0.72, 0.97, "ratio"),
    "pipette": Dimension(40, 70),
}

CATEGORY = Category(
    "cap-dropper",
    (
        Archetype(
            "classic",
            "Dropper with ribbed collar",
            {**TEAT, "ribs": Dimension(28, 56, "count")},
            {"collar": PLAIN, "bulb": RUBBERS},
            _dropper,
            {**TIPS, "grip": ("", "ringed bulb")},
        ),
        Archetype(
            "metal",
            "Dropper with metal collar",
            {**TEAT, "edge": Dimension(0.5, 2.4)},
            {"collar": CAP_METALS, "bulb": RUBBERS},
            _dropper,
            TIPS,
        ),
        Archetype(
            "button",
            "Push-button dropper",
            {
                "radius": Dimension(10, 14),
                "collar height": Dimension(1.3, 2.1, "ratio"),
                "bulb": Dimension(0.5, 0.74, "ratio"),
                "bulb height": Dimension(6, 15),
                "pipette": Dimension(36, 64),
                "edge": Dimension(0.5, 2),
            },
            {"collar": (*CAP_METALS, *PLAIN[:3]), "bulb": RUBBERS},
            _dropper,
            TIPS,
        ),
        Archetype(
            "guarded",
            "Dropper with tamper ring",
            {
                **TEAT,
                "radius": Dimension(10, 14),
                "ribs": Dimension(24, 44, "count"),
                "guard": Dimension(2.5, 6),
            },
            {"collar": PLAIN, "bulb": RUBBERS},
            _dropper,
            TIPS,
        ),
        Archetype(
            "short",
            "Short dropper",
            {
                **TEAT,
                "radius": Dimension(10, 15),
                "collar height": Dimension(0.85, 1.2, "ratio"),
                "bulb height": Dimension(18, 26),
                "pipette": Dimension(28, 44),
                "edge": Dimension(0.6, 3),
            },
            {"collar": PLAIN, "bulb": RUBBERS},
            _dropper,
            {**TIPS, "glass": ("clear", "clear", "amber")},
        ),
    ),
    VIEWS,
    phone=(28, 62),
    tips=LYING,
)
