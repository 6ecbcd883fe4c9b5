"""Signals along a boundary, at several scales: what shapes are compared by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.shape.boundary import Points

Signals = npt.NDArray[np.float64]  # (N, channels, P)

# Half the length of the arcs about a point, as fractions of the boundary: from a detail to half of
# it. Halving from level to level is that of Wang & Gao.
_REACHES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4)

_ON_ARC = 17  # points of an arc whose distance to its string is taken, at most
# A string shorter than that, of the boundary's length, has an unsure direction, as at the tip of a
# thin part: distances from its middle take over bit by bit, on the side where the arc lies.
_SHORT = 0.02

# They bring the distances to a total variance of 1 over the development set (docs/shape.md), and
# the triangles to a quarter of that.
_CUT_SCALE, _TRIANGLE_SCALE = 6.3, 0.62

_EVERY = 2  # points that have signals: their low harmonics need no more

CHANNELS = 3 * len(_REACHES) + 1


def signals(boundaries: Points) -> Signals:
    """(N, 16, P / 2) of boundaries (N, P, 2), all free of position, size and rotation.

    About every second point and for every reach: how far the arc lies to either side of the string
    between its ends (two channels; Wang & Gao, Hierarchical String Cuts, IEEE TIP 2014), and the
    area of the triangle of the point and both ends (Alajlan et al., Shape Retrieval Using
    Triangle-Area Representation, Pattern Recognition 2007). Then the mean distance to all other
    points. Lengths are over the boundary's length. Of a mirror image the signals are the same,
    run through backwards, where its boundary runs clockwise too.
    """
    along = np.roll(boundaries, -1, axis=1) - boundaries
    length = np.hypot(along[..., 0], along[..., 1]).sum(axis=1)
    unit = boundaries / np.maximum(length, np.finfo(np.float64).tiny)[:, None, None]
    half = [max(1, round(reach * boundaries.shape[1])) for reach in _REACHES]
    cuts = [side for steps in half for side in _string_cuts(unit, steps)]
    areas = [_triangles(unit, steps) for steps in half]
    scaled = [_CUT_SCALE * cut for cut in (*cuts, _spread(unit))]
    return np.stack([*scaled, *(_TRIANGLE_SCALE * area for area in areas)], axis=1)


def _string_cuts(unit: Points, half: int) -> tuple[npt.NDArray[np.float64], ...]:
    """(N, P / 2) twice: the arc's mean distance from its string on the left and on the right.

    Over the arc's length.
    """
    start, string = _strings(unit, half)
    span = np.hypot(string[..., 0], string[..., 1])
    steps = np.unique(np.round(np.linspace(-half, half, min(_ON_ARC, 2 * half + 1))).astype(int))
    at = (np.arange(0, unit.shape[1], _EVERY)[:, None] + steps) % unit.shape[1]
    arc = unit[:, at] - start[:, :, None]  # (N, P / 2, K, 2)
    beside = _cross(string[:, :, None], arc) / np.maximum(span, 1e-9)[..., None]
    from_middle = arc - string[:, :, None] / 2
    side = np.where(beside.sum(axis=2, keepdims=True) < 0, -1.0, 1.0)
    around = side * np.hypot(from_middle[..., 0], from_middle[..., 1])
    firm = np.minimum(span / _SHORT, 1)[..., None]
    away = firm * beside + (1 - firm) * around
    arc_length = 2 * half / unit.shape[1]
    left, right = np.maximum(away, 0).mean(axis=2), np.maximum(-away, 0).mean(axis=2)
    return left / arc_length, right / arc_length


def _triangles(unit: Points, half: int) -> npt.NDArray[np.float64]:
    """(N, P / 2): twice the signed area over the square of half the arc's length; in [-1, 1]."""
    start, string = _strings(unit, half)
    areas: npt.NDArray[np.float64] = _cross(string, unit[:, ::_EVERY] - start)
    areas *= (unit.shape[1] / half) ** 2
    return areas


def _spread(unit: Points) -> npt.NDArray[np.float64]:
    """(N, P / 2): mean distance to every eighth point of the boundary, over its length."""
    others = unit[:, ::8]
    gaps = unit[:, ::_EVERY, None] - others[:, None]
    far: npt.NDArray[np.float64] = np.hypot(gaps[..., 0], gaps[..., 1]).mean(axis=2)
    return far


def _strings(unit: Points, half: int) -> tuple[Points, Points]:
    """(N, P / 2, 2) twice: where the arc about every point begins, and from there to its end."""
    start = np.roll(unit, half, axis=1)[:, ::_EVERY]
    return start, np.roll(unit, -half, axis=1)[:, ::_EVERY] - start


def _cross(one: Points, other: Points) -> npt.NDArray[np.float64]:
    areas: npt.NDArray[np.float64] = one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
    return areas
