"""How large an image keypoints are found in."""

from __future__ import annotations

import cv2
import numpy as np

from engine.types import RGBImage
from stages.context import BuildContext
from stages.keypoints.sift import Options, build
from tests.drawn_labels import label


def enlarged(image: RGBImage, longer: int) -> RGBImage:
    scale = longer / max(image.width, image.height)
    size = round(image.width * scale), round(image.height * scale)
    return RGBImage(np.asarray(cv2.resize(image.pixels, size, interpolation=cv2.INTER_CUBIC)))


def inliers(query: RGBImage, catalogue: RGBImage, stored: Options) -> int:
    (ours,) = build(Options(), BuildContext()).detect([query], [None])
    (theirs,) = build(stored, BuildContext()).detect([catalogue], [None])
    (match,) = build(Options(), BuildContext()).match(ours, [theirs.as_stored()])
    return match.verify().inliers


def test_a_gallery_that_was_described_at_twice_the_size_matches() -> None:
    """Until 0.1.0 OpenCV doubled an image of ``side``; now half of it."""
    photo, other = enlarged(label(3), 1000), enlarged(label(4), 1000)
    before = Options(side=960)
    assert inliers(photo, photo, before) >= 60
    assert inliers(photo, other, before) < 10


def test_no_keypoint_of_a_large_image_is_smaller_than_the_side_shows() -> None:
    (found,) = build(Options(), BuildContext()).detect([enlarged(label(3), 1000)], [None])
    (fine,) = build(Options(side=960), BuildContext()).detect([enlarged(label(3), 1000)], [None])
    assert found.geometry[:, 2].min() > 1.5 * fine.geometry[:, 2].min()
