"""Rotation, flip and zoom: what they do to an image, and that chance alone decides."""

from __future__ import annotations

import numpy as np
import pytest

from engine.types import UInt8Array
from offline.train.classifier.augmentation import augmented
from offline.train.classifier.recipe import Augmentation

SIDE = 65
NOTHING = Augmentation(0.0, 0.0, flip=False)


def lopsided(count: int = 1) -> UInt8Array:
    """(N, S, S, 3): a dark bar left of the middle on white."""
    pixels = np.full((count, SIDE, SIDE, 3), 255, np.uint8)
    pixels[:, 20:45, 15:25] = 30
    return pixels


def centre(image: UInt8Array) -> tuple[float, float]:
    rows, columns = np.nonzero(image[:, :, 0] < 128)
    return float(rows.mean()), float(columns.mean())


def test_without_amounts_nothing_changes() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.uint8)
    np.testing.assert_array_equal(augmented(pixels, NOTHING, np.random.default_rng(1)), pixels)


def test_a_flip_is_exact_and_happens_half_of_the_time() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (400, SIDE, SIDE, 3)).astype(np.uint8)
    changed = augmented(pixels, Augmentation(0.0, 0.0, flip=True), np.random.default_rng(1))
    flipped = 0
    for before, after in zip(pixels, changed, strict=True):
        mirrored = bool((after == before[:, ::-1]).all())
        assert mirrored or bool((after == before).all())
        flipped += mirrored
    assert 160 < flipped < 240


def test_zoom_changes_the_area_within_its_bounds_and_the_background_stays_white() -> None:
    pixels = lopsided(200)
    changed = augmented(pixels, Augmentation(0.0, 0.2, flip=False), np.random.default_rng(2))
    # The ink, since grey edge pixels of a bar ten pixels wide would make a count jump.
    shares = (255.0 - changed[..., 0]).sum((1, 2)) / (255.0 - pixels[0, ..., 0]).sum()
    assert 0.8**2 - 0.02 < shares.min() < 0.68 and 1.38 < shares.max() < 1.2**2 + 0.02
    assert (changed[:, 0, 0] == 255).all() and (changed[:, -1, -1] == 255).all()


def test_rotation_turns_about_the_middle_by_at_most_its_angle() -> None:
    changed = augmented(lopsided(200), Augmentation(20.0, 0.0, False), np.random.default_rng(3))
    angles = []
    for image in changed:
        row, column = centre(image)
        assert np.hypot(row - 32, column - 32) == pytest.approx(12, abs=0.7)
        angles.append(np.degrees(np.arctan2(row - 32, 32 - column)))
    # The bar lies twelve pixels left of the middle, at its height.
    assert -21 < min(angles) < -15 and 15 < max(angles) < 21
    assert abs(float(np.mean(angles))) < 3


def test_the_same_chance_gives_the_same_images_and_leaves_the_input_alone() -> None:
    pixels, before = lopsided(5), lopsided(5)
    one = augmented(pixels, Augmentation(), np.random.default_rng(4))
    two = augmented(pixels, Augmentation(), np.random.default_rng(4))
    other = augmented(pixels, Augmentation(), np.random.default_rng(5))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(pixels, before)
    assert (one != other).any()
