"""Drawings of tools and things of the house."""

from __future__ import annotations

import math

import numpy as np

from offline.datasets.made_silhouettes.dimensions import Dimensions
from offline.datasets.made_silhouettes.strokes import (
    Part,
    box,
    ellipse,
    lathe,
    limb,
    polar,
    polygon,
    stroke,
)


def hammer(d: Dimensions) -> list[Part]:
    long, high = d.size(0.3, 0.6), d.size(0.1, 0.22)
    claw, _ = limb((-long * 0.8, -0.75), math.pi + 0.1, d.size(0.15, 0.5), [high * 0.8, 0.03], -0.9)
    shaft = lathe([(-0.7, d.size(0.05, 0.1)), (1.0, d.size(0.06, 0.14))])
    return [box(0.05, -0.75, long, high), *claw, shaft]


def wrench(d: Dimensions) -> list[Part]:
    jaw, gap = d.size(0.22, 0.36), d.size(0.08, 0.16)
    shaft = lathe([(-0.7, d.size(0.07, 0.13)), (0.8, d.size(0.07, 0.13))])
    tilt = d.angle(-0.4, 0.4)
    parts = [shaft, ellipse(0, -0.7, jaw, jaw * 1.1), box(0, -1.0, gap, 0.3, tilt).hole()]
    eye = d.size(0.15, 0.28)
    ring = [ellipse(0, 0.8, eye, eye), ellipse(0, 0.8, eye * 0.55, eye * 0.55).hole()]
    return [*parts, *(ring if d.often(0.6) else [])]


def fork(d: Dimensions) -> list[Part]:
    tines, wide = d.count(2, 4), d.size(0.18, 0.4)
    deep, root = d.size(0.4, 0.8), -0.35
    thin = wide / tines * d.size(0.35, 0.6)
    parts = [lathe([(root - 0.1, wide), (root + 0.2, 0.08), (0.9, d.size(0.05, 0.13))])]
    for at in np.linspace(-wide + thin, wide - thin, tines):
        parts.append(box(float(at), root - deep / 2, thin, deep / 2))
    return parts


def spoon(d: Dimensions) -> list[Part]:
    handle, _ = limb((0, -0.3), math.pi / 2, 1.3, [d.size(0.04, 0.08), d.size(0.05, 0.14)])
    return [ellipse(0, -0.6, d.size(0.18, 0.36), d.size(0.3, 0.45)), *handle]


def key(d: Dimensions) -> list[Part]:
    bow, shaft = d.size(0.22, 0.4), d.size(0.05, 0.09)
    head = ellipse(0, -0.65, bow, bow * d.size(0.7, 1.2))
    eye = ellipse(0, -0.65, bow * 0.5, bow * d.size(0.3, 0.6)).hole()
    parts = [head, eye, lathe([(-0.65 + bow * 0.6, shaft), (1.0, shaft)])]
    for tooth in range(d.count(1, 4)):
        reach = d.size(0.1, 0.3)
        parts.append(
            box(shaft + reach / 2, 0.92 - 0.22 * tooth, reach / 2 + 0.02, d.size(0.04, 0.09))
        )
    return parts


def pencil(d: Dimensions) -> list[Part]:
    wide, tip = d.size(0.07, 0.2), d.size(0.2, 0.5)
    return [lathe([(-1.0, wide), (1 - tip, wide * d.size(0.9, 1.3)), (1.0, 0.01)])]


def scissors(d: Dimensions) -> list[Part]:
    spread, blade, parts = d.angle(0.15, 0.4, 0.12), d.size(0.7, 1.0), []
    grip = d.size(0.18, 0.3)
    hole = grip * d.size(0.45, 0.7)
    for side in (-1, 1):
        edge, _ = limb((0, 0), -math.pi / 2 + side * spread, blade, [0.1, 0.02])
        arm, end = limb((0, 0), math.pi / 2 + side * spread * 1.3, 0.5, [0.08, 0.07])
        ring = [ellipse(*end, grip, grip * 1.2), ellipse(*end, hole, hole * 1.2).hole()]
        parts += [*edge, *arm, *ring]
    return parts


