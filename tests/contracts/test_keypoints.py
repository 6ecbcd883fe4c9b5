"""What every stage of keypoints promises, for each stage file found in stages/keypoints."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.keypoints import KeypointMatch, Keypoints
from engine.protocols import KeypointMatcher
from engine.types import Matte, RGBImage
from stages.context import BuildContext
from tests.drawn_labels import HEIGHT, WIDTH, drawing, label

FOLDER = Path(__file__).resolve().parents[2] / "stages" / "keypoints"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
# "none" detects nothing and is no part at all.
DETECTING = [name for name in NAMES if name != "none"]


@cache
def matcher(name: str, threads: int = 1) -> KeypointMatcher:
    stage = importlib.import_module(f"stages.keypoints.{name}")
    built = stage.build(stage.Options(), BuildContext(threads=threads))
    assert isinstance(built, KeypointMatcher)
    return built


@cache
def found_in(stage: KeypointMatcher, image: RGBImage, matte: Matte | None = None) -> Keypoints:
    (found,) = stage.detect([image], [matte])
    return found


def matched(stage: KeypointMatcher, query: RGBImage, candidate: RGBImage) -> KeypointMatch:
    """A photo with an image of a gallery."""
    stored = found_in(stage, candidate).as_stored()
    (tentative,) = stage.match(found_in(stage, query), [stored])
    match = tentative.verify()
    assert match.inliers <= tentative.at_most
    return match


def same(one: Keypoints, other: Keypoints) -> bool:
    return np.array_equal(one.geometry, other.geometry) and np.array_equal(
        one.descriptors, other.descriptors
    )


@cache
def altered(image: RGBImage, how: str) -> RGBImage:
    """``how``: a name of ``PLACES``, below."""
    pixels = image.pixels
    if how == "turned":
        pixels = pixels[::-1, ::-1]
    elif how == "mirrored":
        pixels = pixels[:, ::-1]
    elif how == "half size":
        pixels = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    elif how == "larger frame":
        pixels = cv2.copyMakeBorder(pixels, 200, 0, 100, 0, cv2.BORDER_CONSTANT, value=(90,) * 3)
    return RGBImage(np.ascontiguousarray(pixels).astype(np.uint8), f"{image.uri}, {how}")


LONGER = max(HEIGHT, WIDTH)
# Where a place of the image lies in the altered one: both in fractions of the longer side.
PLACES = {
    "same": lambda x, y: (x, y),
    "turned": lambda x, y: (WIDTH / LONGER - x, HEIGHT / LONGER - y),
    "mirrored": lambda x, y: (WIDTH / LONGER - x, y),
    "half size": lambda x, y: (x, y),
    "larger frame": lambda x, y: ((x * LONGER + 100) / 500, (y * LONGER + 200) / 500),
}


def test_the_folder_holds_sift_and_none() -> None:
    assert {"none", "sift"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused(name: str) -> None:
    stage = importlib.import_module(f"stages.keypoints.{name}")
    with pytest.raises(ValueError, match="extra"):
        stage.Options.model_validate({"no_such_option": 1})


def test_none_is_no_part() -> None:
    stage = importlib.import_module("stages.keypoints.none")
    assert stage.build(stage.Options(), BuildContext()) is None


@pytest.fixture(scope="module", params=DETECTING)
def stage(request: pytest.FixtureRequest) -> KeypointMatcher:
    return matcher(request.param)


def test_it_has_a_number_of_hits_and_a_weight(stage: KeypointMatcher) -> None:
    assert stage.checked >= 0
    assert stage.least >= 1
    assert stage.weight >= 0


def test_no_images_have_no_keypoints_and_no_candidates_no_matches(stage: KeypointMatcher) -> None:
    assert stage.detect([], []) == []
    assert stage.match(found_in(stage, label(0)), []) == []


def test_a_label_has_keypoints_within_its_image(stage: KeypointMatcher) -> None:
    image = label(0)
    found = found_in(stage, image)
    assert len(found) > 50
    x, y = found.places.T
    assert ((x >= 0) & (x <= 1) & (y >= 0) & (y <= image.height / image.width + 1e-3)).all()
    assert (found.geometry[:, 2] > 0).all()


def test_a_gallery_stores_at_most_12_kilobytes_an_image(stage: KeypointMatcher) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (480, 480, 3), np.uint8)
    for image in (label(0), RGBImage(noise)):
        assert len(found_in(stage, image).as_stored().to_bytes()) <= 12_000


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (16, 16), (300, 400)])
def test_an_image_of_one_colour_has_none_and_matches_nothing(
    stage: KeypointMatcher, shape: tuple[int, int]
) -> None:
    for value in (0, 128, 255):
        blank = RGBImage(np.full((*shape, 3), value, np.uint8))
        assert len(found_in(stage, blank)) == 0
        assert matched(stage, blank, label(0)).inliers == 0
        assert matched(stage, label(0), blank).inliers == 0
    assert matched(stage, blank, blank).inliers == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (7, 3000)])
def test_images_of_any_shape_are_survived(stage: KeypointMatcher, shape: tuple[int, int]) -> None:
    noise = RGBImage(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8))
    assert (
        found_in(stage, noise).descriptors.shape[1]
        == found_in(stage, label(0)).descriptors.shape[1]
    )
    assert matched(stage, noise, label(0)).inliers <= stage.least


def test_the_same_image_has_the_same_keypoints_and_matches(stage: KeypointMatcher) -> None:
    (anew,) = stage.detect([label(0)], [None])
    assert same(anew, found_in(stage, label(0)))
    once, twice = (matched(stage, label(0), altered(label(0), "turned")) for _ in range(2))
    np.testing.assert_array_equal(once.places, twice.places)


@pytest.mark.parametrize("name", DETECTING)
@pytest.mark.parametrize("threads", [1, 3])
def test_the_batch_and_the_threads_change_no_evidence(name: str, threads: int) -> None:
    alone, stage = matcher(name), matcher(name, threads)
    images = [label(0), label(1, 150, 300), altered(label(2), "turned")]
    images.append(RGBImage(np.full((9, 9, 3), 255, np.uint8)))
    together = stage.detect(images, [None] * 4)
    assert all(
        same(one, found_in(alone, image)) for one, image in zip(together, images, strict=True)
    )
    query = found_in(alone, label(0))
    candidates = [one.as_stored() for one in together] * 7
    singles = [alone.match(query, [candidate])[0] for candidate in candidates[:4]] * 7
    for one, single in zip(stage.match(query, candidates), singles, strict=True):
        # What is no evidence may be compared less where another candidate matches.
        if single.verify().inliers >= 2 * stage.least:
            np.testing.assert_array_equal(one.verify().places, single.verify().places)
        else:
            assert one.verify().inliers <= single.verify().inliers


@pytest.mark.parametrize("seed", range(3))
def test_an_image_matches_itself_with_nearly_all_places(stage: KeypointMatcher, seed: int) -> None:
    stored = found_in(stage, label(seed)).as_stored()
    match = matched(stage, label(seed), label(seed))
    # Two keypoints of one place are one match.
    distinct = len(np.unique(np.rint(stored.places * 240), axis=0))
    assert match.inliers >= 0.8 * distinct
    assert match.share > 0.9
    assert match.area > 0.5
    assert match.residual < 1 / 480
    assert not match.mirrored


@pytest.mark.parametrize("how", list(PLACES))
@pytest.mark.parametrize("seed", range(3))
def test_an_altered_copy_matches_and_its_places_are_those_of_the_image(
    stage: KeypointMatcher, seed: int, how: str
) -> None:
    match = matched(stage, altered(label(seed), how), label(seed))
    assert match.inliers > 4 * stage.least
    assert match.mirrored is (how == "mirrored")
    ours, theirs = match.places[:, :2], match.places[:, 2:]
    expected = np.stack(PLACES[how](*theirs.T), axis=1)
    assert np.median(np.linalg.norm(ours - expected, axis=1)) < 2 / 480
    assert 0 <= match.share <= 1 and 0 <= match.area <= 1 and match.residual < 8 / 480


@pytest.mark.parametrize("seed", range(6))
def test_an_unrelated_image_gives_no_evidence(stage: KeypointMatcher, seed: int) -> None:
    assert matched(stage, drawing(seed), label(seed)).inliers <= stage.least
    assert matched(stage, label(seed), drawing(seed)).inliers <= stage.least
    assert matched(stage, drawing(seed), drawing(seed + 10)).inliers <= stage.least


@pytest.mark.parametrize("seed", range(6))
def test_other_words_in_the_same_letters_give_hardly_any(stage: KeypointMatcher, seed: int) -> None:
    assert matched(stage, label(seed), label(seed + 10)).inliers < 2 * stage.least


def test_the_label_is_told_from_others_in_one_batch(stage: KeypointMatcher) -> None:
    candidates = [found_in(stage, label(seed)).as_stored() for seed in range(5)]
    found = stage.match(found_in(stage, altered(label(3), "half size")), candidates)
    inliers = [one.verify().inliers for one in found]
    assert int(np.argmax(inliers)) == 3
    assert max(inliers[:3] + inliers[4:]) < 2 * stage.least


def test_a_matte_keeps_keypoints_within_its_box(stage: KeypointMatcher) -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[100:200, 150:350] = 1
    inside = found_in(stage, label(0), Matte(alpha))
    assert len(inside) > 0
    x, y = inside.places.T * LONGER
    margin = 0.1 * 200
    assert ((x > 150 - margin) & (x < 350 + margin)).all()
    assert ((y > 100 - margin) & (y < 200 + margin)).all()
    whole = found_in(stage, label(0), Matte(np.zeros((HEIGHT, WIDTH), np.float32)))
    assert len(whole) > len(inside)


def test_keypoints_survive_their_bytes_and_their_arrays_are_read_only(
    stage: KeypointMatcher,
) -> None:
    found = found_in(stage, label(0))
    assert same(Keypoints.from_bytes(found.to_bytes()), found)
    for array in (found.geometry, found.descriptors):
        assert not array.flags.writeable


def test_words_are_shared_by_views_of_one_label(stage: KeypointMatcher) -> None:
    vocabulary = stage.vocabulary
    assert vocabulary.identity == stage.vocabulary.identity
    found = found_in(stage, label(0))
    many = vocabulary.words(found, 4)
    assert many.shape == (len(found), 4)
    assert many.min() >= 0 and many.max() < vocabulary.size
    np.testing.assert_array_equal(many[:, :1], vocabulary.words(found))
    assert vocabulary.words(Keypoints.none(found.descriptors.shape[1]), 4).shape == (0, 4)

    def shared(image: RGBImage) -> int:
        return len(set(many[:, 0].tolist()) & set(vocabulary.words(found_in(stage, image))[:, 0]))

    assert shared(altered(label(0), "half size")) > 2 * shared(drawing(0))


def test_images_and_keypoints_are_left_as_they_were(stage: KeypointMatcher) -> None:
    image = label(0)
    pixels = image.pixels.copy()
    (query,) = stage.detect([image], [None])
    before = query.to_bytes()
    candidates = [found_in(stage, label(1)), query.as_stored()]
    stage.match(query, candidates)[1].verify()
    np.testing.assert_array_equal(image.pixels, pixels)
    assert query.to_bytes() == before
    assert candidates[1].to_bytes() == query.as_stored().to_bytes()
