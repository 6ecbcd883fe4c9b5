"""What FBA networks are shown."""

from __future__ import annotations

import numpy as np
import pytest

from stages.matting._encoding import CHANNELS, SIGMAS, WITH_SALIENCY, encode, padded
from stages.matting._trimap import Trimap


@pytest.fixture
def trimap() -> Trimap:
    """Background in the first column, product in the last."""
    background, foreground = np.zeros((2, 4, 5), np.bool_)
    background[:, 0] = True
    foreground[:, -1] = True
    return Trimap(background, foreground)


def test_the_channels_stand_in_the_order_of_the_authors_release(trimap: Trimap) -> None:
    pixels = np.full((4, 5, 3), (255, 0, 128), np.uint8)
    encoded = encode(pixels, trimap)
    assert encoded.shape == (CHANNELS, 4, 5) and encoded.dtype == np.float32
    # ImageNet's normalisation: (1 - 0.485) / 0.229 and so on
    np.testing.assert_allclose(encoded[:3, 0, 0], (2.2489, -2.0357, 0.4265), atol=1e-3)
    np.testing.assert_array_equal(encoded[9], trimap.background)
    np.testing.assert_array_equal(encoded[10], trimap.foreground)


def test_nearness_falls_like_a_gaussian_at_three_scales(trimap: Trimap) -> None:
    assert pytest.approx((6.4, 25.6, 51.2)) == SIGMAS
    encoded = encode(np.zeros((4, 5, 3), np.uint8), trimap)
    for scale, sigma in enumerate(SIGMAS):
        for column in range(5):
            to_ground = np.exp(-(column**2) / (2 * sigma**2))
            to_product = np.exp(-((4 - column) ** 2) / (2 * sigma**2))
            assert encoded[3 + scale, 2, column] == pytest.approx(to_ground, rel=1e-5)
            assert encoded[6 + scale, 2, column] == pytest.approx(to_product, rel=1e-5)


def test_nothing_is_near_what_is_nowhere_known() -> None:
    nowhere = np.zeros((3, 3), np.bool_)
    encoded = encode(np.zeros((3, 3, 3), np.uint8), Trimap(nowhere, nowhere))
    assert (encoded[3:] == 0).all()


def test_the_saliency_comes_last(trimap: Trimap) -> None:
    saliency = np.linspace(0, 1, 20, dtype=np.float32).reshape(4, 5)
    encoded = encode(np.zeros((4, 5, 3), np.uint8), trimap, saliency)
    assert len(encoded) == WITH_SALIENCY
    np.testing.assert_array_equal(encoded[-1], saliency)


def test_padding_repeats_the_rim_up_to_a_multiple() -> None:
    channels = np.arange(2 * 3 * 8, dtype=np.float32).reshape(2, 3, 8)
    wide = padded(channels, 8)
    assert wide.shape == (2, 8, 8)
    np.testing.assert_array_equal(wide[:, :3], channels)
    np.testing.assert_array_equal(wide[:, 5], channels[:, -1])
