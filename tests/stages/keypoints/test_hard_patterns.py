"""Images with many keypoints and nothing to tell products by: lawns, one logo again and again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from engine.types import RGBImage
from stages.context import BuildContext
from stages.keypoints.sift import Options, Sift, build
from tests.drawn_labels import label


@pytest.fixture(scope="module")
def stage() -> Sift:
    return build(Options(), BuildContext())


def lawn(seed: int) -> RGBImage:
    noise = np.random.default_rng(seed).integers(0, 256, (700, 700, 3)).astype(np.uint8)
    return RGBImage(np.ascontiguousarray(cv2.GaussianBlur(noise, (0, 0), 1.5)))


def wall(shift: int = 0) -> RGBImage:
    """One logo forty times."""
    logo = np.full((60, 100, 3), 255, np.uint8)
    cv2.putText(logo, "LOGO", (5, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (200, 30, 30), 3)
    return RGBImage(np.ascontiguousarray(np.roll(np.tile(logo, (8, 5, 1)), shift, axis=1)))


def places(stage: Sift, query: RGBImage, candidate: RGBImage) -> int:
    ours, theirs = stage.detect([query, candidate], [None, None])
    (match,) = stage.match(ours, [theirs.as_stored()])
    return match.verify().inliers


def test_a_lawn_has_no_more_keypoints_than_are_kept_and_matches_no_other(stage: Sift) -> None:
    (found,) = stage.detect([lawn(1)], [None])
    assert len(found) <= Options().most
    assert len(found.as_stored().to_bytes()) <= 12_000
    assert places(stage, lawn(1), lawn(2)) <= stage.least
    assert places(stage, lawn(1), lawn(1)) > 4 * stage.least


def test_one_logo_forty_times_is_no_evidence_for_another_label(stage: Sift) -> None:
    for seed in range(3):
        assert places(stage, wall(), label(seed)) <= stage.least
        assert places(stage, label(seed), wall()) <= stage.least


def test_places_of_a_repeated_logo_are_not_counted_as_if_each_were_evidence(stage: Sift) -> None:
    """Each looks like forty others, so that none is known to lie where it should."""
    (found,) = stage.detect([wall()], [None])
    assert places(stage, wall(shift=37), wall()) < len(found.as_stored()) / 2
