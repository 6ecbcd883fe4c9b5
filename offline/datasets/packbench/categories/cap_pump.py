"""Pumps: lotion, soap, foam and treatment pumps, and fine-mist sprays."""

from __future__ import annotations

from offline.datasets.packbench.categories.surface_offers import CAP_METALS, MOULDED, PLAIN
from offline.datasets.packbench.materials import clear, offered
from offline.datasets.packbench.parameters import (
    Archetype,
    Category,
    Dimension,
    Model,
    Parameters,
    View,
)
from offline.datasets.packbench.shapes.closures.nozzles import overcap
from offline.datasets.packbench.shapes.closures.pump_heads import (
    foamer,
    mister,
    saddle,
    slender,
    treatment,
)
from offline.datasets.packbench.shapes.closures.pumps import (
    collar,
    collar_top,
    engine,
    lock_clip,
    shelled_collar,
    stem_of,
)
from offline.datasets.packbench.shapes.parts import moved

# A pump lies on its collar's edge and its head: some 6 degrees past flat.
VIEWS = (
    View("front", 0, 5),
    View("left", -48, 14),
    View("lying", 66, 38, tip=-96),
    View("above", 24, 52, tip=-96),
    View("right", 38, 26),
)
RIBS = 52


def _lotion(p: Parameters) -> Model:
    radius = p["radius"]
    height, pad = radius * p["collar height"], radius * p["pad"]
    body = p.surfaces["collar"]
    head = body if p.choices["tone"] == "one colour" else p.surfaces["head"]
    top = collar_top(height, p["chaplet"])
    parts = (
        *collar(radius, height, body, ribs=RIBS if p.choices["collar"] else 0, step=p["chaplet"]),
        *stem_of(3.7, top, p["stem"], head),
        *moved(saddle(pad, pad * 1.05, pad * p["reach"], p["drop"], head), z=top + p["stem"]),
        *engine(min(radius * 0.5, 7), p["dip tube"]),
    )
    if p.choices["clip"]:
        parts += lock_clip(3.8, top + 0.3, p["stem"] - 0.6, p.surfaces["head"])
    return Model(parts)


def _soap(p: Parameters) -> Model:
    radius = p["radius"]
    body = p.surfaces["collar"]
    height = radius * 0.75
    top = collar_top(height, p["chaplet"])
    head = slender(
        radius * p["barrel"],
        p["barrel height"],
        p["reach"],
        p["drop"],
        body,
        rise=p["rise"],
        bend=7,
        bore=3.1,
        crown=1.2,
    )
    return Model(
        (
            *collar(radius, height, body, step=p["chaplet"], edge=1.6, cone=0.7),
            *stem_of(3.2, top, p["stem"], CAP_METALS[1]),
            *moved(head, z=top + p["stem"]),
            *engine(min(radius * 0.45, 6.5), 58),
        )
    )


def _foam(p: Parameters) -> Model:
    radius = p["radius"]
    height, wide = radius * 0.62, radius * p["head"]
    body = p.surfaces["collar"]
    head = body if p.choices["tone"] == "one colour" else p.surfaces["head"]
    top = collar_top(height, p["chaplet"])
    actuator = foamer(
        wide,
        wide * p["head height"],
        p["reach"],
        head,
        flare=p["flare"],
        beak=wide * 0.36,
        crown=p["edge"],
    )
    return Model(
        (
            *collar(
                radius,
                height,
                body,
                ribs=64 if p.choices["collar"] else 0,
                step=p["chaplet"],
                cone=0.8,
            ),
            *stem_of(wide * p["flare"] * 0.86, top, p["stem"], body),
            *moved(actuator, z=top + p["stem"]),
            *engine(radius * 0.62, 52, ends=30),
        )
    )


def _treatment(p: Parameters) -> Model:
    radius = p["radius"]
    height, wide = radius * p["collar height"], radius * p["head"]
    head = treatment(
        wide,
        p["head height"],
        p["reach"],
        p.surfaces["head"],
        slant=p["slant"],
        beak=wide * 0.3,
        edge=1.2,
    )
    return Model(
        (
            *shelled_collar(radius, height, p.surfaces["collar"], bead=height * 0.16, edge=1.1),
            *stem_of(wide * 0.78, height, p["stem"], p.surfaces["head"]),
            *moved(head, z=height + p["stem"]),
            *engine(min(radius * 0.5, 5), p["dip tube"], bend=1.5),
        )
    )


