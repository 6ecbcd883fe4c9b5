"""Drawings of signs and bodies of geometry, and nameless forms."""

from __future__ import annotations

import math

import numpy as np

from offline.datasets.made_silhouettes.dimensions import Dimensions
from offline.datasets.made_silhouettes.strokes import (
    Part,
    box,
    ellipse,
    limb,
    polar,
    polygon,
    stroke,
)


def star(d: Dimensions) -> list[Part]:
    tips, inner = d.count(3, 8), d.size(0.25, 0.7)
    return [
        polar([r for _ in range(tips) for r in (d.size(0.9, 1.0), inner)], rounds=d.count(0, 2))
    ]


def cross(d: Dimensions) -> list[Part]:
    thick, low = d.size(0.12, 0.35), d.size(0.6, 1.0)
    return [box(0, 0, thick, 1.0), box(0, d.size(0.2, 0.6) - 0.4, low, thick * d.size(0.7, 1.3))]


def heart(d: Dimensions) -> list[Part]:
    dent, wide = d.size(0.2, 0.5), d.size(0.6, 0.85)
    half = [(0, -0.7 + dent), (wide * 0.5, -0.8), (wide, -0.5), (wide, 0.0), (0, d.size(0.8, 1.0))]
    return [polygon([*half, *[(-x, y) for x, y in half[-2:0:-1]]], 2)]


def crescent(d: Dimensions) -> list[Part]:
    shift, bite = d.size(0.25, 0.6), d.size(0.65, 0.95)
    return [ellipse(0, 0, 1, 1), ellipse(shift, 0, bite, bite).hole()]


def horseshoe(d: Dimensions) -> list[Part]:
    turn = np.linspace(-math.pi * d.size(0.1, 0.35), math.pi * d.size(1.05, 1.35), 40)
    line = np.stack([d.size(0.5, 0.8) * np.cos(turn), -0.8 * np.sin(turn)], 1)
    thick = d.size(0.12, 0.24)
    return stroke(line, [thick * d.size(0.6, 1.2), thick, thick * d.size(0.6, 1.2)])


def ring(d: Dimensions) -> list[Part]:
    bore, high, notch = d.size(0.4, 0.75), d.size(0.6, 1), d.angle(0, 2 * math.pi, 0.0)
    hole = ellipse(0, 0, bore, high * bore * d.size(0.8, 1.1)).hole()
    tooth = d.size(0.12, 0.3)
    knob = box(math.cos(notch), math.sin(notch) * high, tooth, tooth)
    return [ellipse(0, 0, 1, high), hole, knob]


def spiral(d: Dimensions) -> list[Part]:
    turn = np.linspace(0.6, math.pi * d.size(2.2, 4.2), 90)
    radius = turn / turn[-1]
    line = np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1)
    thick = d.size(0.05, 0.09)
    return stroke(line, [thick * d.size(0.4, 1.5), thick])


def spring(d: Dimensions) -> list[Part]:
    folds, wide = d.count(3, 7), d.size(0.25, 0.6)
    y = np.linspace(-1, 1, 2 * folds)
    x = wide * np.where(np.arange(2 * folds) % 2, 1, -1)
    thick = d.size(0.04, 0.08)
    return stroke(np.stack([x, y], 1), [thick])


def arrow(d: Dimensions) -> list[Part]:
    wide, head, shaft = d.size(0.35, 0.7), d.size(0.5, 1.0), d.size(0.08, 0.22)
    barb = d.size(0.0001, 0.25)
    right = [(wide, -1 + head + barb), (shaft, -1 + head), (shaft, 1.0)]
    return [polygon([(0, -1), *right, *[(-x, y) for x, y in reversed(right)]])]


def bolt(d: Dimensions) -> list[Part]:
    """A zigzag as of lightning."""
    jog, wide = d.size(0.15, 0.4), d.size(0.25, 0.5)
    down = [(-wide * 0.3, -1), (wide, -1), (jog * 0.6, -0.2), (wide, -0.2), (-wide * 0.8, 1.0)]
    return [polygon([*down, (-jog * 0.2, 0.1), (-wide, 0.1)])]


def comma(d: Dimensions) -> list[Part]:
    head = d.size(0.3, 0.5)
    tail, _ = limb(
        (0.1, -0.4),
        d.angle(0.6, 1.2, 0.1),
        d.size(1.0, 1.6),
        [head * 0.8, 0.03],
        d.angle(0.5, 2.0, 0.2),
    )
    return [ellipse(0, -0.5, head, head), *tail]


def boomerang(d: Dimensions) -> list[Part]:
    open_, thick = d.angle(0.4, 1.0, 0.1), d.size(0.12, 0.25)
    parts = []
    for side in (-1, 1):
        angle = math.pi / 2 - side * open_
        parts += limb((0, -0.5), angle, d.size(0.9, 1.4), [thick, thick * d.size(0.4, 1.1)])[0]
    return parts


def notched(d: Dimensions) -> list[Part]:
    """A regular polygon with a slot cut into every side, as MPEG-7's "devices" have."""
    sides, deep, wide = d.count(3, 7), d.size(0.25, 0.6), d.size(0.06, 0.18)
    parts, inside = [polar([1.0] * sides)], math.cos(math.pi / sides)
    for side in range(sides):
        turn = 2 * math.pi * (side + 0.5) / sides - math.pi / 2
        x, y = inside * math.cos(turn), inside * math.sin(turn)
        parts.append(box(x, y, deep, wide, turn).hole())
    return parts


def bars(d: Dimensions) -> list[Part]:
    """Arms of several lengths on a post."""
    post = d.size(0.08, 0.18)
    parts = [box(-0.5, 0, post, 1.0)]
    for at in np.linspace(-0.9, 0.9, d.count(2, 4)):
        reach = d.size(0.3, 0.8)
        parts.append(box(-0.5 + reach, float(at), reach, d.size(0.06, 0.16), d.angle(-0.1, 0.1)))
    return parts


def blob(d: Dimensions) -> list[Part]:
    """A closed curve of a few random waves."""
    turn = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    radius = np.full(72, 0.65)
    for wave in range(2, d.count(4, 7)):
        radius += d.size(0.04, 0.3) / wave**0.3 * np.cos(wave * turn + d.angle(0, 6.28, 0.15))
    return [polar(np.maximum(radius, 0.12))]


def limbs(d: Dimensions) -> list[Part]:
    """A body with arms in random directions."""
    parts = [ellipse(0, 0, d.size(0.2, 0.5), d.size(0.2, 0.5))]
    for _ in range(d.count(3, 6)):
        angle, length = d.angle(0, 2 * math.pi, 0.2), d.size(0.5, 1.1)
        parts += limb((0, 0), angle, length, d.sizes(2, 0.05, 0.18), d.angle(-1, 1, 0.25))[0]
    return parts


def crag(d: Dimensions) -> list[Part]:
    """A random polygon."""
    return [polar(d.sizes(d.count(6, 11), 0.3, 1.0))]
