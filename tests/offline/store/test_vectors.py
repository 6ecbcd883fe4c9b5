"""Vectors of images: as the parts that serve give them, once each, whatever breaks off."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from engine.blobs import LOCK
from engine.errors import ConfigError, WeightsError
from engine.images import load
from offline.datasets import DatasetImage
from offline.store import vectors
from offline.store.images import cropped
from offline.store.vectors import features
from stages.assemble import assemble_embedding
from tests.drawn_catalogue import write_catalogue
from tests.offline.evaluate.counting_parts import (
    CountingEmbedder,
    counting_parts,
    quick_settings,
)
from tests.watched_processes import wait


@pytest.fixture
def images(tmp_path: Path) -> list[DatasetImage]:
    files = write_catalogue(tmp_path / "pictures")
    return [DatasetImage(path.relative_to(tmp_path).as_posix(), path) for path in files]


def test_features_are_those_that_serving_gives(images: list[DatasetImage], tmp_path: Path) -> None:
    parts = assemble_embedding(quick_settings())
    found = features(images, parts, tmp_path / "cache")
    cuts = parts.cutting.cut([load(image.path) for image in images])
    served = parts.embedder.embed([cut.cutout for cut in cuts])
    np.testing.assert_allclose(found.values, served, atol=2e-3)  # alpha is kept in 255 steps
    assert found.readable.all() and found.faults == ()


def test_an_image_is_embedded_once_however_often_it_is_wanted(
    images: list[DatasetImage], tmp_path: Path
) -> None:
    embedder = CountingEmbedder()
    copy = tmp_path / "copy.png"
    shutil.copyfile(images[0].path, copy)
    wanted = [*images, DatasetImage("copy", copy)]
    first = features(wanted, counting_parts(embedder), tmp_path / "cache")
    again = features(wanted[::-1], counting_parts(embedder), tmp_path / "cache")
    assert embedder.embedded == len(images)
    np.testing.assert_array_equal(first.values, again.values[::-1])
    np.testing.assert_array_equal(first.values[0], first.values[-1])


def test_another_fingerprint_has_features_of_its_own(
    images: list[DatasetImage], tmp_path: Path
) -> None:
    embedder = CountingEmbedder()
    for name in "ab":
        features(images, counting_parts(embedder, name), tmp_path / "cache")
    assert embedder.embedded == 2 * len(images)


def test_a_cropped_image_shows_its_crop_alone(images: list[DatasetImage], tmp_path: Path) -> None:
    whole = images[0]
    boxes = [(0, 0, 20, 20), (30, 40, 70, 100)]
    wanted = [
        whole,
        *(DatasetImage(f"q{at}", whole.path, crop=box) for at, box in enumerate(boxes)),
    ]
    found = features(wanted, counting_parts(CountingEmbedder()), tmp_path / "cache")
    cutting = counting_parts(CountingEmbedder()).cutting
    image = load(whole.path)
    for row, entry in zip(found.values, wanted, strict=True):
        (cut,) = cutting.cut([cropped(image, entry)])
        np.testing.assert_allclose(row, cut.cutout.pixels.mean(axis=(0, 1)), rtol=1e-6)
    assert len(np.unique(found.values, axis=0)) == 3


def test_a_crop_beyond_the_image_an_absent_file_and_no_image_are_faults_and_not_readable(
    images: list[DatasetImage], tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    odd = [
        DatasetImage("beyond", images[0].path, crop=(500, 500, 600, 600)),
        DatasetImage("gone", tmp_path / "gone.jpg"),
        DatasetImage("text", text),
    ]
    found = features([*odd, *images], counting_parts(CountingEmbedder()), tmp_path / "cache")
    assert found.readable.tolist() == [False] * 3 + [True] * len(images)
    assert not found.values[:3].any()
    assert len(found.faults) == 3
    for word in ("lies beyond", "gone.jpg", "text.jpg"):
        assert any(word in fault for fault in found.faults)


def test_nothing_readable_gives_no_features(tmp_path: Path) -> None:
    wanted = [DatasetImage("gone", tmp_path / "gone.jpg")]
    found = features(wanted, counting_parts(CountingEmbedder()), tmp_path / "cache")
    assert found.values.shape == (1, 3) and not found.readable.any()


def test_a_run_that_broke_off_goes_on_with_what_is_missing(
    images: list[DatasetImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "BATCH", 2)
    embedder = CountingEmbedder()

    def break_off(rows: np.ndarray) -> np.ndarray:
        if embedder.embedded > 6:
            raise KeyboardInterrupt
        return rows

    embedder.spoil = break_off
    with pytest.raises(KeyboardInterrupt):
        features(images, counting_parts(embedder), tmp_path / "cache")
    healthy = CountingEmbedder()
    found = features(images, counting_parts(healthy), tmp_path / "cache")
    assert healthy.embedded == len(images) - 6
    fresh = features(images, counting_parts(CountingEmbedder()), tmp_path / "fresh")
    np.testing.assert_array_equal(found.values, fresh.values)


def test_features_that_are_not_finite_are_refused_and_not_kept(
    images: list[DatasetImage], tmp_path: Path
) -> None:
    broken = CountingEmbedder(spoil=lambda rows: rows * np.float32(np.nan))
    with pytest.raises(WeightsError, match="not finite"):
        features(images, counting_parts(broken), tmp_path / "cache")
    found = features(images, counting_parts(CountingEmbedder()), tmp_path / "cache")
    assert np.isfinite(found.values).all() and found.readable.all()


def test_progress_counts_the_images_that_are_not_kept_yet(
    images: list[DatasetImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "BATCH", 5)
    parts = counting_parts(CountingEmbedder())
    features(images[:3], parts, tmp_path / "cache")
    reported: list[tuple[int, int]] = []
    features(images, parts, tmp_path / "cache", lambda done, total: reported.append((done, total)))
    missing = len(images) - 3
    assert reported[-1] == (missing, missing)
    assert [done for done, _ in reported] == sorted(done for done, _ in reported)


def test_a_second_run_waits_for_the_first(
    images: list[DatasetImage], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "cache" / f"vectors-{'a' * 16}"
    folder.mkdir(parents=True)
    lock = FileLock(folder / LOCK, thread_local=False)
    lock.acquire()
    done = threading.Event()

    def second() -> None:
        features(images, counting_parts(CountingEmbedder()), tmp_path / "cache")
        done.set()

    thread = threading.Thread(target=second)
    thread.start()
    assert wait(lambda: "another run makes these vectors" in caplog.text)
    assert not done.wait(0.3)
    lock.release()
    thread.join(60)
    assert done.is_set()


def test_a_cache_that_is_a_file_is_refused_with_the_way_out(
    images: list[DatasetImage], tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ConfigError) as refused:
        features(images, counting_parts(CountingEmbedder()), tmp_path / "cache")
    assert "--cache" in refused.value.remedy
