"""The denoiser: against a slow twin, and on images whose noise-free version is known."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.datasets.packbench import denoise as module
from offline.datasets.packbench.denoise import denoise


def noisy(truth, deviation, seed):
    rng = np.random.default_rng(seed)
    return np.float32(truth * (1 + deviation * rng.standard_normal(truth.shape)))


def halves_of(truth, deviation=0.15, seed=3):
    return noisy(truth, deviation, seed), noisy(truth, deviation, seed + 100)


def off(image, truth):
    return float(np.sqrt(np.square(image - truth).mean()))


def flat(side=48, channels=6):
    return np.zeros((side, side, channels), np.float32)


def slow_pass(image, variance, guide, step):
    """The same blur pixel by pixel and tap by tap: no shared weights, no windows."""
    height, width = variance.shape
    total, carried, weights = np.zeros_like(image), np.zeros_like(variance), 0 * variance
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            kernel = module.SPLINE[abs(dy)] * module.SPLINE[abs(dx)]
            weight = kernel * slow_likeness(image, variance, guide, dy * step, dx * step)
            for y in range(height):
                for x in range(width):
                    there = y + dy * step, x + dx * step
                    if not (0 <= there[0] < height and 0 <= there[1] < width):
                        continue
                    total[:, y, x] += weight[y, x] * image[:, there[0], there[1]]
                    carried[y, x] += weight[y, x] ** 2 * variance[there]
                    weights[y, x] += weight[y, x]
    return total / weights, carried / weights**2


def slow_likeness(image, variance, guide, dy, dx):
    """(H, W); patches see only pairs that both lie inside, their border repeated."""
    height, width = variance.shape
    if (dy, dx) == (0, 0):
        return np.ones_like(variance)
    rows = [y for y in range(height) if 0 <= y + dy < height]
    columns = [x for x in range(width) if 0 <= x + dx < width]
    weight = np.zeros_like(variance)
    if not rows or not columns:
        return weight
    excess = np.zeros((len(rows), len(columns)), np.float32)
    for i, y in enumerate(rows):
        for j, x in enumerate(columns):
            apart = image[:, y, x] - image[:, y + dy, x + dx]
            excess[i, j] = (apart**2).mean() - variance[y, x] - variance[y + dy, x + dx]
    patch = (module.PATCH, module.PATCH)
    excess = cv2.blur(excess, patch, borderType=cv2.BORDER_REPLICATE)
    for i, y in enumerate(rows):
        for j, x in enumerate(columns):
            noise = variance[y, x] + variance[y + dy, x + dx]
            unlike = max(excess[i, j], 0) / (module.LENIENCE**2 * noise + module.FLOOR)
            unlike += ((guide[:, y, x] - guide[:, y + dy, x + dx]) ** 2).sum()
            weight[y, x] = np.exp(-unlike)
    return weight


@pytest.mark.parametrize("step", [1, 2, 8])
def test_a_pass_equals_its_slow_twin(step):
    rng = np.random.default_rng(step)
    image = rng.uniform(0, 1, (3, 11, 13)).astype(np.float32)
    variance = rng.uniform(0.001, 0.1, (11, 13)).astype(np.float32)
    guide = rng.uniform(0, 0.5, (4, 11, 13)).astype(np.float32)
    fast, slow = (f(image, variance, guide, step) for f in (module._pass, slow_pass))
    for ours, theirs in zip(fast, slow, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-5)


def test_a_noisy_wall_comes_out_nearly_even():
    truth = np.full((48, 48, 3), 0.5, np.float32)
    first, second = halves_of(truth)
    cleaned = denoise(first, second, flat())
    assert off(cleaned, truth) < 0.2 * off((first + second) / 2, truth)


def test_print_that_the_guide_shows_stays_sharp():
    truth = np.full((48, 48, 3), 0.7, np.float32)
    truth[:, ::4] = 0.05  # strokes one pixel wide, as small type is
    guide = np.dstack([flat(channels=3), truth])
    cleaned = denoise(*halves_of(truth), guide)
    assert off(cleaned, truth) < 0.03


def test_an_edge_that_no_guide_shows_survives_when_it_rises_above_the_noise():
    truth = np.full((48, 48, 3), 0.2, np.float32)
    truth[:, 24:] = 0.8
    cleaned = denoise(*halves_of(truth, 0.1), flat())
    step = cleaned[:, 25].mean() - cleaned[:, 22].mean()
    assert step > 0.5


def test_a_firefly_goes_and_leaves_no_glow():
    truth = np.full((32, 32, 3), 0.4, np.float32)
    first, second = halves_of(truth, 0.02)
    first[16, 16] = 900.0
    cleaned = denoise(first, second, flat(32))
    assert cleaned.max() < 0.45


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**31))
def test_any_image_stays_finite_and_within_its_bounds(height, width, seed):
    rng = np.random.default_rng(seed)
    first, second = (rng.gamma(0.5, 2, (height, width, 3)).astype(np.float32) for _ in range(2))
    guide = rng.uniform(0, 1, (height, width, 6)).astype(np.float32)
    cleaned = denoise(first, second, guide)
    assert cleaned.shape == (height, width, 3)
    assert np.isfinite(cleaned).all()
    assert cleaned.min() >= -1e-4
    assert cleaned.max() <= max(first.max(), second.max()) * 1.001 + 1e-4


def test_equal_renders_give_equal_images():
    first, second = halves_of(np.full((24, 24, 3), 0.5, np.float32))
    once, again = (denoise(first, second, flat(24)) for _ in range(2))
    np.testing.assert_array_equal(once, again)


def test_the_renders_given_are_left_as_they_are():
    first, second = halves_of(np.full((24, 24, 3), 0.5, np.float32))
    kept = first.copy(), second.copy()
    denoise(first, second, flat(24))
    np.testing.assert_array_equal(first, kept[0])
    np.testing.assert_array_equal(second, kept[1])
