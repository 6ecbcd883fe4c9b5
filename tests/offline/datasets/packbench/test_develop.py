"""Development: the image changes as in a camera, and the ground truth follows the lens."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.datasets.packbench.develop import (
    blurred,
    defocus_kernel,
    encode,
    encoded,
    gaussian_kernel,
    motion_kernel,
    phone_image,
    studio_image,
)

HEIGHT, WIDTH = 48, 40


def scene(level: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """A dark square product on a lighter background: radiance and alpha."""
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[12:36, 10:30] = 1
    radiance = np.full((HEIGHT, WIDTH, 3), level, np.float32)
    radiance[alpha > 0] = level * np.array([0.5, 0.3, 0.2], np.float32)
    return radiance, alpha


def test_linear_light_is_encoded_by_the_srgb_curve() -> None:
    grey = np.full((2, 2, 3), 0.5, np.float32)
    assert encode(grey).tolist() == np.full((2, 2, 3), 188).tolist()  # IEC 61966-2-1
    assert encode(grey * 10).max() == 255
    assert encode(grey * -1).max() == 0


@given(st.floats(0.05, 6), st.floats(0, math.pi))
def test_no_blur_adds_or_takes_light(extent: float, angle: float) -> None:
    for kernel in (
        gaussian_kernel(extent / 2),
        defocus_kernel(extent),
        motion_kernel(extent, angle),
    ):
        assert kernel.min() >= 0
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
        assert kernel.shape[0] == kernel.shape[1]


def test_a_kernel_blurs_as_a_plain_convolution_would() -> None:
    rng = np.random.default_rng(0)
    image = rng.random((9, 11)).astype(np.float32)
    kernel = motion_kernel(3, 0.6)
    reach = len(kernel) // 2
    padded = np.pad(image, reach, mode="reflect")
    slow = np.zeros_like(image)
    for y, x in np.ndindex(kernel.shape):
        slow += kernel[y, x] * padded[2 * reach - y :, 2 * reach - x :][:9, :11]
    np.testing.assert_allclose(blurred(image, kernel), slow, atol=1e-5)


def test_a_horizontal_shake_leaves_horizontal_edges_sharp() -> None:
    image = np.zeros((20, 20), np.float32)
    image[10:] = 1
    np.testing.assert_allclose(blurred(image, motion_kernel(5, 0)), image, atol=1e-6)
    assert blurred(image.T, motion_kernel(5, 0))[5, 9] == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("image", [phone_image, studio_image])
@pytest.mark.parametrize("seed", range(8))
def test_the_ground_truth_goes_through_the_same_lens_as_the_image(image, seed: int) -> None:
    radiance, alpha = scene()
    through = np.repeat(alpha[..., None], 3, axis=2)
    result = image(radiance, alpha, through, np.random.default_rng(seed))
    assert result.alpha.shape == (HEIGHT, WIDTH)
    assert result.alpha.min() >= 0
    assert result.alpha.max() <= 1 + 1e-5
    assert result.alpha.sum() == pytest.approx(alpha.sum(), rel=1e-4)  # light is only moved
    for channel in range(3):
        np.testing.assert_allclose(result.transmission[..., channel], result.alpha, atol=1e-5)


@pytest.mark.parametrize("image", [phone_image, studio_image])
def test_the_same_generator_state_gives_the_same_bytes(image) -> None:
    radiance, alpha = scene()
    first, second, other = (
        image(radiance, alpha, None, np.random.default_rng(seed)) for seed in (4, 4, 5)
    )
    assert first.pixels.tobytes() == second.pixels.tobytes()
    assert first.jpeg_quality == second.jpeg_quality
    assert first.pixels.tobytes() != other.pixels.tobytes()
    assert first.transmission is None


def test_a_phone_evens_out_exposure_and_a_studio_keeps_it() -> None:
    def mean(image, level: float) -> float:
        radiance, alpha = scene(level)
        return float(image(radiance, alpha, None, np.random.default_rng(1)).pixels.mean())

    assert mean(phone_image, 0.02) > 0.55 * mean(phone_image, 1.0)
    assert mean(studio_image, 0.02) < 0.3 * mean(studio_image, 1.0)


def test_a_phone_takes_out_part_of_a_colour_cast() -> None:
    radiance, alpha = scene()
    warm = radiance * np.array([1.6, 1.0, 0.5], np.float32)
    pixels = phone_image(warm, alpha, None, np.random.default_rng(3)).pixels
    cast_in = np.subtract(*encoded(warm)[2, 2, [0, 2]])
    cast_out = np.subtract(*(pixels[:8].reshape(-1, 3).mean(axis=0)[[0, 2]] / 255))
    assert 0 < cast_out < cast_in


def test_white_paper_stays_near_white_in_the_studio() -> None:
    paper = np.full((32, 32, 3), 0.96, np.float32)
    for seed in range(12):
        result = studio_image(
            paper, np.zeros((32, 32), np.float32), None, np.random.default_rng(seed)
        )
        assert result.pixels.mean() > 244
        assert 80 <= result.jpeg_quality <= 96


def test_a_phone_is_noisier_than_a_studio() -> None:
    flat = np.full((64, 64, 3), 0.3, np.float32)
    alpha = np.zeros((64, 64), np.float32)

    def grain(image) -> float:
        shots = [image(flat, alpha, None, np.random.default_rng(s)).pixels for s in range(6)]
        return float(np.mean([shot[20:44, 20:44].std(axis=(0, 1)).mean() for shot in shots]))

    assert grain(phone_image) > 2 * grain(studio_image)
