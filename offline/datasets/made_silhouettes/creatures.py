"""Drawings of animals: bodies with limbs that move."""

from __future__ import annotations

import math

import numpy as np

from offline.datasets.made_silhouettes.dimensions import Dimensions
from offline.datasets.made_silhouettes.strokes import Part, ellipse, lathe, limb, polygon, stroke

_JOINT = 0.22  # radians of play at a leg's or a tail's root


def quadruped(d: Dimensions) -> list[Part]:
    long, deep = d.size(0.45, 0.65), d.size(0.18, 0.35)
    parts = [ellipse(0, 0, long, deep)]
    leg, thick = d.size(0.4, 0.8), d.size(0.05, 0.1)
    for at in (-0.85, -0.6, 0.6, 0.85):
        angle = math.pi / 2 + d.angle(-0.15, 0.15, _JOINT)
        parts += limb((at * long, deep * 0.4), angle, leg, [thick * 1.4, thick])[0]
    neck, end = limb((long * 0.8, -0.1), d.angle(-1.3, -0.4, 0.15), d.size(0.3, 0.8), [0.13, 0.09])
    head = ellipse(
        end[0] + 0.08, end[1], d.size(0.15, 0.28), d.size(0.09, 0.16), d.angle(-0.2, 0.5)
    )
    tail, _ = limb(
        (-long * 0.9, -0.05),
        math.pi - d.angle(-1.0, 0.6, _JOINT),
        d.size(0.2, 0.8),
        [0.06, 0.03],
        d.angle(-0.8, 0.8, 0.3),
    )
    ears = d.often(0.5)
    ear = ellipse(end[0], end[1] - 0.15, 0.05, d.size(0.1, 0.25), d.angle(-0.3, 0.3))
    return [*parts, *neck, head, *tail, *([ear] if ears else [])]


def bird(d: Dimensions) -> list[Part]:
    body = ellipse(0, 0, d.size(0.4, 0.6), d.size(0.2, 0.32), d.angle(-0.3, 0.3))
    neck, end = limb((0.35, -0.1), d.angle(-1.4, -0.5, 0.15), d.size(0.2, 0.6), [0.12, 0.08])
    head = ellipse(*end, 0.13, 0.12)
    beak, _ = limb(end, d.angle(-0.3, 0.4, 0.1), d.size(0.2, 0.45), [0.07, 0.01])
    tail, _ = limb((-0.4, 0), math.pi + d.angle(-0.4, 0.5, 0.12), d.size(0.3, 0.6), [0.1, 0.14])
    legs = []
    for at in (-0.05, 0.1):
        legs += limb((at, 0.2), math.pi / 2 + d.angle(-0.2, 0.2, 0.15), d.size(0.3, 0.7), [0.035])[
            0
        ]
    return [body, *neck, head, *beak, *tail, *legs]


def flying_bird(d: Dimensions) -> list[Part]:
    """Seen from below: wings, tail, head."""
    span, root, sweep = d.size(0.7, 1.0), d.size(0.2, 0.4), d.angle(-0.3, 0.5, 0.1)
    tip, out = d.size(0.03, 0.15), sweep * span
    wing = [(0.0, -root), (span * 0.5, -root * 0.9 + out * 0.3), (span, out)]
    wing += [(span * 0.95, out + tip), (span * 0.4, root * 0.8 + out * 0.3), (0.0, root)]
    mirrored = [(-x, y) for x, y in wing]
    body = ellipse(0, 0.05, d.size(0.1, 0.2), d.size(0.45, 0.6))
    tail = polygon([(0, 0.3), (d.size(0.12, 0.35), 0.85), (0, d.size(0.7, 0.9)), (-0.25, 0.85)])
    return [polygon(wing, 1), polygon(mirrored, 1), body, tail, ellipse(0, -0.55, 0.11, 0.16)]


def fish(d: Dimensions) -> list[Part]:
    long, deep = d.size(0.55, 0.75), d.size(0.2, 0.5)
    fork = d.size(0.2, 0.5)
    tail = [(-long * 0.8, 0.0), (-1.05, -fork), (-1.05 + d.size(0.05, 0.25), 0), (-1.05, fork)]
    back = [(-0.3, -deep * 0.7), (-0.25, -deep - d.size(0.08, 0.3)), (0.25, -deep * 0.8)]
    belly = [(-0.1, deep * 0.7), (-0.2, deep + d.size(0.05, 0.25)), (0.2, deep * 0.8)]
    body = polygon(
        [
            (-long, 0),
            (0, -deep),
            (long * 0.6, -deep * 0.8),
            (long * 1.2, 0.02),
            (long * 0.6, deep * 0.8),
            (0, deep),
        ],
        2,
    )
    return [body, polygon(tail), polygon(back), polygon(belly)]


