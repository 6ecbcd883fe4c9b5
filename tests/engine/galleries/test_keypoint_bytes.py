"""How large the keypoints of a gallery are, without reading all of them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.galleries.local import LocalGallery
from engine.keypoints import Keypoints
from tests.engine.made_descriptions import described, entry, manifest


def filled(folder: Path, counts: list[int | None]) -> Path:
    """Images with so many keypoints of two numbers; None: without the stage."""
    with LocalGallery.create(folder, manifest()) as gallery:
        made = [
            None if n is None else Keypoints(np.ones((n, 4), np.float32), np.ones((n, 2), np.int8))
            for n in counts
        ]
        gallery.add(
            [entry(str(at)) for at in range(len(made))],
            [replace(described((at, 1)), keypoints=one) for at, one in enumerate(made)],
        )
    return folder


def sizes(folder: Path, most: int) -> list[int]:
    with LocalGallery.open(folder) as gallery:
        return gallery.keypoint_bytes(most)


def test_every_image_is_measured_where_they_are_few(tmp_path: Path) -> None:
    folder = filled(tmp_path / "g", [3, None, 0, 10])
    assert sizes(folder, 4) == sizes(folder, 1000) == [2 + 3 * 8, 0, 2, 2 + 10 * 8]


def test_of_many_images_some_are_measured_from_first_to_last(tmp_path: Path) -> None:
    folder = filled(tmp_path / "g", list(range(100)))
    found = sizes(folder, 10)
    assert found == [2 + n * 8 for n in range(0, 100, 10)]
    assert sizes(folder, 7)[0] == 2 and len(sizes(folder, 7)) <= 7
    assert sizes(folder, 0) == []


def test_an_empty_gallery_has_none(tmp_path: Path) -> None:
    assert sizes(filled(tmp_path / "g", []), 10) == []


def test_a_gallery_from_before_keypoints_has_images_without_them(tmp_path: Path) -> None:
    folder = filled(tmp_path / "g", [None, None])
    with sqlite3.connect(folder / "gallery.sqlite") as connection:
        connection.execute("ALTER TABLE descriptions DROP COLUMN keypoints")
    connection.close()
    assert sizes(folder, 10) == [0, 0]
