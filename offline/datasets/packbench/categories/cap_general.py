"""Screw and push-on caps: smooth, ribbed, perfume, wooden, aluminium, child-resistant."""

from __future__ import annotations

from offline.datasets.packbench.categories.surface_offers import CAP_METALS, INSERTS, MOULDED, PLAIN
from offline.datasets.packbench.materials import offered, wood
from offline.datasets.packbench.parameters import (
    Archetype,
    Category,
    Dimension,
    Model,
    Parameters,
    View,
)
from offline.datasets.packbench.shapes.closures.screw_caps import (
    aluminium_cap,
    child_resistant_cap,
    perfume_cap,
    ribbed_cap,
    screw_cap,
    wooden_cap,
)
from offline.datasets.packbench.shapes.closures.shells import front_print, top_print

VIEWS = (
    View("front", 0, 10),
    View("left", -32, 24),
    View("above", 24, 48),
    View("inside", 28, 24, tip=-90),
    View("lying", 118, 20, tip=-90),
)


def _smooth(p: Parameters) -> Model:
    body = p.surfaces["body"]
    height = p["height"] * p["radius"]
    parts = screw_cap(
        p["radius"],
        height,
        body,
        dome=p["dome"],
        waist=p["taper"],
        groove=height * p["ring height"],
    )
    if p.choices["print"]:
        low = p["ring height"] + 0.08
        parts += (front_print(p["radius"], height, p["taper"], body, p.artwork, low, 0.94),)
    return Model(parts)


def _ribbed(p: Parameters) -> Model:
    body = p.surfaces["body"]
    height = p["height"]
    parts = ribbed_cap(
        p["radius"],
        height,
        body,
        ribs=p.count("ribs"),
        depth=p["rib depth"],
        edge=p["edge"],
        bead=p["bead"],
        panel=0.6 if p.choices["top"] == "sunk panel" else 0,
    )
    if p.choices["top"] == "print":
        parts += (top_print(p["radius"] - p["edge"] - 2, height, body, p.artwork),)
    return Model(parts)


def _perfume(p: Parameters) -> Model:
    radius = p["radius"]
    body = p.surfaces["body"]
    height = radius * p["slenderness"]
    square = radius * 0.22 if p.choices["section"] == "square" else 0.0
    parts = perfume_cap(
        radius,
        height,
        body,
        p.surfaces["band"],
        corner=square,
        bevel=p["bevel"],
        collar=p["band height"],
        crown=p["crown"],
        insert=p.surfaces["insert"],
    )
    return Model(parts)


def _wooden(p: Parameters) -> Model:
    parts = wooden_cap(
        p["radius"],
        p["height"],
        p.surfaces["body"],
        p.surfaces["insert"],
        taper=p["taper"],
        edge=p["edge"],
        lip=p["lip"],
        groove=p["groove"],
    )
    if p.choices["top"]:
        radius = p["radius"] * p["taper"] - p["edge"]
        parts += (top_print(radius * 0.8, p["height"], p.surfaces["body"], p.artwork),)
    return Model(parts)


def _aluminium(p: Parameters) -> Model:
    radius = p["radius"]
    height = radius * p["height"]
    parts = aluminium_cap(
        radius,
        height,
        p.surfaces["body"],
        knurl=height * p["knurl"],
        ribs=p.count("ribs"),
        edge=p["edge"],
        ring=height * p["pilfer ring"],
        panel=p["panel"],
    )
    return Model(parts)


def _child_resistant(p: Parameters) -> Model:
    parts = child_resistant_cap(
        p["radius"],
        p["height"],
        p.surfaces["body"],
        ribs=p.count("ribs"),
        skirt=p["skirt"],
        edge=p["edge"],
    )
    return Model(parts)


CATEGORY = Category(
    "cap-general",
    (
        Archetype(
            "smooth",
            "Smooth screw cap",
            {
                "radius": Dimension(10, 19),
                "height": Dimension(1, 1.7, "ratio"),
                "dome": Dimension(0.4, 7),
                "taper": Dimension(0.86, 1, "ratio"),
                "ring height": Dimension(0.1, 0.3, "ratio"),
            },
            {"body": MOULDED},
            _smooth,
            {"print": ("", "print")},
        ),
        Archetype(
            "ribbed",
            "Ribbed screw cap",
            {
                "radius": Dimension(10, 20),
                "height": Dimension(11, 20),
                "ribs": Dimension(36, 96, "count"),
                "rib depth": Dimension(0.5, 1.0),
                "edge": Dimension(0.6, 2.6),
                "bead": Dimension(1.2, 4),
            },
            {"body": MOULDED},
            _ribbed,
            {"top": ("", "sunk panel", "print")},
        ),
        Archetype(
            "perfume",
            "Perfume cap",
            {
                "radius": Dimension(9, 17),
                "slenderness": Dimension(1.7, 3.2, "ratio"),
                "band height": Dimension(2.5, 8),
                "bevel": Dimension(0.6, 3.6),
                "crown": Dimension(0.2, 3),
            },
            {
                "body": (*PLAIN, *MOULDED[3:], *CAP_METALS[:3]),
                "band": CAP_METALS,
                "insert": INSERTS,
            },
            _perfume,
            {"section": ("round", "square")},
        ),
        Archetype(
            "wooden",
            "Wooden cap",
            {
                "radius": Dimension(10, 19),
                "height": Dimension(14, 34),
                "taper": Dimension(0.8, 1.04, "ratio"),
                "edge": Dimension(0.8, 4.5),
                "lip": Dimension(0.8, 3),
                "groove": Dimension(0.12, 0.8, "ratio"),
            },
            {"body": offered(wood, "sand", "tan", "nude", "brown"), "insert": INSERTS},
            _wooden,
            {"top": ("", "branded")},
        ),
        Archetype(
            "aluminium",
            "Aluminium screw cap",
            {
                "radius": Dimension(9.5, 18),
                "height": Dimension(1.15, 2.2, "ratio"),
                "knurl": Dimension(0.12, 0.3, "ratio"),
                "ribs": Dimension(60, 100, "count"),
                "edge": Dimension(0.6, 2),
                "pilfer ring": Dimension(0.14, 0.26, "ratio"),
                "panel": Dimension(0.4, 1.6),
            },
            {"body": CAP_METALS},
            _aluminium,
        ),
        Archetype(
            "child-resistant",
            "Child-resistant cap",
            {
                "radius": Dimension(13, 21),
                "height": Dimension(15, 22),
                "ribs": Dimension(24, 44, "count"),
                "skirt": Dimension(2, 6),
                "edge": Dimension(0.8, 3),
            },
            {"body": PLAIN},
            _child_resistant,
        ),
    ),
    VIEWS,
    phone=(16, 50),
    tips=(0, 0, -90, 90),
)
