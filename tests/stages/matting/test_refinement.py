"""The frame around every matting: the window, the working size, what stays untouched."""

from __future__ import annotations

import numpy as np
import pytest

from engine.types import FloatArray, Matte, UInt8Array
from stages.matting._refinement import LEAST_WINDOW, MARGIN, refined, window_of
from stages.matting._trimap import BandWidths, Trimap
from tests.stages.matting.matting_scenes import disc, photo_of, softened

WIDTHS = BandWidths(0.05, 0.1)


def unchanged(pixels: UInt8Array, saliency: FloatArray, trimap: Trimap) -> FloatArray:
    return saliency


def never(pixels: UInt8Array, saliency: FloatArray, trimap: Trimap) -> FloatArray:
    raise AssertionError("nothing is unknown")


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_a_matte_without_a_product_is_returned_as_it_is(level: float) -> None:
    matte = Matte(np.full((30, 20), level, np.float32))
    assert refined(photo_of(matte.alpha), matte, WIDTHS, 320, never) is matte


def test_a_full_matte_is_returned_as_it_is() -> None:
    matte = Matte(np.ones((30, 20), np.float32))
    assert refined(photo_of(matte.alpha), matte, WIDTHS, 320, never) is matte


def test_only_the_unknown_band_is_asked_for_and_only_it_changes() -> None:
    alpha = disc(80, 90)

    def grey(pixels: UInt8Array, saliency: FloatArray, trimap: Trimap) -> FloatArray:
        return np.full_like(saliency, 0.25)

    found = refined(photo_of(alpha), Matte(alpha.copy()), WIDTHS, 320, grey).alpha
    assert found[40, 45] == 1.0 and found[0, 0] == 0.0
    changed = found == 0.25
    assert changed.any() and (np.abs(alpha[changed] - 0.5) <= 0.5).all()


def test_the_window_holds_the_product_and_the_whole_band() -> None:
    alpha = np.zeros((500, 600), np.float32)
    alpha[150:350, 200:400] = 1.0
    reach = 20 + MARGIN  # a tenth of the square's side
    box = window_of(alpha, WIDTHS)
    assert box == (200 - reach, 150 - reach, 400 + reach, 350 + reach)


def test_a_small_product_brings_its_surroundings_along() -> None:
    alpha = np.zeros((500, 600), np.float32)
    alpha[200:210, 300:320] = 1.0
    x1, y1, x2, y2 = window_of(alpha, WIDTHS)
    assert (x2 - x1, y2 - y1) == (LEAST_WINDOW, LEAST_WINDOW)
    assert (x1 + x2, y1 + y2) == (620, 410)


def test_the_window_ends_where_the_image_does() -> None:
    alpha = np.ones((5, 7), np.float32)
    assert window_of(alpha, BandWidths(0.1, 4.0)) == (0, 0, 7, 5)


def test_a_large_image_is_estimated_small_and_enlarged() -> None:
    alpha = disc(400, 500)
    seen: list[tuple[int, ...]] = []

    def watched(pixels: UInt8Array, saliency: FloatArray, trimap: Trimap) -> FloatArray:
        seen.append(pixels.shape)
        return saliency

    found = refined(photo_of(alpha), softened(alpha), WIDTHS, 100, watched).alpha
    assert max(seen[0]) == 100 and found.shape == alpha.shape
    assert np.abs(found - alpha).mean() < 0.02
    assert ((found >= 0.5) == (alpha >= 0.5)).mean() > 0.99


def test_where_nothing_changes_a_large_matte_keeps_its_detail() -> None:
    alpha = disc(400, 500)
    found = refined(photo_of(alpha), Matte(alpha.copy()), WIDTHS, 100, unchanged).alpha
    # What is known is put in at the working size, which may move the rim of the band a little.
    np.testing.assert_allclose(found, alpha, atol=0.06)


@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (60, 1), (2, 2), (3, 900)])
def test_the_thinnest_images_are_survived(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    alpha = random.random(shape, dtype=np.float32)
    found = refined(photo_of(alpha), Matte(alpha), WIDTHS, 16, unchanged).alpha
    assert found.shape == shape and np.isfinite(found).all()
