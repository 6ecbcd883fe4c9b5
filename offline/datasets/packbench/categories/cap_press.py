"""Press caps: disc tops that rock under a thumb, and push-pull sports caps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from offline.datasets.packbench.categories.surface_offers import CAP_METALS, MOULDED, PLAIN
from offline.datasets.packbench.parameters import (
    Archetype,
    Category,
    Dimension,
    Model,
    Parameters,
    View,
)
from offline.datasets.packbench.shapes.closures.disc_tops import disc_top, push_pull
from offline.datasets.packbench.shapes.closures.shells import front_print

VIEWS = (
    View("front", 0, 24),
    View("left", -36, 32),
    View("right", 44, 18),
    View("above", 18, 56),
    View("lying", 112, 24, tip=-90),
)
TILT: Mapping[str, float] = {"shut": 0, "pressed": 17}  # degrees
DISC = {"disc": ("shut", "pressed", "pressed"), "tone": ("one colour", "two colours")}
PRINT = {"print": ("", "", "print")}
BODY = {"body": MOULDED, "disc": (*PLAIN, *MOULDED[3:9])}


def _disc(p: Parameters) -> Model:
    """A disc top from whichever of the proportions its archetype has."""
    given = p.dimensions
    radius = p["radius"]
    body = p.surfaces["body"]
    parts = disc_top(
        radius,
        radius * p["height"],
        body,
        tilt=TILT[p.choices["disc"]],
        disc=body if p.choices.get("tone") == "one colour" else p.surfaces["disc"],
        ribs=round(given.get("ribs", 0)),
        waist=given.get("taper", 1),
        oval=given.get("depth", 1),
        edge=p["edge"],
        fraction=p["disc share"],
        rim=given.get("rim", 0),
        sleeve=given.get("sleeve", 0),
    )
    if p.choices.get("print"):
        taper = given.get("taper", 1)
        print_on = front_print(radius, radius * p["height"], taper, body, p.artwork)
        parts += (replace(print_on, mesh=print_on.mesh.scaled(y=given.get("depth", 1))),)
    return Model(parts)


def _push_pull(p: Parameters) -> Model:
    radius = p["radius"]
    spout = radius * p["spout"]
    parts = push_pull(
        radius,
        radius * p["height"],
        p.surfaces["body"],
        p.surfaces["valve"],
        spout=spout,
        bore=radius * p["bore"],
        slope=radius * p["slope"],
        lift=spout * 0.4 if p.choices["valve"] == "pulled" else 0.0,
        ribs=p.count("ribs"),
        flange=p["flange"],
    )
    return Model(parts)


ROUND = {
    "radius": Dimension(11, 20),
    "height": Dimension(1.15, 1.75, "ratio"),
    "edge": Dimension(0.2, 0.75, "ratio"),
    "disc share": Dimension(0.74, 0.86, "ratio"),
}

CATEGORY = Category(
    "cap-press",
    (
        Archetype(
            "disc",
            "Disc-top cap",
            {**ROUND, "rim": Dimension(0, 1.6)},
            BODY,
            _disc,
            {**DISC, **PRINT},
        ),
        Archetype(
            "ribbed",
            "Ribbed disc-top cap",
            {**ROUND, "ribs": Dimension(36, 80, "count"), "sleeve": Dimension(1, 4)},
            BODY,
            _disc,
            DISC,
        ),
        Archetype(
            "tapered",
            "Tapered disc-top cap",
            {**ROUND, "radius": Dimension(13, 22), "taper": Dimension(0.76, 0.94, "ratio")},
            BODY,
            _disc,
            {**DISC, **PRINT},
        ),
        Archetype(
            "shelled",
            "Disc-top cap, metal shell",
            {**ROUND, "height": Dimension(1.3, 2, "ratio"), "rim": Dimension(0, 1.2)},
            {"body": CAP_METALS, "disc": PLAIN},
            _disc,
            {"disc": DISC["disc"], **PRINT},
        ),
        Archetype(
            "oval",
            "Oval disc-top cap",
            {
                **ROUND,
                "radius": Dimension(16, 26),
                "height": Dimension(0.75, 1.1, "ratio"),
                "depth": Dimension(0.66, 0.84, "ratio"),
                "disc share": Dimension(0.78, 0.9, "ratio"),
            },
            BODY,
            _disc,
            {**DISC, **PRINT},
        ),
        Archetype(
            "push-pull",
            "Push-pull cap",
            {
                "radius": Dimension(12, 19),
                "height": Dimension(0.7, 1.1, "ratio"),
                "spout": Dimension(0.5, 0.8, "ratio"),
                "bore": Dimension(0.3, 0.42, "ratio"),
                "slope": Dimension(0.3, 0.7, "ratio"),
                "flange": Dimension(0.5, 2.2),
                "ribs": Dimension(36, 72, "count"),
            },
            {"body": MOULDED, "valve": (*PLAIN, *MOULDED[3:9])},
            _push_pull,
            {"valve": ("pushed", "pulled")},
        ),
    ),
    VIEWS,
    phone=(18, 55),
    tips=(0, 0, 0, -90),
)
