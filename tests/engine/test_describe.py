"""Images to descriptions: order, labels, batches and the error of a failing stage."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from engine.errors import ImageError, StageError
from engine.keypoints import Keypoints
from engine.protocols import Embedder, KeypointMatcher
from engine.timings import Stopwatch
from engine.types import CategoryScores, Cutout, FloatArray, Matte, RGBImage
from tests.engine.fake_parts import ByBrightness, MeanColour, fake_describer, plain_image


def test_descriptions_keep_the_order_and_a_batch_changes_nothing() -> None:
    images = [plain_image(red) for red in (10, 200, 90)]
    together = [one.description for one in fake_describer().describe(images)]
    alone = [fake_describer().describe([image])[0].description for image in images]
    for left, right, image in zip(together, alone, images, strict=True):
        np.testing.assert_array_equal(left.embedding.vector, right.embedding.vector)
        assert left.embedding.vector[0] == image.pixels[0, 0, 0]
        assert left.scores.ranked() == right.scores.ranked()


def test_no_image_has_no_description() -> None:
    assert fake_describer().describe([]) == []


def test_a_labelled_image_is_not_classified() -> None:
    classifier = ByBrightness()
    describer = replace(fake_describer(), classifier=classifier)
    images = [plain_image(255, 255, 255), plain_image(0), plain_image(250, 250, 250)]
    found = describer.describe(images, ["dark", None, None])
    assert [one.description.scores.top for one in found] == ["dark", "dark", "light"]
    assert found[0].description.scores.ranked() == [("dark", 1.0)]
    assert classifier.asked == 2
    describer.describe(images, ["a", "b", "c"])
    assert classifier.asked == 2


def test_labels_must_be_aligned() -> None:
    with pytest.raises((StageError, ValueError)):
        fake_describer().describe([plain_image(1), plain_image(2)], ["jar"])


def test_every_stage_is_timed() -> None:
    watch = Stopwatch()
    fake_describer().describe([plain_image(1)], watch=watch)
    assert list(watch.seconds) == ["segment", "cutout", "embed", "classify", "outline"]
    assert all(seconds >= 0 for seconds in watch.seconds.values())


class Halves:
    """Keypoints that are found while the embedder works; breaks where they are not."""

    def __init__(self) -> None:
        self.meeting = threading.Barrier(2, timeout=60)

    def detect(self, images: Sequence[RGBImage], mattes: Sequence[Matte | None]) -> list[Keypoints]:
        self.meeting.wait()
        return [Keypoints.none() for _ in images]

    @property
    def embedder(self) -> Embedder:
        halves = self

        class Waiting(MeanColour):
            def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
                halves.meeting.wait()
                return super().embed(cutouts)

        return Waiting()


def test_print_is_found_while_one_photo_is_embedded() -> None:
    halves = Halves()
    describer = replace(
        fake_describer(),
        embedder=halves.embedder,
        keypoints=cast("KeypointMatcher", halves),
        threads=2,
    )
    watch = Stopwatch()
    (found,) = describer.describe([plain_image(9)], watch=watch)
    assert found.description.keypoints is not None
    assert list(watch.seconds) == [
        *["segment", "cutout", "embed", "classify", "outline", "keypoints"],
    ]


@pytest.mark.parametrize("threads", [1, 2])
def test_of_two_stages_that_break_at_once_the_first_is_named(threads: int) -> None:
    describer = replace(
        fake_describer(),
        classifier=Broken(ValueError("bad news")),
        keypoints=cast("KeypointMatcher", BrokenKeypoints()),
        threads=threads,
    )
    with pytest.raises(StageError, match=r"a\.jpg: classify failed: ValueError: bad news"):
        describer.describe([plain_image(9, uri="a.jpg")])
    alone = replace(describer, classifier=ByBrightness())
    with pytest.raises(StageError, match=r"a\.jpg: keypoints failed: ValueError: worse"):
        alone.describe([plain_image(9, uri="a.jpg")])


class BrokenKeypoints:
    def detect(self, images: Sequence[RGBImage], mattes: Sequence[Matte | None]) -> list[Keypoints]:
        raise ValueError("worse")


class Broken:
    categories = None

    def __init__(self, error: Exception) -> None:
        self._error = error

    def classify(self, cutouts: Sequence[Cutout], embeddings: FloatArray) -> list[CategoryScores]:
        raise self._error


def describe_with(error: Exception, images: Sequence[RGBImage]) -> None:
    replace(fake_describer(), classifier=Broken(error)).describe(images)


def test_a_stage_that_breaks_is_named_with_the_first_image() -> None:
    images = [plain_image(1, uri="a.jpg"), plain_image(2, uri="b.jpg")]
    with pytest.raises(StageError) as caught:
        describe_with(ValueError("bad\nnews"), images)
    assert str(caught.value) == "a.jpg: classify failed: ValueError: bad"
    assert isinstance(caught.value.__cause__, ValueError)


def test_our_own_errors_and_ctrl_c_pass_through() -> None:
    with pytest.raises(ImageError):
        describe_with(ImageError("a.jpg", "is odd"), [plain_image(1)])
    with pytest.raises(KeyboardInterrupt):
        describe_with(KeyboardInterrupt(), [plain_image(1)])  # type: ignore[arg-type]
