"""The masks that were judged by eye: the list is whole, and names photos that exist."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

JUDGED = Path(__file__).resolve().parents[2] / "benchmarks" / "trust" / "judged.csv"
VERDICTS = {"ok", "hand", "part", "neighbour", "background"}


def rows() -> list[dict[str, str]]:
    with JUDGED.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_every_photo_is_judged_once_with_each_segmenter() -> None:
    images = Counter(row["image"] for row in rows())
    assert set(images.values()) == {2} and len(images) == 360
    assert len({(row["image"], row["segmenter"]) for row in rows()}) == 720
    assert {row["verdict"] for row in rows()} == VERDICTS
    first = {row["image"] for row in rows() if row["draw"] == "1"}
    assert len(first) == 200
    assert all(Path(image).parts[:2] == ("train", "Packages") for image in images)