def snake(d: Dimensions) -> list[Part]:
    waves, high = d.size(0.8, 2.2), d.size(0.15, 0.4)
    x = np.linspace(-1, 1, 60)
    y = high * np.sin(math.pi * waves * x + d.angle(0, 6, 0.5)) * np.linspace(1.1, 0.7, 60)
    thick = d.size(0.05, 0.12)
    head = ellipse(1, float(y[-1]), thick * d.size(1.2, 2), thick * 1.2)
    return [*stroke(np.stack([x, y], 1), [thick * 0.3, thick, thick * 0.8]), head]


def butterfly(d: Dimensions) -> list[Part]:
    parts = [ellipse(0, 0, d.size(0.05, 0.1), d.size(0.45, 0.7))]
    for up in (-1, 1):
        x, y = d.size(0.35, 0.5), up * d.size(0.25, 0.4)
        wide, high, tilt = d.size(0.3, 0.48), d.size(0.2, 0.38), up * d.angle(-0.2, 0.9)
        parts += [ellipse(x, y, wide, high, tilt), ellipse(-x, y, wide, high, -tilt)]
    for side in (-1, 1) if d.often(0.5) else ():
        feeler, _ = limb((0, -0.4), -math.pi / 2 + side * 0.5, 0.6, [0.03], side * 0.6)
        parts += feeler
    return parts


def octopus(d: Dimensions) -> list[Part]:
    arms, body = d.count(4, 8), d.size(0.25, 0.4)
    high = body * d.size(1.0, 1.5)
    parts = [ellipse(0, -0.4, body, high)]
    long, spread, curl = d.size(0.7, 1.1), d.size(0.7, 1.2), d.angle(-1.5, 1.5, 0.5)
    for arm in np.linspace(-1, 1, arms):
        angle = math.pi / 2 - arm * spread + d.angle(0, 0, _JOINT)
        length = long * d.size(0.95, 1.05)
        parts += limb((arm * body * 0.7, -0.2), angle, length, [0.1, 0.04], curl)[0]
    return parts


def beetle(d: Dimensions) -> list[Part]:
    wide, high = d.size(0.3, 0.5), d.size(0.5, 0.75)
    parts = [ellipse(0, 0.1, wide, high), ellipse(0, 0.1 - high, d.size(0.15, 0.28), 0.2)]
    legs, thick = d.count(2, 4), d.size(0.03, 0.06)
    for leg in np.linspace(-0.7, 0.7, legs):
        length, angle = d.size(0.35, 0.7), 0.6 * leg + d.angle(-0.2, 0.2, _JOINT)
        curl = d.angle(-0.9, 0.9, 0.2)
        root = (wide * 0.7, 0.1 + leg * high * 0.8)
        parts += limb(root, angle, length, [thick], curl)[0]
        parts += limb((-root[0], root[1]), math.pi - angle, length, [thick], -curl)[0]
    return parts


def turtle(d: Dimensions) -> list[Part]:
    shell = lathe([(-0.6, 0.3), (-0.2, d.size(0.5, 0.7)), (0.6, d.size(0.25, 0.5))], 2)
    parts = [shell, ellipse(0, -0.75, d.size(0.1, 0.2), d.size(0.15, 0.3))]
    for side in (-1, 1):
        for at, turn in ((-0.35, -0.5), (0.35, 0.6)):
            angle = math.pi / 2 - side * (math.pi / 2 - turn + d.angle(-0.2, 0.2, _JOINT))
            parts += limb((side * 0.3, at), angle, d.size(0.4, 0.7), [0.13, 0.08])[0]
    return [*parts, *limb((0, 0.5), math.pi / 2, d.size(0.1, 0.4), [0.06, 0.02])[0]]


def person(d: Dimensions) -> list[Part]:
    wide = d.size(0.12, 0.24)
    parts = [ellipse(0, -0.8, d.size(0.12, 0.2), 0.18), lathe([(-0.65, wide), (0.2, wide * 0.9)])]
    for side in (-1, 1):
        arm = math.pi / 2 - side * d.angle(0.3, 1.9, 0.3)
        upper, elbow = limb((side * wide * 0.8, -0.5), arm, 0.35, [0.08, 0.06])
        lower, _ = limb(elbow, arm + d.angle(-0.6, 0.6, 0.3), 0.35, [0.06, 0.05])
        leg = math.pi / 2 - side * d.angle(0.1, 0.5, 0.15)
        parts += upper + lower + limb((side * wide * 0.5, 0.15), leg, 0.85, [0.11, 0.06])[0]
    return parts
