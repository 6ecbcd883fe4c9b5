"""The guided filter against its definition, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from engine.types import FloatArray, UInt8Array
from stages.matting._guided import guided_filter, linear_map
from tests.stages.matting.matting_scenes import disc, photo_of


def slow_filter(guide: UInt8Array, values: FloatArray, radius: int, eps: float) -> FloatArray:
    """He, Sun and Tang 2013, equations 14 to 16, window by window."""
    colours = guide.astype(np.float64) / 255.0
    height, width = values.shape
    slopes, offsets = np.zeros((height, width, 3)), np.zeros((height, width))

    def window(row: int, column: int) -> tuple[slice, slice]:
        return (
            slice(max(0, row - radius), row + radius + 1),
            slice(max(0, column - radius), column + radius + 1),
        )

    for row, column in np.ndindex(height, width):
        inside = colours[window(row, column)].reshape(-1, 3)
        targets = values[window(row, column)].astype(np.float64).ravel()
        mean, target = inside.mean(0), targets.mean()
        covariance = (inside - mean).T @ (inside - mean) / len(inside)
        shared = (inside - mean).T @ (targets - target) / len(inside)
        slopes[row, column] = np.linalg.inv(covariance + eps * np.eye(3)) @ shared
        offsets[row, column] = target - slopes[row, column] @ mean
    filtered = np.zeros((height, width))
    for row, column in np.ndindex(height, width):
        slope = slopes[window(row, column)].reshape(-1, 3).mean(0)
        offset = offsets[window(row, column)].mean()
        filtered[row, column] = slope @ colours[row, column] + offset
    return np.clip(filtered, 0.0, 1.0).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "radius", "eps"),
    [((9, 12), 1, 1e-4), ((12, 9), 3, 1e-2), ((1, 7), 2, 1e-3), ((5, 5), 9, 1e-4)],
)
def test_it_is_the_filter_of_the_paper(shape: tuple[int, int], radius: int, eps: float) -> None:
    random = np.random.default_rng(3)
    guide = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
    values = random.random(shape, dtype=np.float32)
    fast = guided_filter(guide, values, radius, eps)
    np.testing.assert_allclose(fast, slow_filter(guide, values, radius, eps), atol=1e-5)


def test_a_matte_on_a_flat_image_is_averaged_twice() -> None:
    guide = np.full((20, 20, 3), 90, np.uint8)
    values = np.zeros((20, 20), np.float32)
    values[10, 10] = 1.0
    filtered = guided_filter(guide, values, 1, 1e-3)
    assert filtered[10, 10] == pytest.approx(1 / 9, abs=1e-6)
    assert filtered[10, 12] == pytest.approx(1 / 27, abs=1e-6)


def test_a_shifted_edge_moves_to_where_the_image_has_it() -> None:
    true = disc(60, 60)
    shifted = np.roll(true, 2, axis=1)
    filtered = guided_filter(photo_of(true).pixels, shifted, 6, 1e-4)
    wrong = ((filtered >= 0.5) != (true >= 0.5)).sum()
    assert wrong < 0.3 * ((shifted >= 0.5) != (true >= 0.5)).sum()


def test_a_map_made_small_draws_the_edges_of_the_large_image() -> None:
    true = disc(120, 100)
    image = photo_of(true).pixels
    small = image[::2, ::2]
    enlarged = np.clip(linear_map(small, true[::2, ::2], 2, 1e-4).applied(image), 0, 1)
    assert enlarged.shape == true.shape
    blocky = np.kron(true[::2, ::2], np.ones((2, 2), np.float32))
    assert np.abs(enlarged - true).mean() < 0.7 * np.abs(blocky - true).mean()