def _mist(p: Parameters) -> Model:
    radius = p["radius"]
    height, wide = radius * p["collar height"], radius * p["button"]
    button = mister(wide, p["button height"], p.surfaces["head"], dish=1.3, edge=p["edge"])
    parts = (
        *shelled_collar(radius, height, p.surfaces["collar"], bead=height * 0.2, edge=0.8),
        *stem_of(wide * 0.6, height, p["stem"], p.surfaces["head"]),
        *moved(button, z=height + p["stem"]),
        *engine(min(radius * 0.5, 5), p["dip tube"], bend=2),
    )
    if p.choices["cover"]:
        tall = p["stem"] + p["button height"] + 4
        parts += overcap(radius * 0.93, height + 0.7, tall, p.surfaces["cover"], 0.94)
    return Model(parts)


TWO = {"tone": ("one colour", "one colour", "two colours"), "collar": ("", "ribbed")}

CATEGORY = Category(
    "cap-pump",
    (
        Archetype(
            "lotion",
            "Lotion pump",
            {
                "radius": Dimension(12, 17),
                "collar height": Dimension(0.85, 1.15, "ratio"),
                "chaplet": Dimension(2.8, 7),
                "stem": Dimension(6, 15),
                "pad": Dimension(0.6, 0.8, "ratio"),
                "reach": Dimension(2.5, 3.8, "ratio"),
                "drop": Dimension(2.5, 9),
                "dip tube": Dimension(45, 75),
            },
            {"collar": (*MOULDED, *CAP_METALS[:3]), "head": (*PLAIN, *MOULDED[3:9])},
            _lotion,
            {**TWO, "clip": ("", "", "lock clip")},
        ),
        Archetype(
            "soap",
            "Soap dispenser pump",
            {
                "radius": Dimension(13, 18),
                "chaplet": Dimension(3, 12),
                "stem": Dimension(8, 20),
                "barrel": Dimension(0.42, 0.6, "ratio"),
                "barrel height": Dimension(13, 22),
                "reach": Dimension(38, 58),
                "rise": Dimension(-2, 9),
                "drop": Dimension(3, 12),
            },
            {"collar": (*CAP_METALS, *PLAIN[2:5])},
            _soap,
        ),
        Archetype(
            "foam",
            "Foam pump",
            {
                "radius": Dimension(18, 23),
                "chaplet": Dimension(3, 8),
                "stem": Dimension(4, 12),
                "head": Dimension(0.58, 0.76, "ratio"),
                "head height": Dimension(0.9, 1.35, "ratio"),
                "flare": Dimension(0.74, 0.95, "ratio"),
                "reach": Dimension(6, 16),
                "edge": Dimension(0.1, 0.32, "ratio"),
            },
            {"collar": MOULDED, "head": (*PLAIN, *MOULDED[3:9])},
            _foam,
            TWO,
        ),
        Archetype(
            "treatment",
            "Treatment pump",
            {
                "radius": Dimension(9, 12.5),
                "collar height": Dimension(1.1, 1.7, "ratio"),
                "stem": Dimension(2.5, 6),
                "head": Dimension(0.66, 0.86, "ratio"),
                "head height": Dimension(12, 20),
                "reach": Dimension(3, 9),
                "slant": Dimension(0, 18, "deg"),
                "dip tube": Dimension(36, 58),
            },
            {"collar": CAP_METALS, "head": (*PLAIN, *MOULDED[3:9])},
            _treatment,
        ),
        Archetype(
            "mist",
            "Fine-mist spray",
            {
                "radius": Dimension(9, 12.5),
                "collar height": Dimension(1.0, 1.5, "ratio"),
                "stem": Dimension(2, 4.5),
                "button": Dimension(0.56, 0.76, "ratio"),
                "button height": Dimension(9, 15),
                "edge": Dimension(0.06, 0.26, "ratio"),
                "dip tube": Dimension(40, 66),
            },
            {
                "collar": (*CAP_METALS, *PLAIN),
                "head": (*PLAIN, *MOULDED[3:9]),
                "cover": offered(clear, "clear"),
            },
            _mist,
            {"cover": ("", "", "overcap")},
        ),
    ),
    VIEWS,
    phone=(26, 60),
    tips=(-96, 96),
)
