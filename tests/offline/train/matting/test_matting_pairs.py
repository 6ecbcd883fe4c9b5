"""Images, mattes and saliency maps that belong together, and those that do not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import ConfigError
from engine.types import Matte, RGBImage
from offline.datasets import DatasetImage
from offline.train.matting.pairs import SaliencyStore, pairs_of, save_grey
from tests.offline.train.matting.matting_data import images


class Halves:
    """Gives 0.5 everywhere, and counts its calls."""

    def __init__(self) -> None:
        self.asked = 0

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        self.asked += len(images)
        return [Matte(np.full((i.height, i.width), 0.5, np.float32)) for i in images]


def silent(done: int, total: int) -> None:
    pass


def test_a_sample_has_its_image_its_matte_and_its_saliency(tmp_path: Path) -> None:
    pairs = pairs_of(images("train", 2), "train")
    store = SaliencyStore(tmp_path)
    assert store.complete(pairs, Halves, silent) == pairs
    sample = store.sample(pairs[0])
    assert sample.pixels.shape[:2] == sample.alpha.shape == sample.saliency.shape
    with Image.open(pairs[0][1]) as matte:
        np.testing.assert_allclose(sample.alpha, np.asarray(matte, np.float32) / 255.0)
    np.testing.assert_allclose(sample.saliency, 128 / 255)


def test_only_what_is_missing_is_segmented(tmp_path: Path) -> None:
    pairs = pairs_of(images("train", 3), "train")
    store, segmenter = SaliencyStore(tmp_path), Halves()
    store.complete(pairs[:2], lambda: segmenter, silent)
    store.complete(pairs, lambda: segmenter, silent)
    assert segmenter.asked == 3


def test_what_cannot_be_read_is_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (good,) = pairs_of(images("train", 1), "train")
    damaged, small = tmp_path / "damaged.jpg", tmp_path / "small.png"
    damaged.write_bytes(b"no image")
    save_grey(small, np.ones((3, 3), np.float32))
    with caplog.at_level(logging.WARNING):
        kept = SaliencyStore(tmp_path / "store").complete(
            [good, (damaged, good[1]), (good[0], small), (good[0], tmp_path / "absent.png")],
            Halves,
            silent,
        )
    assert kept == [good]
    for name in ("damaged.jpg", "small.png", "absent.png"):
        assert name in caplog.text


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    absent = tmp_path / "absent.jpg"
    with pytest.raises(ConfigError, match="could be read"):
        SaliencyStore(tmp_path).complete([(absent, absent)], Halves, silent)


def test_a_split_without_mattes_is_an_error() -> None:
    with pytest.raises(ConfigError, match="has a matte"):
        pairs_of([DatasetImage("a", Path("a.jpg"))], "train")


def test_a_limit_takes_images_from_the_whole_split() -> None:
    every = [DatasetImage(str(i), Path(f"{i}.jpg"), mask=Path(f"{i}.png")) for i in range(100)]
    chosen = [int(path.stem) for path, _ in pairs_of(every, "train", 5)]
    assert chosen == [0, 24, 49, 74, 99]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        save_grey(tmp_path / "file" / "matte.png", np.ones((2, 2), np.float32))
