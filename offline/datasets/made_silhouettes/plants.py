"""Drawings of leaves, flowers, fruit and trees."""

from __future__ import annotations

import math

import numpy as np

from offline.datasets.made_silhouettes.dimensions import Dimensions
from offline.datasets.made_silhouettes.strokes import Part, ellipse, lathe, limb, polar


def leaf(d: Dimensions) -> list[Part]:
    wide, at = d.size(0.25, 0.6), d.size(0.3, 0.7)
    blade = lathe([(-1, 0.0), (-1 + at, wide), (0.4, wide * d.size(0.3, 0.9)), (0.6, 0.02)], 2)
    stem, _ = limb((0, 0.5), math.pi / 2 + d.angle(-0.3, 0.3, 0.2), 0.5, [0.05, 0.04], 0.3)
    return [blade, *stem]


def lobed_leaf(d: Dimensions) -> list[Part]:
    lobes = d.count(3, 7)
    depth = d.size(0.25, 0.6)
    radii = []
    for lobe in range(lobes):
        radii += [d.size(0.7, 1.0), depth if lobe < lobes - 1 else 0.25]
    stem, _ = limb((0, 0), math.pi / 2 + d.angle(-0.2, 0.2), d.size(0.8, 1.1), [0.06, 0.04])
    return [polar(_turned(radii, lobes), rounds=d.count(0, 2)), *stem]


def _turned(radii: list[float], lobes: int) -> list[float]:
    """So that the last notch, where the stem is, points down."""
    shift = len(radii) // 2 - (2 * lobes - 1)
    return [radii[(at - shift) % len(radii)] for at in range(len(radii))]


def flower(d: Dimensions) -> list[Part]:
    petals, out = d.count(4, 9), d.size(0.4, 0.6)
    wide, heart = d.size(0.12, 0.25), d.size(0.2, 0.4)
    parts = [ellipse(0, 0, heart, heart)]
    for turn in np.linspace(0, 2 * math.pi, petals, endpoint=False):
        x, y = out * math.cos(turn), out * math.sin(turn)
        parts.append(ellipse(x, y, out, wide, float(turn)))
    return parts


def tree(d: Dimensions) -> list[Part]:
    trunk = lathe([(-0.2, d.size(0.06, 0.14)), (1.0, d.size(0.08, 0.25))])
    high, parts = d.size(0.15, 0.4), [trunk]
    for _ in range(d.count(3, 6)):
        turn, out = d.angle(0, 2 * math.pi, 0.2), d.size(0.15, 0.4)
        x, y = out * math.cos(turn), -0.4 + high * math.sin(turn)
        parts.append(ellipse(x, y, d.size(0.25, 0.45), d.size(0.2, 0.4)))
    return parts


def fir(d: Dimensions) -> list[Part]:
    tiers, wide = d.count(2, 4), d.size(0.4, 0.75)
    waist, profile = d.size(0.3, 0.7), [(-1.0, 0.01)]
    for tier in range(1, tiers + 1):
        low, reach = -1 + 1.6 * tier / tiers, wide * (0.4 + 0.6 * tier / tiers)
        profile += [(low, reach), (low + 0.01, reach * waist)]
    trunk = d.size(0.06, 0.15)
    return [lathe([*profile[:-1], (0.61, trunk), (1.0, trunk)])]


def mushroom(d: Dimensions) -> list[Part]:
    cap, deep = d.size(0.5, 0.9), d.size(0.4, 0.8)
    stem = d.size(0.12, 0.3)
    hat = lathe([(-0.8, 0.05), (-0.8 + deep * 0.4, cap * 0.8), (-0.8 + deep, cap)], rounds=1)
    return [hat, lathe([(-0.6 + deep * 0.5, stem), (0.8, stem * d.size(0.8, 1.8))], rounds=1)]


def apple(d: Dimensions) -> list[Part]:
    dent, wide = d.size(0.1, 0.35), d.size(0.6, 0.9)
    radii = [0.7 - dent, 0.75, wide, wide * d.size(0.8, 1), 0.7, 0.7 - dent * d.size(0.3, 1)]
    stem, _ = limb((0, -0.4), -math.pi / 2 + d.angle(-0.6, 0.6, 0.25), 0.5, [0.05, 0.05], 0.5)
    fruit = polar([*radii, *radii[-2:0:-1]], rounds=2)
    return [fruit, *stem, *([ellipse(0.25, -0.75, 0.25, 0.1, -0.5)] if d.often(0.5) else [])]


def cactus(d: Dimensions) -> list[Part]:
    thick = d.size(0.12, 0.22)
    parts, _ = limb((0, 1.0), -math.pi / 2, 2.0, [thick * 1.2, thick])
    for side in (-1, 1):
        out = math.pi / 2 - side * math.pi / 2 + side * d.angle(-0.4, 0.0, 0.15)
        arm, end = limb((0, d.size(0.05, 0.5)), out, d.size(0.4, 0.6), [thick * 0.8])
        up, _ = limb(end, -math.pi / 2 + d.angle(-0.2, 0.2, 0.15), d.size(0.3, 0.8), [thick * 0.8])
        parts += arm + up
    return parts
