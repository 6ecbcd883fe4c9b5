"""Signals along a boundary, against a slow twin that walks the arc."""

from __future__ import annotations

import numpy as np
import pytest

from engine.types import Contour
from stages.shape.boundary import boundary_points
from stages.shape.signals import CHANNELS, signals
from tests.stages.shape.drawn_contours import LINE, PIXEL, disc, star_shaped


def slow_cut(points: np.ndarray, at: int, half: int) -> tuple[float, float]:
    """Mean distances of an arc's points to the left and to the right of its string."""
    count = len(points)
    length = float(np.hypot(*(np.roll(points, -1, axis=0) - points).T).sum())
    a, b = points[(at - half) % count] / length, points[(at + half) % count] / length
    steps = np.unique(np.round(np.linspace(-half, half, min(17, 2 * half + 1))).astype(int))
    arc = [points[(at + step) % count] / length for step in steps]
    span = float(np.hypot(*(b - a)))
    beside = [float((b - a)[0] * (p - a)[1] - (b - a)[1] * (p - a)[0]) / span for p in arc]
    around = [float(np.hypot(*(p - (a + b) / 2))) for p in arc]
    firm, side = min(span / 0.02, 1), -1 if sum(beside) < 0 else 1
    away = [firm * b + (1 - firm) * side * r for b, r in zip(beside, around, strict=True)]
    share = 2 * half / count
    left = sum(max(one, 0) for one in away) / len(away) / share
    return left, sum(max(-one, 0) for one in away) / len(away) / share


def test_string_cuts_agree_with_walking_the_arc() -> None:
    points = boundary_points(star_shaped([20, 55, 30, 60, 25, 50, 15]))
    found = signals(points[None])[0]
    assert found.shape == (CHANNELS, 64)
    # Up to the scale that all cuts share.
    twin = np.array(
        [
            [side for half in (2, 4, 8, 16, 32) for side in slow_cut(points, at, half)]
            for at in range(0, 128, 2)
        ]
    ).T
    scale = found[:10].sum() / twin.sum()
    assert found[:10] == pytest.approx(scale * twin, abs=1e-9)


def test_a_disc_looks_the_same_from_every_point() -> None:
    found = signals(boundary_points(disc(55))[None])[0]
    assert found.std(axis=1)[4:].max() < 0.1  # the finest arcs still see the cells


@pytest.mark.parametrize("contour", [PIXEL, LINE])
def test_the_thinnest_boundaries_have_finite_signals(contour: Contour) -> None:
    assert np.isfinite(signals(boundary_points(contour)[None])).all()


def test_a_point_run_through_many_times_has_finite_signals() -> None:
    assert np.isfinite(signals(np.zeros((1, 128, 2)))).all()


def test_a_mirror_image_gives_the_signals_backwards() -> None:
    points = boundary_points(star_shaped([20, 55, 30, 60, 25, 50, 15]))
    mirrored = (points * [-1, 1])[(-np.arange(128)) % 128]  # clockwise again
    backwards = signals(points[None])[0][:, (-np.arange(64)) % 64]
    assert signals(mirrored[None])[0] == pytest.approx(backwards, abs=1e-9)
