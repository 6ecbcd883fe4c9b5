"""Distort the drawings of a class's members: bend, warp, roughen, bite, mirror and turn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from offline.datasets.made_silhouettes.strokes import Part, Points, ellipse


@dataclass(frozen=True)
class Manner:
    """The variation that the members of a class have in common."""

    play: float  # scale of all deviations; 1 is usual
    turned: bool  # in any direction; otherwise nearly upright
    flipped: bool  # every other member is its mirror image


def distorted(
    parts: Sequence[Part], manner: Manner, play: float, member: np.random.Generator
) -> list[Part]:
    """A drawing bent, warped, roughened, bitten, mirrored and turned; ``play`` is the member's."""
    whole = _centred(parts)
    if member.uniform() < 0.4:
        whole = [*whole, _bite(whole, play, member)]
    moves = _moves(play, member)
    turn = _turn(manner, member)
    return [Part(_moved(part.points, *moves) @ turn, part.solid) for part in whole]


def _centred(parts: Sequence[Part]) -> list[Part]:
    """The box of all solid parts brought to [-1, 1] by its longer side."""
    corners = np.concatenate([part.points for part in parts if part.solid])
    low, high = corners.min(axis=0), corners.max(axis=0)
    half = float((high - low).max()) / 2
    return [Part((part.points - (low + high) / 2) / half, part.solid) for part in parts]


def _bite(parts: Sequence[Part], play: float, member: np.random.Generator) -> Part:
    """A piece broken out of the edge, or something before it that sticks out."""
    solid = [part for part in parts if part.solid]
    edge = solid[int(member.integers(len(solid)))].points
    x, y = edge[int(member.integers(len(edge)))]
    wide, high = member.uniform(0.03, 0.10, 2) * min(play, 1.5)
    piece = ellipse(float(x), float(y), wide, high, float(member.uniform(0, math.pi)))
    return piece if member.uniform() < 0.5 else piece.hole()


def _moves(play: float, member: np.random.Generator) -> tuple[Points, Points, Points]:
    """(bend, shear and stretch), then waves of (x, y, phase) and their (x, y) heights."""
    bend = member.normal(0, (0.07, 0.05, 0.05)) * play
    coarse = member.normal(0, 1.6, (4, 3)), member.normal(0, 0.022, (4, 2)) * play
    fine = member.normal(0, 14.0, (6, 3)), member.normal(0, 0.005, (6, 2)) * play
    waves, heights = (np.concatenate(pair) for pair in zip(coarse, fine, strict=True))
    waves[:, 2] = member.uniform(0, 2 * math.pi, len(waves))
    return np.clip(bend, -0.4, 0.4), waves, heights


def _moved(points: Points, bend: Points, waves: Points, heights: Points) -> Points:
    x, y = points.T
    phases = np.outer(x, waves[:, 0]) + np.outer(y, waves[:, 1]) + waves[:, 2]
    warped = points + np.sin(phases) @ heights
    x, y = warped.T
    stretch = math.exp(bend[2])
    return np.stack([(x + bend[0] * (y**2 - 0.3) + bend[1] * y) * stretch, y / stretch], 1)


def _turn(manner: Manner, member: np.random.Generator) -> Points:
    """(2, 2): the rotation, after the mirror; one matrix for rows of points."""
    anywhere, lean, side = member.uniform(0, 2 * math.pi), member.normal(0, 0.04), member.uniform()
    angle = anywhere if manner.turned else lean
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    flip = np.diag([-1.0 if manner.flipped and side < 0.5 else 1.0, 1.0])
    turn: Points = flip @ rotation
    return turn
