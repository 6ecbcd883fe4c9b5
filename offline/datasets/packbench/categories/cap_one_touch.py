"""One-touch (flip-top) caps: straight, oval, domed, stepped and the conical foot of a tube."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from offline.datasets.packbench.categories.surface_offers import MOULDED, PLAIN
from offline.datasets.packbench.parameters import (
    Archetype,
    Category,
    Dimension,
    Model,
    Parameters,
    View,
)
from offline.datasets.packbench.shapes.closures import flip_top
from offline.datasets.packbench.shapes.closures.shells import front_print

VIEWS = (
    View("front", 18, 14),
    View("left", -42, 24),
    View("right", 52, 18),
    View("above", 30, 46),
    View("back", 142, 20),
)
OPEN: Mapping[str, float] = {"closed": 0, "ajar": 48, "open": 108, "wide open": 128}  # degrees
STATES = ("closed", "ajar", "open", "wide open")
TONES = ("one colour", "two colours")


def _flip(p: Parameters, *, oval: float = 1, waist: float = 1, step: float = 0) -> Model:
    """Common to all archetypes; those with a dimension for a proportion pass their own."""
    radius = p["radius"]
    body = p.surfaces["body"]
    lid = body if p.choices["tone"] == "one colour" else p.surfaces["lid"]
    given = p.dimensions
    parts = flip_top(
        radius,
        radius * p["skirt"],
        body,
        lid=radius * p["lid"] * waist,
        angle=OPEN[p.choices["lid"]],
        lid_material=lid,
        oval=oval,
        waist=waist,
        step=step,
        dome=given.get("dome", 0) * radius,
        flare=given.get("flare", 1),
        edge=p["edge"],
        tab=p["thumb lip"],
        spout=2.2 + 0.06 * radius,
        ribs=48 if p.choices["skirt"] == "ribbed" else 0,
    )
    if p.choices["skirt"] == "print":
        print_on = front_print(radius, radius * p["skirt"], waist, body, p.artwork)
        parts += (replace(print_on, mesh=print_on.mesh.scaled(y=oval)),)
    return Model(parts)


def _oval(p: Parameters) -> Model:
    return _flip(p, oval=p["depth"])


def _stepped(p: Parameters) -> Model:
    return _flip(p, step=p["step"] * p["radius"])


def _tube(p: Parameters) -> Model:
    return _flip(p, waist=p["waist"])


BODY = {"body": MOULDED, "lid": (*PLAIN, *MOULDED[3:9])}
STATE = {"lid": STATES, "tone": TONES, "skirt": ("", "", "print")}
GRIP = {**STATE, "skirt": ("", "ribbed", "print")}
ROUND = {
    "radius": Dimension(11, 20),
    "skirt": Dimension(0.75, 1.3, "ratio"),
    "lid": Dimension(0.42, 0.75, "ratio"),
    "edge": Dimension(0.6, 3),
    "thumb lip": Dimension(0.22, 0.5, "ratio"),
}

CATEGORY = Category(
    "cap-one-touch",
    (
        Archetype("straight", "Flip-top cap", ROUND, BODY, _flip, GRIP),
        Archetype(
            "oval",
            "Oval flip-top cap",
            {
                **ROUND,
                "radius": Dimension(15, 27),
                "skirt": Dimension(0.6, 0.95, "ratio"),
                "lid": Dimension(0.3, 0.5, "ratio"),
                "depth": Dimension(0.52, 0.76, "ratio"),
            },
            BODY,
            _oval,
            STATE,
        ),
        Archetype(
            "domed",
            "Domed flip-top cap",
            {
                **ROUND,
                "radius": Dimension(13, 23),
                "lid": Dimension(0.4, 0.6, "ratio"),
                "dome": Dimension(0.08, 0.34, "ratio"),
            },
            BODY,
            _flip,
            STATE,
        ),
        Archetype(
            "stepped",
            "Stepped flip-top cap",
            {
                **ROUND,
                "radius": Dimension(14, 23),
                "skirt": Dimension(0.55, 0.9, "ratio"),
                "step": Dimension(0.1, 0.3, "ratio"),
                "flare": Dimension(0.9, 1.06, "ratio"),
            },
            BODY,
            _stepped,
            GRIP,
        ),
        Archetype(
            "tube",
            "Flip-top tube cap",
            {
                **ROUND,
                "radius": Dimension(15, 25),
                "skirt": Dimension(0.55, 0.9, "ratio"),
                "waist": Dimension(0.74, 0.92, "ratio"),
                "flare": Dimension(0.88, 1, "ratio"),
            },
            BODY,
            _tube,
            STATE,
        ),
    ),
    VIEWS,
    phone=(14, 50),
)
