"""Composed scenes: the mask is what is seen of the product, whatever lies behind and before it."""

import numpy as np
import pytest

from offline.train.segmenter import scenes
from offline.train.segmenter.obstacles import drawn_box, drawn_hand, drawn_leaf
from offline.train.segmenter.samples import MaskSample
from offline.train.segmenter.scenes import composed, placed

SIDE = 64


def red_box() -> MaskSample:
    alpha = np.zeros((50, 40), np.float32)
    alpha[10:45, 8:30] = 1.0
    pixels = np.full((50, 40, 3), 20, np.uint8)
    pixels[alpha > 0] = (230, 20, 20)
    return MaskSample(pixels, alpha)


def blue_box(random: np.random.Generator) -> MaskSample:
    return MaskSample(red_box().pixels[..., ::-1].copy(), red_box().alpha)


@pytest.fixture(autouse=True)
def plain_light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "photographed", lambda pixels, *_: pixels)


@pytest.mark.parametrize("seed", range(16))
def test_the_mask_is_what_is_seen_of_the_product(seed: int) -> None:
    """Neighbours are blue, the background is green, and no hand has the product's red."""
    green = np.full((SIDE, SIDE, 3), (20, 200, 20), np.uint8)
    found = composed(red_box(), green, blue_box, np.random.default_rng(seed))
    assert found.pixels.shape == (SIDE, SIDE, 3) and found.alpha.shape == (SIDE, SIDE)
    red = found.pixels[..., 0].astype(int) - found.pixels[..., 1:].max(axis=2)
    sure = np.abs(found.alpha - 0.5) > 0.45
    seen = found.alpha > 0.5
    assert seen.any()
    assert (red[seen & sure] > 140).mean() > 0.97
    assert (red[~seen & sure] < 140).mean() > 0.97


def test_a_product_is_placed_where_and_as_large_as_wanted() -> None:
    random = np.random.default_rng(0)
    for _ in range(8):
        alpha, colours = placed(red_box(), SIDE, 30.0, np.array([20.0, 40.0]), random, turned=False)
        rows, columns = np.nonzero(alpha > 0.5)
        assert np.hypot(columns.mean() - 20, rows.mean() - 40) < 1.5
        assert 22 < np.ptp(rows) < 42
        assert np.abs(colours[alpha > 0.5] - (230, 20, 20)).max() < 12


def test_a_hand_covers_some_of_the_product_and_has_colours_where_it_is() -> None:
    alpha = np.zeros((SIDE, SIDE), np.float32)
    alpha[16:48, 20:44] = 1.0
    hands = [drawn_hand(alpha, np.random.default_rng(seed)) for seed in range(12)]
    for hand in hands:
        for mask in (hand.behind, hand.before):
            assert mask.min() >= 0.0 and mask.max() <= 1.0
        assert hand.behind.max() > 0.9
        assert hand.colours[np.maximum(hand.behind, hand.before) > 0.9].min() > 0
    covered = [float((hand.before * alpha).sum() / alpha.sum()) for hand in hands]
    assert 0.02 < np.mean(covered) < 0.6
    assert drawn_hand(np.zeros((SIDE, SIDE), np.float32), np.random.default_rng(0)) is not None


def test_a_leaf_hides_a_part_of_the_product() -> None:
    alpha = np.zeros((SIDE, SIDE), np.float32)
    alpha[16:48, 20:44] = 1.0
    leaves = [drawn_leaf(alpha, np.random.default_rng(seed))[0] for seed in range(12)]
    assert np.mean([float((leaf * alpha).sum() / alpha.sum()) for leaf in leaves]) > 0.02
    assert all(leaf.min() >= 0.0 and leaf.max() <= 1.0 for leaf in leaves)


def test_a_box_is_where_it_is_put_and_shows_colours() -> None:
    for seed in range(8):
        random = np.random.default_rng(seed)
        mask, colours = drawn_box(SIDE, 24.0, np.array([30.0, 34.0]), random)
        rows, columns = np.nonzero(mask > 0.5)
        assert abs(rows.mean() - 34) < 6 and abs(columns.mean() - 30) < 20
        assert colours[mask > 0.9].max() > 15
