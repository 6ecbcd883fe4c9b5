"""What a matting network sees while it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offline.train.matting.batches import BatchMaker, augmented, drawn_widths, worn
from stages.matting._encoding import CHANNELS, MEAN, STD, WITH_SALIENCY
from tests.offline.train.matting.matting_data import stored_pairs


@pytest.mark.parametrize(("with_saliency", "channels"), [(True, WITH_SALIENCY), (False, CHANNELS)])
def test_a_batch_holds_what_one_step_needs(
    tmp_path: Path, with_saliency: bool, channels: int
) -> None:
    pairs, store = stored_pairs(tmp_path)
    maker = BatchMaker(pairs, store, 64, with_saliency)
    batch = maker.batch(np.array([0, 2, 3]), np.random.default_rng(0))
    assert batch.inputs.shape == (3, channels, 64, 64)
    assert batch.alpha.shape == batch.unknown.shape == (3, 1, 64, 64)
    for part in (batch.inputs, batch.alpha, batch.picture, batch.unknown):
        assert part.dtype == np.float32 and np.isfinite(part).all()
    assert set(np.unique(batch.unknown)) <= {0.0, 1.0}
    # The image in [0, 1] is the one whose normalised colours go in.
    colours = batch.inputs[:, :3].transpose(0, 2, 3, 1) * STD + MEAN
    np.testing.assert_allclose(colours, batch.picture.transpose(0, 2, 3, 1), atol=1e-5)


def test_a_batch_is_a_function_of_its_generator(tmp_path: Path) -> None:
    pairs, store = stored_pairs(tmp_path)
    maker = BatchMaker(pairs, store, 32, True)
    one, two, other = (
        maker.batch(np.array([1, 2]), np.random.default_rng(seed)).inputs for seed in (5, 5, 6)
    )
    # To rounding: OpenCV's exponentials differ in the last bit with where an array lies in memory.
    np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
    assert np.abs(one - other).max() > 0.01


def test_image_and_matte_stay_aligned(tmp_path: Path) -> None:
    """An augmented matte marks the same pixels as the image made of it."""
    pairs, store = stored_pairs(tmp_path)
    sample = store.sample(pairs[0])
    marked = np.repeat(np.rint(sample.alpha * 255).astype(np.uint8)[..., None], 3, 2)
    reported = type(sample)(marked, sample.alpha, sample.saliency)
    for seed in range(5):
        found = augmented(reported, 96, np.random.default_rng(seed))
        seen = found.pixels.astype(np.float32).mean(axis=2)
        assert np.corrcoef(seen.ravel(), found.alpha.ravel())[0, 1] > 0.99


def test_worn_mattes_are_mattes_and_wrong_in_places() -> None:
    alpha = np.zeros((80, 70), np.float32)
    alpha[20:60, 20:50] = 1.0
    wrong = []
    for seed in range(20):
        found = worn(alpha, np.random.default_rng(seed))
        assert found.shape == alpha.shape and found.min() >= 0.0 and found.max() <= 1.0
        wrong.append(float(np.abs(found - alpha).mean()))
    assert max(wrong) > 0.02 and min(wrong) < 0.02


def test_drawn_bands_reach_from_narrow_to_wide() -> None:
    random = np.random.default_rng(0)
    reaches = [drawn_widths(random).dilate for _ in range(200)]
    assert min(reaches) < 0.1 and max(reaches) > 0.5
