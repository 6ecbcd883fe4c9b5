"""Cream jars: a wide body under a screw lid."""

from __future__ import annotations

from offline.datasets.packbench.materials import clear, cream, frosted, glass, gloss, metal, offered
from offline.datasets.packbench.parameters import (
    Archetype,
    Category,
    Measure,
    Model,
    Parameters,
    View,
)
from offline.datasets.packbench.shapes.vessels import jar

VIEWS = (
    View("front", 0, 10), View("left", -35, 16), View("right", 38, 24), View("above", -20, 46),
    View("high", 62, 32),
)  # fmt: skip


def _straight(p: Parameters) -> Model:
    ribs = 60 if p.choices["grip"] == "ribbed" else 0
    parts, volume = jar(
        p["radius"], p["height"], p.surfaces["body"], p.surfaces["lid"],
        lid_height=p["lid height"], fillet=p["foot fillet"], edge=p["lid edge"], ribs=ribs,
        fill=p.surfaces["fill"],
    )  # fmt: skip
    return Model(parts, volume)


CATEGORY = Category(
    "jar",
    (
        Archetype(
            "straight", "Cream jar",
            {
                "radius": Measure(24, 40), "height": Measure(26, 52),
                "lid height": Measure(11, 22), "foot fillet": Measure(2, 12),
                "lid edge": Measure(0.6, 4),
            },
            {
                "body": (*offered(gloss, "white", "ivory", "black", "blush"),
                         *offered(glass, "clear", "amber"), *offered(frosted, "clear", "aqua"),
                         clear("clear")),
                "lid": (*offered(gloss, "white", "black"), *offered(metal, "gold", "silver")),
                "fill": offered(cream, "white", "ivory", "blush"),
            },
            _straight,
            {"grip": ("", "ribbed")},
        ),
    ),
    VIEWS,
)  # fmt: skip
