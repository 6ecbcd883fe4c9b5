"""Roll-ons: the housing that holds a ball in a bottle's neck, and the caps that cover it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.bottles import NECK_HEIGHT
from offline.datasets.packbench.shapes.meshes import Corner, revolve
from offline.datasets.packbench.shapes.outlines import Outline
from offline.datasets.packbench.shapes.parts import Part, Parts, moved
from offline.datasets.packbench.shapes.vessels import standing_beside, thread

BALL = 0.86  # radius of a ball over that of the neck it rolls in
SUNK = 0.3  # how far a ball's middle lies under the lip that holds it, in radii


@dataclass(frozen=True)
class Roller:
    """The top of a roll-on and how far it rises over the shoulder, mm."""

    parts: Parts
    rise: float


def roller(
    outline: Outline,
    neck: float,
    housing: Material,
    ball: Material,
    body: Material,
    *,
    lip: float = 0.5,
) -> Roller:
    """A ball in its housing, pressed into the neck of a ``bottle``; ``lip`` is its rim, in radii.

    The rim closes over the ball's equator and leaves 65 % of its height free.
    """
    size = BALL * neck
    rim = lip * neck
    hold = size * math.sqrt(1 - SUNK**2)  # the lip's radius where it touches the ball
    line: list[Corner] = [
        (0, -2),
        (neck - 1, -2),
        (neck - 1, 0),
        (neck + 0.5, 0, 0.3),
        (neck + 0.5, rim * 0.6, 0.6),
        (hold + 0.8, rim, 0.4),
        (hold + 0.1, rim, 0.2),
        (hold - 0.5, rim - 1),
        (0, rim - 1.2),
    ]
    t = np.linspace(-math.pi / 2, math.pi / 2, 33)
    globe = revolve([(size * math.cos(a), size * math.sin(a)) for a in t])
    top = outline.top
    shoulder = top - NECK_HEIGHT
    parts = (
        Part(revolve(line).moved(z=top), housing),
        Part(globe.moved(z=top + rim - SUNK * size), ball),
        thread(neck, shoulder + 1.8, shoulder + 5.6, body),
    )
    return Roller(parts, top - shoulder + rim + (1 - SUNK) * size)


def capped(cover: Parts, outline: Outline, placed: str) -> Parts:
    """The cap on the shoulder of a ``bottle``, or standing beside it."""
    if placed == "beside":
        half_x, half_y = outline.levels[:, :2].max(axis=0)
        return standing_beside(cover, float(half_x), float(half_y))
    return moved(cover, z=outline.top - NECK_HEIGHT + 0.4)
