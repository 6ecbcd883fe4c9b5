"""A matcher of another kind is one file: it is built, checked and explained as SIFT is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.keypoints import Keypoints
from engine.protocols import KeypointMatcher
from engine.types import Hit, Record, RGBImage
from engine.verification import verified
from stages.context import BuildContext
from tests.drawn_labels import label
from tests.engine.made_descriptions import described
from tests.stages.keypoints.orb_matcher import Options, build


@pytest.fixture(scope="module")
def matcher() -> KeypointMatcher:
    built = build(Options(), BuildContext())
    assert isinstance(built, KeypointMatcher)
    return built


def found_in(matcher: KeypointMatcher, image: RGBImage) -> Keypoints:
    (found,) = matcher.detect([image], [None])
    return found


def test_the_printed_label_becomes_the_first_hit_with_its_reason(matcher: KeypointMatcher) -> None:
    hits = []
    for at in range(5):
        stored = Keypoints.from_bytes(found_in(matcher, label(at)).as_stored().to_bytes())
        description = replace(described((at, 1)), keypoints=stored)
        record = Record(at, "0" * 64, f"p{at}", "jar", True, f"{at}.png", {}, description)
        hits.append(Hit(record, at + 1, 1 - at / 10, at / 10))
    turned = RGBImage(np.ascontiguousarray(label(4).pixels[::-1, ::-1]))
    query = replace(described((0, 1)), keypoints=found_in(matcher, turned))
    first, *others = verified(query, hits, matcher)
    assert first.record.id == 4
    assert first.match is not None and first.match.inliers > 4 * matcher.least
    assert "matching places" in first.why
    assert [hit.record.id for hit in others] == [0, 1, 2, 3]


def test_an_image_of_one_colour_gives_no_evidence(matcher: KeypointMatcher) -> None:
    blank = found_in(matcher, RGBImage(np.full((40, 40, 3), 255, np.uint8)))
    (tentative,) = matcher.match(found_in(matcher, label(0)), [blank])
    assert (len(blank), tentative.at_most, tentative.verify().inliers) == (0, 0, 0)
