"""Augmentation keeps image and mask together, and draws from the generator it is given."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.train.segmenter import augmentation as mask_augmentation
from offline.train.segmenter.augmentation import (
    LEAST_KEPT,
    Backgrounds,
    augmented,
    centred_window,
    cut_window,
    relit,
    squeeze,
)
from offline.train.segmenter.samples import MaskSample, SampleStore, read_sample
from stages.segment._saliency import network_input
from stages.segment.u2net import FAMILY_INPUT
from tests.offline.train.mask_pictures import write_pairs
from weights.probe import model_input


def marked(height: int = 40, width: int = 60) -> MaskSample:
    """The mask is where the image is red."""
    alpha = np.zeros((height, width), np.float32)
    alpha[8:30, 10:25] = 1.0
    pixels = np.full((height, width, 3), 20, np.uint8)
    pixels[alpha > 0] = (230, 20, 20)
    return MaskSample(pixels, alpha)


def backgrounds(tmp_path: Path, *, files: bool = True) -> Backgrounds:
    images = write_pairs(tmp_path, 3)
    return Backgrounds([image.path for image in images] if files else [], images, SampleStore(64))


@pytest.mark.parametrize("seed", range(12))
def test_the_mask_stays_where_the_product_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(
        mask_augmentation, "OWN_FRACTION", 1.0
    )  # other backgrounds may be red themselves
    found = augmented(marked(), 48, backgrounds(tmp_path), np.random.default_rng(seed))
    assert found.pixels.shape == (48, 48, 3)
    assert found.pixels.dtype == np.uint8
    red = found.pixels[..., 0].astype(int) - found.pixels[..., 1]
    sure = np.abs(found.alpha - 0.5) > 0.4
    assert ((red > 70) == (found.alpha > 0.5))[sure].mean() > 0.99


@pytest.mark.parametrize("files", [True, False])
def test_the_same_generator_draws_the_same_sample(tmp_path: Path, files: bool) -> None:
    behind = backgrounds(tmp_path, files=files)
    for seed in range(6):
        one, other = (
            augmented(marked(), 32, behind, np.random.default_rng(seed)) for _ in range(2)
        )
        assert np.array_equal(one.pixels, other.pixels)
        assert np.array_equal(one.alpha, other.alpha)


def test_backgrounds_differ_and_have_the_size_asked_for(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    drawn = [backgrounds(tmp_path).draw((17, 31), random) for _ in range(12)]
    assert {background.shape for background in drawn} == {(17, 31, 3)}
    assert len({background.tobytes() for background in drawn}) == 12


def test_a_background_that_cannot_be_read_gives_way_to_a_drawn_one(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    behind = Backgrounds([tmp_path / "broken.jpg"], write_pairs(tmp_path, 1), SampleStore(64))
    random = np.random.default_rng(0)
    assert all(behind.draw((8, 8), random).shape == (8, 8, 3) for _ in range(8))


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
def test_a_cut_keeps_most_of_the_product(seed: int, height: int, width: int) -> None:
    random = np.random.default_rng(seed)
    alpha = random.random((height, width)).astype(np.float32)
    kept = float(alpha[cut_window(alpha, random)].sum())
    assert kept >= LEAST_KEPT * float(alpha.sum())


def test_light_changes_and_stays_an_image() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    lit = [relit(pixels, np.random.default_rng(seed)) for seed in range(4)]
    assert {one.dtype for one in lit} == {np.dtype(np.uint8)}
    assert len({one.tobytes() for one in lit}) == 4


def test_training_sees_an_image_as_serving_does(tmp_path: Path) -> None:
    """Without augmentation the two roads into the network are one."""
    (image,) = write_pairs(tmp_path, 1)
    sample = read_sample(image, 512)
    trained = model_input(squeeze(sample, FAMILY_INPUT.height).pixels[None], FAMILY_INPUT)
    served = network_input(sample.pixels, FAMILY_INPUT)
    assert np.abs(trained[0] - served).max() < 1e-6


def test_a_centred_cut_has_the_product_near_its_middle() -> None:
    alpha = np.zeros((60, 80), np.float32)
    alpha[25:35, 45:55] = 1.0
    for seed in range(20):
        rows, columns = centred_window(alpha, np.random.default_rng(seed))
        kept = alpha[rows, columns]
        assert kept.sum() == alpha.sum()
        middle = [float(places.mean()) for places in np.nonzero(kept)]
        assert all(0.2 < m / side < 0.8 for m, side in zip(middle, kept.shape, strict=True))
