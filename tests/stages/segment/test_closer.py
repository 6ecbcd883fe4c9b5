"""A closer look at small products, over a segmenter whose masks are made by the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from engine.config import load
from engine.errors import ConfigError
from engine.quality import assess
from engine.types import BoolArray, Matte, RGBImage
from stages.assemble import assemble
from stages.profiles import read_profile
from stages.segment._closer import SMALL, Closer, closer
from tests.hard_photos import far_away

SIDE = 400
Mask = Callable[[RGBImage], BoolArray]


def photo(box: tuple[int, int, int, int], side: int = SIDE) -> RGBImage:
    """A black product on white."""
    pixels = np.full((side, side, 3), 255, np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = 0
    return RGBImage(pixels)


def exact(image: RGBImage) -> BoolArray:
    return np.asarray(image.pixels[:, :, 0] == 0)


def coarse(image: RGBImage) -> BoolArray:
    """In cells of a twentieth of the frame, as a segmenter that sees a reduced image."""
    cell = max(1, max(image.height, image.width) // 20)
    mask = exact(image)
    for y in range(0, image.height, cell):
        for x in range(0, image.width, cell):
            mask[y : y + cell, x : x + cell] = mask[y : y + cell, x : x + cell].any()
    return mask


@dataclass
class Masks:
    """Gives ``whole`` of images of the full size and ``near`` of crops; notes the crops."""

    whole: Mask = coarse
    near: Mask = coarse
    crops: list[RGBImage] = field(default_factory=list)

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        self.crops += [image for image in images if image.width < SIDE]
        return [
            Matte((self.near if image.width < SIDE else self.whole)(image).astype(np.float32))
            for image in images
        ]


def iou(matte: Matte, mask: BoolArray) -> float:
    found = matte.alpha >= 0.5
    return float((found & mask).sum() / (found | mask).sum())


@pytest.mark.parametrize("box", [(207, 156, 243, 188), (5, 5, 45, 31), (365, 364, 400, 400)])
def test_a_small_product_is_masked_better_in_a_crop(box: tuple[int, int, int, int]) -> None:
    image = photo(box)
    (matte,) = Closer(Masks()).segment([image])
    (once,) = Masks().segment([image])
    assert iou(matte, exact(image)) > iou(once, exact(image)) + 0.1
    assert matte.precise and not assess(matte).empty


def test_a_large_product_and_an_empty_image_are_segmented_once() -> None:
    masks = Masks()
    images = [photo((50, 50, 250, 250)), photo((0, 0, 0, 0))]
    mattes = Closer(masks).segment(images)
    assert not masks.crops and not any(matte.precise for matte in mattes)


def test_a_number_looks_at_larger_products_again_but_never_at_the_whole_frame_twice() -> None:
    image, fills = photo((82, 71, 244, 236)), photo((20, 20, 380, 380))
    masks = Masks()
    matte, unchanged = Closer(masks, largest=1.0).segment([image, fills])
    once = Closer(Masks(), largest=0.4).segment([image, fills])
    assert len(masks.crops) == 1 and not unchanged.precise
    assert iou(matte, exact(image)) > iou(once[0], exact(image))


def test_the_setting_is_a_switch_or_the_largest_fraction_of_the_frame() -> None:
    def fingerprint(*flags: str) -> str:
        return assemble(load(read_profile("classic"), env={}, flags=flags)).fingerprint

    own, larger = fingerprint(), fingerprint("images.closer_look=0.6")
    assert fingerprint("images.closer_look=true") == own != larger
    assert isinstance(closer(Masks(), True), Closer) and closer(Masks(), True).largest == SMALL
    assert closer(Masks(), 0.6).largest == 0.6
    with pytest.raises(ConfigError, match=r"closer_look = 1\.5: .*; or .* 1\.$"):
        load(read_profile("classic"), env={}, flags=["images.closer_look=1.5"])


def test_images_of_a_batch_are_looked_at_as_one_by_one() -> None:
    images = [photo((50, 50, 250, 250)), photo((200, 150, 240, 190)), photo((10, 20, 60, 70))]
    together = Closer(Masks()).segment(images)
    for image, matte in zip(images, together, strict=True):
        (alone,) = Closer(Masks()).segment([image])
        np.testing.assert_array_equal(matte.alpha, alone.alpha)


@pytest.mark.parametrize(
    "near",
    [
        lambda image: np.zeros((image.height, image.width), np.bool_),
        lambda image: np.ones((image.height, image.width), np.bool_),
        lambda image: np.arange(image.width)[None, :].repeat(image.height, 0) < image.width // 4,
    ],
    ids=["nothing", "everything", "at the border"],
)
def test_a_worse_mask_of_the_crop_is_not_used(near: Mask) -> None:
    image = photo((200, 150, 240, 190))
    (matte,) = Closer(Masks(near=near)).segment([image])
    (once,) = Masks().segment([image])
    np.testing.assert_array_equal(matte.alpha, once.alpha)
    assert not matte.precise


def test_another_object_of_the_crop_is_not_used() -> None:
    def beside(image: RGBImage) -> BoolArray:
        mask = np.zeros((image.height, image.width), np.bool_)
        mask[5:20, 5:20] = True
        return mask

    image = photo((200, 150, 240, 190))
    (matte,) = Closer(Masks(near=beside)).segment([image])
    assert not matte.precise and iou(matte, coarse(image)) == 1.0


def test_remembered_mattes_stay_precise() -> None:
    image = far_away(100, (200, 40, 40))
    for _ in range(2):
        kept = assemble(read_profile("classic"), keep_mattes=True).describer.cutting
        (matte,) = kept.segmenter.segment([image])
        assert matte.precise and not assess(matte).empty
