"""Five altered versions of a cutout, and the mean over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.augmentation import VIEWS, AugmentedEmbedder, augmenting, views_of
from engine.distances import unit_rows
from engine.protocols import Embedder
from engine.types import Cutout, FloatArray
from tests.engine.fake_parts import MeanColour, fake_describer, plain_image


def cutout(seed: int = 0, side: int = 24) -> Cutout:
    """Something drawn in the middle half, white around it, as a cutter leaves it."""
    random = np.random.default_rng(seed)
    pixels = np.full((side, side, 3), 255, np.uint8)
    alpha = np.zeros((side, side), np.float32)
    middle = slice(side // 4, side - side // 4)
    shape = pixels[middle, middle].shape
    pixels[middle, middle] = random.integers(0, 200, shape, np.uint8)
    alpha[middle, middle] = 1
    return Cutout(pixels, alpha, (3, 4, 50, 60))


class Recorded:
    """Remembers what it was given; its rows are unit vectors of mean colours and area."""

    dimension = 4

    def __init__(self, *, normalised: bool) -> None:
        self.normalised = normalised
        self.given: list[list[Cutout]] = []

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        self.given.append(list(cutouts))
        rows = [[*c.pixels.mean(axis=(0, 1)) / 255, c.alpha.mean()] for c in cutouts]
        found = np.array(rows, np.float32).reshape(-1, 4)
        return unit_rows(found) if self.normalised else found


def test_the_versions_are_the_cutout_itself_and_five_others() -> None:
    original = cutout()
    views = views_of(original)
    assert len(views) == VIEWS == 6
    assert views[0] is original
    for position, one in enumerate(views[1:], start=1):
        assert one.side == original.side and one.box == original.box
        assert (one.pixels != original.pixels).any(), position


def test_pixels_and_alpha_are_altered_alike() -> None:
    """What is white stays no product, what is not white stays product, up to soft edges."""
    side = 64
    alpha = np.zeros((side, side), np.float32)
    alpha[16:56, 20:40] = 1
    pixels = np.where(alpha[:, :, None] > 0, 40, 255).repeat(3, axis=2).astype(np.uint8)
    for one in views_of(Cutout(pixels, alpha, (0, 0, 64, 64))):
        dark = one.pixels[:, :, 0] < 128
        assert ((one.alpha > 0.5) != dark).mean() < 0.01
        assert one.alpha.min() >= 0 and one.alpha.max() <= 1


def test_mirroring_mirrors_and_zooming_enlarges_and_brightening_keeps_the_contour() -> None:
    original = cutout()
    _, mirrored, left, right, zoomed, brighter = views_of(original)
    np.testing.assert_array_equal(mirrored.pixels[:, ::-1], original.pixels)
    np.testing.assert_array_equal(mirrored.alpha[:, ::-1], original.alpha)
    assert zoomed.alpha.sum() == pytest.approx(original.alpha.sum() * 1.1**2, rel=0.02)
    np.testing.assert_array_equal(brighter.alpha, original.alpha)
    assert brighter.pixels.mean() > original.pixels.mean()
    # A mirrored turn to the left is a turn of the mirrored to the right.
    _, _, _, turned, _, _ = views_of(mirrored)
    difference = turned.pixels[:, ::-1].astype(int) - left.pixels
    assert np.abs(difference).max() <= 1
    assert (left.pixels != right.pixels).any()


@pytest.mark.parametrize("colour", [(255, 255, 255), (90, 120, 30)])
def test_what_a_turn_uncovers_has_the_border_colour(colour: tuple[int, int, int]) -> None:
    pixels = np.full((40, 40, 3), colour, np.uint8)
    pixels[12:28, 12:28] = 7
    plain = Cutout(pixels, np.ones((40, 40), np.float32), (0, 0, 40, 40))
    _, _, left, right, _, _ = views_of(plain)
    for one in (left, right):
        for corner in (one.pixels[0, 0], one.pixels[0, -1], one.pixels[-1, 0]):
            np.testing.assert_array_equal(corner, colour)
        assert one.alpha[0, 0] == 0  # beyond the cutout there is no product


@given(seed=st.integers(0, 99), side=st.integers(1, 40))
def test_any_cutout_has_sound_versions_and_is_left_as_it_was(seed: int, side: int) -> None:
    original = cutout(seed, side)
    pixels, alpha = original.pixels.copy(), original.alpha.copy()
    assert len(views_of(original)) == VIEWS  # a Cutout checks itself
    np.testing.assert_array_equal(original.pixels, pixels)
    np.testing.assert_array_equal(original.alpha, alpha)


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_row_is_the_mean_over_the_views_made_in_one_batch(normalised: bool, count: int) -> None:
    inner = Recorded(normalised=normalised)
    outer = AugmentedEmbedder(inner)
    assert isinstance(outer, Embedder)
    cutouts = [cutout(seed) for seed in range(count)]
    found = outer.embed(cutouts)
    assert [len(batch) for batch in inner.given] == [count * VIEWS]
    twin = [np.mean([inner.embed([view])[0] for view in views_of(one)], axis=0) for one in cutouts]
    expected = np.reshape(np.array(twin, np.float32), (count, 4))
    np.testing.assert_allclose(found, unit_rows(expected) if normalised else expected, atol=1e-6)
    assert (outer.dimension, outer.normalised) == (4, normalised)


def test_an_augmenting_describer_changes_the_vector_alone() -> None:
    image = plain_image(40, 80, 120)
    describer = fake_describer()
    (plain,) = describer.describe([image])
    (augmented,) = augmenting(describer).describe([image])
    assert describer.classifier.asked == 2  # type: ignore[attr-defined]
    np.testing.assert_array_equal(plain.cutout.pixels, augmented.cutout.pixels)
    np.testing.assert_array_equal(
        plain.description.contour.packed, augmented.description.contour.packed
    )
    colours = augmented.description.embedding.vector
    bright = np.rint(np.array([40, 80, 120]) * np.float32(1.15))
    np.testing.assert_allclose(colours, (5 * np.array([40, 80, 120]) + bright) / 6, rtol=1e-5)
    assert isinstance(describer.embedder, MeanColour)
