"""What every mask trust promises, for each stage file found in stages/trust."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.protocols import MaskTrust
from engine.types import Matte, RGBImage
from stages.context import BuildContext, StageIdentity

FOLDER = Path(__file__).resolve().parents[2] / "stages" / "trust"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
# Options under which a stage does more than by default.
EXTRA: dict[str, tuple[dict[str, object], ...]] = {
    "calibrated": ({"second_look": True}, {"second_look": "doubtful"}, {"threshold": 0.9})
}
CASES = [(name, options) for name in NAMES for options in ({}, *EXTRA.get(name, ()))]


class Darkness:
    """A segmenter: alpha is how dark the image is."""

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        return [
            Matte((1 - image.pixels.mean(2, dtype=np.float32) / 255).clip(0, 1).astype(np.float32))
            for image in images
        ]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def trust(request: pytest.FixtureRequest) -> Iterator[MaskTrust]:
    name, options = request.param
    stage = importlib.import_module(f"stages.trust.{name}")
    context = BuildContext(threads=2, segmenter=StageIdentity("grabcut"))
    yield stage.build(stage.Options.model_validate(options), context)


def photos(count: int) -> list[RGBImage]:
    """Dark boxes and scribbles on light backgrounds, all of different sizes."""
    made = []
    for seed in range(count):
        random = np.random.default_rng(seed)
        pixels = random.normal(220, 8, (60 + 7 * seed, 90 - 5 * seed, 3))
        for _ in range(1 + seed % 3):
            y, x = random.integers(0, 40, 2)
            pixels[y : y + random.integers(5, 40), x : x + random.integers(5, 40)] = 40
        made.append(RGBImage(pixels.clip(0, 255).astype(np.uint8), f"{seed}.png"))
    return made


def asked(trust: MaskTrust, images: Sequence[RGBImage]) -> np.ndarray:
    segmenter = Darkness()
    return trust.trust(images, segmenter.segment(images), segmenter)


def test_the_folder_holds_the_stages_of_the_issue() -> None:
    assert {"none", "calibrated"} <= set(NAMES)


def test_it_is_a_mask_trust_with_a_threshold_that_is_a_probability(trust: MaskTrust) -> None:
    assert isinstance(trust, MaskTrust)
    assert 0.0 <= trust.threshold <= 1.0


def test_no_images_have_no_trust(trust: MaskTrust) -> None:
    found = trust.trust([], [], Darkness())
    assert found.shape == (0,) and found.dtype == np.float32


def test_every_matte_has_a_probability(trust: MaskTrust) -> None:
    found = asked(trust, photos(7))
    assert found.shape == (7,) and found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()


def test_the_order_is_kept_and_the_batch_changes_nothing(trust: MaskTrust) -> None:
    images = photos(6)
    together = asked(trust, images)
    np.testing.assert_allclose(asked(trust, images[::-1])[::-1], together, atol=1e-6)
    alone = [float(asked(trust, [image])[0]) for image in images]
    np.testing.assert_allclose(alone, together, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (700, 33)])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_any_shape_and_any_flat_matte_is_survived(
    trust: MaskTrust, shape: tuple[int, int], alpha: float
) -> None:
    image = RGBImage(np.full((*shape, 3), 128, np.uint8))
    (found,) = trust.trust([image], [Matte(np.full(shape, alpha, np.float32))], Darkness())
    assert 0.0 <= found <= 1.0


def test_what_is_used_instead_has_the_mattes_shape(trust: MaskTrust) -> None:
    images = photos(3)
    for image, matte in zip(images, Darkness().segment(images), strict=True):
        assert trust.instead(image, matte).alpha.shape == matte.alpha.shape


def test_images_and_mattes_are_left_as_they_were(trust: MaskTrust) -> None:
    (image,) = photos(1)
    (matte,) = Darkness().segment([image])
    pixels, alpha = image.pixels.copy(), matte.alpha.copy()
    trust.trust([image], [matte], Darkness())
    np.testing.assert_array_equal(image.pixels, pixels)
    np.testing.assert_array_equal(matte.alpha, alpha)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused(name: str) -> None:
    stage = importlib.import_module(f"stages.trust.{name}")
    with pytest.raises(ValueError, match="extra"):
        stage.Options.model_validate({"no_such_option": 1})
