"""Mattes that a caller gives: exact, in place of all that finds a mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from engine.describe import Describer
from engine.types import Matte, RGBImage
from tests.engine.fake_parts import fake_describer, plain_image
from tests.engine.test_describe_trust import Halving, LeftSegmenter, Seeing, TrustsRed

RED, BLUE = plain_image(255), plain_image(0, 0, 255)


class Counting(LeftSegmenter):
    def __init__(self) -> None:
        self.segmented = 0

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        self.segmented += len(images)
        return super().segment(images)


def describer(**parts: object) -> Describer:
    return replace(fake_describer(), **parts)  # type: ignore[arg-type]


def matte_of(image: RGBImage, value: float = 1.0) -> Matte:
    alpha = np.zeros((image.height, image.width), np.float32)
    alpha[1:-1, image.width // 2 : -1] = value
    return Matte(alpha, precise=True)


def test_a_given_matte_is_used_as_it_is() -> None:
    segmenter, cutter, trust = Counting(), Seeing(), TrustsRed()
    given = matte_of(BLUE, 0.75)
    parts = describer(segmenter=segmenter, cutter=cutter, trust=trust, matting=Halving())
    (described,) = parts.describe([BLUE], mattes=[given])
    assert segmenter.segmented == 0 and trust.mattes == []
    assert cutter.mattes == [given]
    assert described.trust == 1.0 and not described.description.quality.untrusted
    half = described.description.contour.mask()
    assert half[64, 96] and not half[64, 32]


def test_images_without_a_given_matte_are_described_as_without_any() -> None:
    parts = describer(segmenter=LeftSegmenter(), trust=TrustsRed(), matting=Halving())
    _, second = parts.describe([BLUE, RED], mattes=[matte_of(BLUE), None])
    (alone,) = parts.describe([RED])
    assert second.trust == alone.trust
    assert second.description.contour.packed.tolist() == alone.description.contour.packed.tolist()
    np.testing.assert_array_equal(
        second.description.embedding.vector, alone.description.embedding.vector
    )


def test_a_given_matte_wins_over_own_alpha() -> None:
    alpha = np.zeros((RED.height, RED.width), np.uint8)
    alpha[2:-2, 2:-2] = 255
    image = RGBImage(RED.pixels.copy(), "own", alpha=alpha)
    parts = describer(alpha=True)
    (own,) = parts.describe([image])
    (given,) = parts.describe([image], mattes=[matte_of(image)])
    assert own.description.quality.own_alpha and not given.description.quality.own_alpha
    assert own.description.contour.area != given.description.contour.area


def test_a_whole_frame_is_flagged_so_that_its_contour_is_not_compared() -> None:
    whole = Matte(np.ones((RED.height, RED.width), np.float32))
    (described,) = describer(segmenter=LeftSegmenter()).describe([RED], mattes=[whole])
    assert described.description.quality.nearly_everything
    assert not described.description.quality.no_product


def test_the_pieces_of_a_given_matte_are_one_product() -> None:
    alpha = np.zeros((RED.height, RED.width), np.float32)
    alpha[1:-1, 1 : RED.width // 3] = alpha[1:-1, -RED.width // 3 : -1] = 1
    (described,) = describer().describe([RED], mattes=[Matte(alpha)])
    assert described.description.quality.flags == ()


def test_a_matte_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="matte"):
        describer().describe([RED], mattes=[Matte(np.ones((3, 5), np.float32))])
    with pytest.raises(ValueError, match="zip"):
        describer().describe([RED], mattes=[])