def crown(d: Dimensions) -> list[Part]:
    points, deep = d.count(3, 6), d.size(0.3, 0.9)
    top: list[tuple[float, float]] = []
    for at in np.linspace(-1, 1, 2 * points - 1):
        peak = len(top) % 2 == 0
        top.append((float(at) * d.size(0.9, 0.95), -0.6 if peak else -0.6 + deep))
    return [polygon([*top, (d.size(0.6, 0.9), 0.6), (-0.75, 0.6)])]


def hat(d: Dimensions) -> list[Part]:
    crown_width, high, brim = d.size(0.3, 0.6), d.size(0.4, 1.0), d.size(0.75, 1.0)
    top = lathe([(0.3 - high, crown_width * d.size(0.6, 1.1)), (0.3, crown_width)], d.count(0, 2))
    rim, _ = limb(
        (-brim, 0.3), d.angle(-0.2, 0.2), 2 * brim, [0.06, 0.09, 0.06], d.angle(-0.3, 0.3)
    )
    return [top, *rim]


def car(d: Dimensions) -> list[Part]:
    hood, roof = d.size(0.2, 0.6), d.size(0.3, 0.6)
    low = [(-1.0, 0.2), (-1.0, -0.1), (-0.9 + hood * 0.3, -0.15), (-0.7 + hood * 0.4, -roof)]
    low += [(0.3, -roof), (0.3 + hood, -0.1), (1.0, 0.0), (1.0, 0.2)]
    wheel = d.size(0.14, 0.24)
    return [polygon(low), *(ellipse(x, 0.2, wheel, wheel) for x in (-d.size(0.5, 0.7), 0.6))]


def anchor(d: Dimensions) -> list[Part]:
    shaft, reach = d.size(0.05, 0.09), d.size(0.5, 0.9)
    turn = np.linspace(0.15, math.pi - 0.15, 20)
    line = np.stack([reach * np.cos(turn), 0.3 + d.size(0.4, 0.65) * np.sin(turn)], 1)
    ring = d.size(0.12, 0.2)
    parts = [ellipse(0, -0.8, ring, ring), ellipse(0, -0.8, ring * 0.5, ring * 0.5).hole()]
    bar = box(0, -0.4, d.size(0.25, 0.5), shaft)
    return [*parts, lathe([(-0.7, shaft), (0.8, shaft)]), bar, *stroke(line, [0.03, 0.11, 0.03])]


def guitar(d: Dimensions) -> list[Part]:
    low, up = d.size(0.35, 0.5), d.size(0.22, 0.38)
    neck = lathe([(-0.9, 0.05), (0.2, 0.06)])
    head = box(0, -0.9, d.size(0.07, 0.14), 0.12)
    return [ellipse(0, 0.55, low, d.size(0.3, 0.42)), ellipse(0, 0.1, up, up), neck, head]


def bone(d: Dimensions) -> list[Part]:
    knob, thick, apart = d.size(0.14, 0.28), d.size(0.07, 0.16), d.size(0.1, 0.24)
    parts = [box(0, 0, thick, 0.8)]
    for up in (-0.8, 0.8):
        parts += [ellipse(side * apart, up, knob, knob * d.size(0.9, 1.2)) for side in (-1, 1)]
    return parts


def propeller(d: Dimensions) -> list[Part]:
    blades, wide, twist = d.count(2, 5), d.size(0.1, 0.2), d.angle(-1.2, 1.2, 0.2)
    hub = d.size(0.12, 0.3)
    parts = [ellipse(0, 0, hub, hub)]
    for turn in np.linspace(0, 2 * math.pi, blades, endpoint=False):
        angle = float(turn) - math.pi / 2 + d.angle(0, 0, 0.12)
        parts += limb((0, 0), angle, 1.0, [0.07, wide, wide * 0.6], twist)[0]
    return parts


def gear(d: Dimensions) -> list[Part]:
    teeth, root, bore = d.count(6, 14), d.size(0.6, 0.85), d.size(0.1, 0.5)
    wheel = polar([radius for _ in range(teeth) for radius in (1.0, 1.0, root, root)])
    return [wheel, ellipse(0, 0, bore, bore).hole()]
