"""A closer look at small products: segmented again in an enlarged crop round what was found.

A segmenter sees the image reduced to 128 to 320 pixels, where a product of a tenth of the frame is
a few cells of mask, and may be taken for nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.contours import product_box
from engine.protocols import Segmenter
from engine.quality import BORDER_FRACTION, THRESHOLD, assess
from engine.types import Box, Matte, RGBImage

# The longer side of the found box as a fraction of the frame's. Below the first there is dirt.
SMALLEST, SMALL = 0.04, 0.3

# Side of the crop as a multiple of the box's longer side: background on all sides, of a small
# product more, whose first box may be cells off.
ENLARGED, ENLARGED_LESS = 2.5, 1.8

# Two boxes that share at least this fraction of the smaller one show the same object.
SHARED = 0.5


@dataclass(frozen=True)
class Closer:
    """Segments as ``segmenter``, twice where the product is small; by the better mask.

    ``largest``: the longer side of what is small, as a fraction of the frame's.
    """

    segmenter: Segmenter
    largest: float = SMALL

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        mattes = self.segmenter.segment(images)
        boxes, crops = dict[int, Box](), dict[int, Box]()
        for place, (image, matte) in enumerate(zip(images, mattes, strict=True)):
            box = _small_box(matte, self.largest)
            if box is not None and (crop := _around(box, image)) != (0, 0, *_size(image)):
                boxes[place], crops[place] = box, crop
        if not crops:
            return mattes
        cropped = [_cropped(images[place], crop) for place, crop in crops.items()]
        for (place, crop), near in zip(crops.items(), self.segmenter.segment(cropped), strict=True):
            if _is_better(near, crop, boxes[place], images[place]):
                mattes[place] = _in_frame(near, crop, mattes[place])
        return mattes


def closer(segmenter: Segmenter, look: bool | float) -> Closer:
    """By the setting ``[images] closer_look``, which is not false."""
    return Closer(segmenter, SMALL if look is True else look)


def _small_box(matte: Matte, largest: float) -> Box | None:
    """The box of what was found, where it is small."""
    box = product_box(matte)
    if box is None:
        return None
    fraction = max(box[2] - box[0], box[3] - box[1]) / max(matte.alpha.shape)
    return box if SMALLEST <= fraction <= largest else None


def _around(box: Box, image: RGBImage) -> Box:
    """A square round the centre of the box, within the frame."""
    x1, y1, x2, y2 = box
    longer = max(x2 - x1, y2 - y1)
    is_small = longer / max(_size(image)) <= SMALL
    half = round((ENLARGED if is_small else ENLARGED_LESS) * longer / 2)
    x, y = (x1 + x2) // 2, (y1 + y2) // 2
    return (
        max(0, x - half),
        max(0, y - half),
        min(image.width, x + half),
        min(image.height, y + half),
    )


def _size(image: RGBImage) -> tuple[int, int]:
    return image.width, image.height


def _cropped(image: RGBImage, crop: Box) -> RGBImage:
    x1, y1, x2, y2 = crop
    return RGBImage(np.ascontiguousarray(image.pixels[y1:y2, x1:x2]), image.uri)


def _is_better(near: Matte, crop: Box, found: Box, image: RGBImage) -> bool:
    """Whether the mask in the crop is whole, and of the object that was found."""
    quality, box = assess(near), product_box(near)
    if box is None or quality.empty or quality.nearly_everything or _is_cut(near, crop, image):
        return False
    x1, y1, x2, y2 = found
    left, top = crop[:2]
    across = min(x2, left + box[2]) - max(x1, left + box[0])
    down = min(y2, top + box[3]) - max(y1, top + box[1])
    smaller = min((x2 - x1) * (y2 - y1), (box[2] - box[0]) * (box[3] - box[1]))
    return max(0, across) * max(0, down) >= SHARED * smaller


def _is_cut(near: Matte, crop: Box, image: RGBImage) -> bool:
    """Whether the mask goes on beyond a side of the crop that is none of the image's."""
    x1, y1, x2, y2 = crop
    alpha, inner = near.alpha, (x1 > 0, y1 > 0, x2 < image.width, y2 < image.height)
    sides = (alpha[:, 0], alpha[0], alpha[:, -1], alpha[-1])
    ring = np.concatenate([line for line, kept in zip(sides, inner, strict=True) if kept])
    return float((ring >= THRESHOLD).mean()) >= BORDER_FRACTION


def _in_frame(near: Matte, crop: Box, whole: Matte) -> Matte:
    x1, y1, x2, y2 = crop
    alpha = np.zeros_like(whole.alpha)
    alpha[y1:y2, x1:x2] = near.alpha
    return Matte(alpha, precise=True)
