"""Augmented cutouts: sized, seeded, framed as cuts are, lit like photos; or left as they are."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError
from offline.train.embedder.augmentation import (
    MARGIN,
    augmented,
    occluded,
    photographed,
    reframed,
    solid_box,
)
from offline.train.embedder.backgrounds import draw, drawn_backgrounds, photo_backgrounds
from offline.train.embedder.recipe import Augmentation, Framing, Lighting

STILL = Framing(rotation=0, stretch=0, slack=0)
DARK = Lighting(light=0, colour=0, shade=0, occlusion=0, blur=0, noise=0, jpeg=0)
BLUE = np.full((3, 80, 80, 3), (0, 0, 255), np.uint8)


def tall(side: int = 96) -> np.ndarray:
    """A red bottle, half as wide as high, on white."""
    rgba = np.full((side, side, 4), 255, np.uint8)
    rgba[..., 3] = 0
    rgba[8:88, 28:68] = (200, 20, 20, 255)
    return rgba


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([32, 64, 100]), st.booleans(), st.booleans())
def test_any_chance_gives_an_image_of_the_size_asked_for(
    seed: int, side: int, flip: bool, backgrounds: bool
) -> None:
    random = np.random.default_rng(seed)
    rgba = random.integers(0, 256, (70, 70, 4), dtype=np.uint8)
    rgba[..., 3] *= rgba[..., 3] > random.integers(0, 257)  # sometimes nothing is product
    augmentation = Augmentation(Framing(flip=flip))
    pixels = augmented(rgba, side, augmentation, BLUE if backgrounds else None, random)
    assert pixels.shape == (side, side, 3)
    assert pixels.dtype == np.uint8


def test_the_same_chance_gives_the_same_image() -> None:
    one, same, other = (
        augmented(tall(), 64, Augmentation(), BLUE, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_with_all_turned_off_the_product_is_only_cut_as_crop_cuts_it() -> None:
    pixels = augmented(tall(), 96, Augmentation(STILL, DARK), None, np.random.default_rng(0))
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 100)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    share = 1 / (1 + 2 * MARGIN)  # what the margin leaves of the longer side, give or take slack
    assert rows[-1] - rows[0] + 1 == pytest.approx(96 * share, abs=2)
    assert columns[-1] - columns[0] + 1 == pytest.approx(48 * share, abs=2)
    assert abs((rows[0] + rows[-1]) / 2 - 47.5) <= 1
    assert (pixels[:, :10] == 255).all()


def test_a_background_lies_inside_the_frame_and_white_beside_it() -> None:
    augmentation = Augmentation(STILL, DARK, background=1.0)
    pixels = augmented(tall(), 96, augmentation, BLUE, np.random.default_rng(0))
    assert (pixels[:, :10] == 255).all()
    assert (pixels[48, 48] == (200, 20, 20)).all()
    beside = pixels[2, 48]  # in the margin above the product
    assert beside.tolist() == [0, 0, 255]


def test_a_product_is_never_cut_off_by_more_than_its_slack() -> None:
    framing = Framing(rotation=30, stretch=0.2, slack=0.1)
    for seed in range(20):
        framed, frame = reframed(tall(), 96, framing, np.random.default_rng(seed))
        kept = int((framed[..., 3] >= 128).sum()) / 96**2
        assert kept > 0.2
        assert frame.any(axis=0).all() or frame.any(axis=1).all()


def test_a_flip_mirrors_print() -> None:
    rgba = tall()
    rgba[30:40, 28:48, :3] = 0  # a mark on the left
    framing = Framing(rotation=0, stretch=0, slack=0, flip=True)
    sides = set()
    for seed in range(12):
        framed, _ = reframed(rgba, 96, framing, np.random.default_rng(seed))
        dark = np.flatnonzero((framed[34, :, 0] < 50) & (framed[34, :, 3] > 200))
        sides.add("left" if dark.mean() < 48 else "right")
    assert sides == {"left", "right"}


def test_a_half_sized_frame_averages_what_it_shrinks() -> None:
    rgba = np.zeros((256, 256, 4), np.uint8)
    rgba[..., 3] = 255
    rgba[:, ::2, :3] = 255  # stripes of one pixel: grey from afar
    framed, _ = reframed(rgba, 64, STILL, np.random.default_rng(0))
    middle = framed[16:48, 16:48, 0].astype(float)
    assert middle.std() < 30
    assert middle.mean() == pytest.approx(127, abs=10)


def test_an_image_without_product_is_taken_whole() -> None:
    assert solid_box(np.zeros((40, 30), np.uint8)) == (0, 0, 30, 40)


def test_light_changes_colours_and_nothing_else() -> None:
    random = np.random.default_rng(0)
    image = tall()[..., :3].copy()
    assert np.array_equal(photographed(image, DARK, random), image)
    lit = photographed(image, Lighting(1, 1, 0, 0, 0, 0, 0), random)
    assert len(np.unique(lit.reshape(-1, 3), axis=0)) == 2  # product and background, as before


def test_a_hand_reaches_in_from_one_side_and_leaves_the_rest() -> None:
    image = np.full((100, 100, 3), 128, np.uint8)
    for seed in range(8):
        changed = (occluded(image, np.random.default_rng(seed)) != 128).any(axis=2)
        assert 0.001 < changed.mean() < 0.3
        assert any(edge.any() for edge in (changed[0], changed[-1], changed[:, 0], changed[:, -1]))
        assert not changed[45:55, 45:55].any()


def test_backgrounds_are_drawn_by_seed_with_only_the_images_that_may_be_learned() -> None:
    rgba = np.stack([tall(), np.full((96, 96, 4), 255, np.uint8)])
    rgba[1, ..., :3] = (1, 254, 1)  # an image that is not in the rows
    one = drawn_backgrounds(40, 50, rgba, [0], np.random.default_rng(4))
    assert np.array_equal(one, drawn_backgrounds(40, 50, rgba, [0], np.random.default_rng(4)))
    assert one.shape == (40, 50, 50, 3)
    assert not (one == (1, 254, 1)).all(axis=3).any()
    assert draw(one, 33, np.random.default_rng(0)).shape == (33, 33, 3)


def test_photos_become_backgrounds_and_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.png", tmp_path / "b.png"
    cv2.imwrite(str(good), np.full((30, 60, 3), 9, np.uint8))
    bad.write_bytes(b"no image")
    backgrounds = photo_backgrounds([good, bad], 40)
    assert backgrounds.shape == (1, 40, 40, 3)
    assert (backgrounds == 9).all()
    with pytest.raises(ConfigError, match="none of its images"):
        photo_backgrounds([bad], 40)
