"""Stages timed one photo at a time; broken photos are passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline.datasets import Picture
from offline.evaluate.timing import time_stages
from tests.drawn_catalogue import write_catalogue
from tests.offline.evaluate.counting_parts import CountingEmbedder, counting_parts


@pytest.fixture
def pictures(tmp_path: Path) -> list[Picture]:
    return [Picture(path.name, path) for path in write_catalogue(tmp_path)]


def test_every_stage_has_its_time_and_the_first_photo_is_described_once_more(
    pictures: list[Picture],
) -> None:
    embedder = CountingEmbedder()
    found = time_stages(pictures, counting_parts(embedder), 4)
    assert list(found) == ["load", "segment", "cutout", "embed"]
    assert all(milliseconds > 0 for milliseconds in found.values())
    assert embedder.embedded == 5


def test_no_photo_or_no_readable_one_has_no_times(pictures: list[Picture], tmp_path: Path) -> None:
    parts = counting_parts(CountingEmbedder())
    assert time_stages([], parts) == time_stages(pictures, parts, 0) == {}
    assert time_stages([Picture("gone", tmp_path / "gone.jpg")], parts) == {}


def test_a_broken_photo_among_others_is_passed_over(pictures: list[Picture]) -> None:
    pictures[0].path.write_bytes(b"")
    assert time_stages(pictures, counting_parts(CountingEmbedder()))["embed"] > 0
