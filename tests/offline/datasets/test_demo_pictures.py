"""The demo's pictures are what their folder names, tables and README say."""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from offline.datasets import demo

CATEGORIES = {
    "bottle", "compact", "jar", "palette", "powder", "roll-on", "stick", "puff", "spatula",
    "cap-general", "cap-one-touch", "cap-press", "cap-dropper", "cap-sharp", "cap-pump",
}  # fmt: skip
BUDGET = 3_000_000  # bytes of the repository that all the demo's pictures may take
NEAR_WHITE = 190  # of 255: measured, the darkest soft shadow at a border is 198
SMOOTH = 14  # of 255 from pixel to pixel: shadows reach 8, the outline of a product far more

PICTURES = sorted(demo.catalogue().glob("*/*/*.jpg"))
QUERIES_FOLDER = demo.catalogue().parent / "queries"
PHOTOS = sorted(QUERIES_FOLDER.glob("*.jpg"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def views_by_product() -> dict[str, list[Path]]:
    views: dict[str, list[Path]] = defaultdict(list)
    for picture in PICTURES:
        views[picture.parent.relative_to(demo.catalogue()).as_posix()].append(picture)
    return views


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def edges(pixels: np.ndarray) -> list[np.ndarray]:
    """The four border lines, signed so that differences do not wrap."""
    signed = pixels.astype(np.int16)
    return [signed[0], signed[-1], signed[:, 0], signed[:, -1]]


def test_every_category_has_six_products_or_more() -> None:
    counts: dict[str, int] = defaultdict(int)
    for product in views_by_product():
        counts[product.split("/")[0]] += 1
    assert set(counts) == CATEGORIES
    assert min(counts.values()) >= 6


def test_every_product_is_seen_from_two_sides_or_more() -> None:
    assert [product for product, views in views_by_product().items() if len(views) < 2] == []


def test_no_two_pictures_are_the_same() -> None:
    assert len({sha256(path) for path in PICTURES}) == len(PICTURES)


def test_the_pictures_fit_their_budget() -> None:
    assert sum(path.stat().st_size for path in [*PICTURES, *PHOTOS]) <= BUDGET


def test_attributes_cover_every_product_and_no_other() -> None:
    table = rows(demo.catalogue() / "attributes.csv")
    assert sorted(row["path"] for row in table) == sorted(views_by_product())
    for row in table:
        assert row["name"] and row["material"] and row["colour"]
        assert float(row["height_mm"]) > 0
        assert not row["volume_ml"] or float(row["volume_ml"]) > 0


def test_no_query_is_in_the_catalogue() -> None:
    assert {sha256(path) for path in PHOTOS}.isdisjoint(sha256(path) for path in PICTURES)


def test_the_truth_names_every_query_and_a_product_of_the_catalogue() -> None:
    table = rows(QUERIES_FOLDER / "truth.csv")
    assert sorted(row["file"] for row in table) == [path.name for path in PHOTOS]
    for row in table:
        assert row["file"].split("__")[0] == row["product"]
        assert f"{row['category']}/{row['product']}" in views_by_product()
    assert len({row["category"] for row in table}) >= 12


def test_the_demo_asks_three_queries_of_different_categories() -> None:
    categories = {row["file"]: row["category"] for row in rows(QUERIES_FOLDER / "truth.csv")}
    asked = demo.queries()
    assert all(path.is_file() for path in asked)
    assert len({categories[path.name] for path in asked}) == len(asked) == 3


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_products_stand_whole_on_a_near_white_ground(category: str) -> None:
    for path in (picture for picture in PICTURES if picture.parent.parent.name == category):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        assert pixels.shape[0] == pixels.shape[1] >= 200, path
        border = edges(pixels)
        assert np.concatenate(border).min() >= NEAR_WHITE, path
        assert max(np.abs(np.diff(edge, axis=0)).max() for edge in border) <= SMOOTH, path
        assert pixels.min() < NEAR_WHITE, f"{path} shows nothing"


def test_query_photos_decode_and_stand_on_other_grounds() -> None:
    for path in PHOTOS:
        pixels = np.asarray(Image.open(path).convert("RGB"))
        assert min(pixels.shape[:2]) >= 200, path
        assert np.median(np.concatenate(edges(pixels))) < NEAR_WHITE, path


@pytest.mark.slow
def test_one_seed_renders_one_picture(tmp_path: Path) -> None:
    pytest.importorskip("mitsuba", reason="needs the extra `render`")
    from offline.datasets.demo import render

    command = ["--seed", "7", "--side", "48", "--samples", "4", "--only", "cap-general-01"]
    for name in ("first", "second"):
        render.main([*command, "--out", str(tmp_path / name)])
    first, second = (
        {path.relative_to(tmp_path / name): sha256(path) for path in (tmp_path / name).rglob("*")
         if path.is_file()}
        for name in ("first", "second")
    )  # fmt: skip
    assert len(first) == 4  # three views and the attributes
    assert first == second
