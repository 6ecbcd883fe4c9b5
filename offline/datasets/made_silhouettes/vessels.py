"""Drawings of packages and other vessels: they stand upright and are round about their axis."""

from __future__ import annotations

from offline.datasets.made_silhouettes.dimensions import Dimensions
from offline.datasets.made_silhouettes.strokes import Part, box, ellipse, lathe, limb, polygon


def bottle(d: Dimensions) -> list[Part]:
    body, neck, shoulder = d.size(0.25, 0.5), d.size(0.08, 0.18), d.size(0.2, 0.7)
    cap = neck * d.size(0.9, 1.6)
    profile = [(-1.0, cap), (-0.8, cap), (-0.79, neck), (-shoulder, neck)]
    profile += [(-shoulder + d.size(0.1, 0.35), body), (1.0, body * d.size(0.75, 1.1))]
    return [lathe(profile, rounds=d.count(0, 2))]


def jar(d: Dimensions) -> list[Part]:
    body, lid = d.size(0.5, 0.8), d.size(0.3, 0.75)
    deep = d.size(0.15, 0.4)
    profile = [
        (-0.8, lid),
        (-0.8 + deep, lid),
        (-0.75 + deep, body),
        (0.8, body * d.size(0.6, 1.1)),
    ]
    return [lathe(profile, rounds=d.count(0, 2))]


def goblet(d: Dimensions) -> list[Part]:
    bowl, stem, foot = d.size(0.3, 0.6), d.size(0.05, 0.1), d.size(0.25, 0.5)
    deep = d.size(0.5, 1.1)
    belly = bowl * d.size(0.8, 1.2)
    profile = [(-1.0, bowl), (-1.0 + deep * 0.6, belly), (-1.0 + deep, stem)]
    return [lathe([*profile, (0.85, stem), (1.0, foot)], rounds=d.count(0, 1))]


def spray(d: Dimensions) -> list[Part]:
    body, neck = d.size(0.28, 0.48), d.size(0.08, 0.14)
    shoulder = d.size(0.05, 0.4)
    flask = lathe([(-0.8, neck), (-shoulder, neck), (0.1, body), (1.0, body * d.size(0.8, 1.1))], 1)
    head = box(-0.1, -0.68, d.size(0.25, 0.4), d.size(0.1, 0.2))
    trigger, _ = limb((-0.2, -0.6), d.angle(1.6, 2.4, 0.2), d.size(0.3, 0.5), [0.07, 0.04], 0.4)
    return [flask, head, *trigger]


def tube(d: Dimensions) -> list[Part]:
    crimp, waist, cap = d.size(0.3, 0.5), d.size(0.2, 0.4), d.size(0.12, 0.3)
    profile = [(-1.0, crimp), (-0.9, crimp), (0.6, waist), (0.68, cap), (1.0, cap * d.size(0.8, 1))]
    return [lathe(profile)]


def mug(d: Dimensions) -> list[Part]:
    body, high = d.size(0.4, 0.6), d.size(0.5, 0.8)
    ear = d.size(0.2, 0.35)
    thick = ear * d.size(0.5, 0.75)
    handle = ellipse(body, 0, ear, ear * d.size(1.1, 1.7))
    inside = ellipse(body, 0, thick, thick * d.size(1.1, 1.6)).hole()
    return [handle, inside, lathe([(-high, body), (high, body * d.size(0.6, 1.05))])]


def pot(d: Dimensions) -> list[Part]:
    """With a spout on one side and a handle on the other."""
    wide, high = d.size(0.45, 0.65), d.size(0.4, 0.6)
    spout, _ = limb((wide * 0.7, 0.1), d.angle(-0.9, -0.3, 0.15), d.size(0.5, 0.8), [0.14, 0.06])
    grip = d.size(0.25, 0.4)
    ring = [ellipse(-wide, 0, grip, grip), ellipse(-wide, 0, grip * 0.65, grip * 0.65).hole()]
    lid = ellipse(0, -high, d.size(0.07, 0.14), d.size(0.07, 0.14))
    return [*ring, ellipse(0, 0, wide, high), *spout, lid]


def carton(d: Dimensions) -> list[Part]:
    wide, roof, ridge = d.size(0.35, 0.6), d.size(0.25, 0.6), d.size(0.1, 0.4)
    top = -1 + roof
    corners = [(-ridge, -1.0), (ridge, -1.0), (ridge, -0.9), (wide, top), (wide, 0.9)]
    return [polygon([*corners, (-wide, 0.9), (-wide, top), (-ridge, -0.9)])]


def bag(d: Dimensions) -> list[Part]:
    wide, high = d.size(0.5, 0.8), d.size(0.45, 0.75)
    top = wide * d.size(0.6, 1.1)
    loop, thick = d.size(0.25, 0.45), d.size(0.08, 0.14)
    body = lathe([(-high, top), (high, wide)], rounds=d.count(0, 2))
    handles = ellipse(0, -high * 0.9, loop, loop * d.size(0.9, 1.6))
    return [handles, ellipse(0, -high * 0.9, loop - thick, loop - thick).hole(), body]


def bell(d: Dimensions) -> list[Part]:
    rim, top = d.size(0.6, 0.9), d.size(0.15, 0.4)
    profile = [(-0.8, top), (-0.4, top * d.size(1.1, 1.7)), (0.4, rim * d.size(0.5, 0.8))]
    clapper = ellipse(0, 0.75, d.size(0.1, 0.2), d.size(0.1, 0.2))
    return [lathe([*profile, (0.7, rim)], rounds=2), clapper]
