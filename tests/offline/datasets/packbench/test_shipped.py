"""The shipped Packbench is whole, small, and as in its manifest."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from offline.datasets import packbench
from offline.datasets.packbench.categories import CATEGORIES
from offline.datasets.packbench.check import faults
from offline.datasets.packbench.manifest import VERSION, read_header, read_rows
from offline.datasets.packbench.presets import PRESETS
from offline.datasets.packbench.shots import Benchmark

FOLDER = packbench.shipped()
ROWS = read_rows(FOLDER)
STUDIO = [row for row in ROWS if row["look"] == "studio"]
PHOTOS = [row for row in ROWS if row["look"] == "phone"]


def pixels(path: str) -> np.ndarray:
    with Image.open(FOLDER / path) as image:
        return np.asarray(image.convert("RGB"))


def matte(row: dict[str, str]) -> np.ndarray:
    """(H, W) in [0, 1]."""
    with Image.open(FOLDER / row["matte"]) as image:
        assert image.mode == "L"
        return np.asarray(image, np.float32) / 255


def border(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def test_it_is_whole() -> None:
    assert list(faults(FOLDER)) == []


def test_it_holds_nothing_that_the_manifest_does_not_name() -> None:
    named = {row[column] for row in ROWS for column in ("path", "matte", "transmission")}
    named |= {"packbench.json", "manifest.csv", "products.csv", "catalogue/attributes.csv", ""}
    lying = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert lying - named == set()


def test_it_is_the_plan_of_the_preset_tiny() -> None:
    header = read_header(FOLDER)
    assert (header.preset, header.version) == ("tiny", VERSION)
    planned = Benchmark(PRESETS["tiny"], header.seed, header.difficulty).shots()
    assert [shot.path for shot in planned] == [row["path"] for row in ROWS]


def test_every_category_has_products_and_a_query() -> None:
    products: dict[str, set[str]] = defaultdict(set)
    for row in ROWS:
        if row["split"] == "catalogue":
            products[row["category"]].add(row["product"])
    assert set(products) == set(CATEGORIES)
    assert min(len(names) for names in products.values()) >= 6
    categories = {row["category"] for row in PHOTOS if row["in_catalogue"] == "true"}
    assert categories == set(CATEGORIES)


def test_the_demo_queries_are_three_photos_of_catalogue_products() -> None:
    rows = {FOLDER / row["path"]: row for row in ROWS}
    queries = [rows[path] for path in packbench.demo_queries()]
    assert len({row["category"] for row in queries}) == 3
    assert all(row["in_catalogue"] == "true" and row["split"] == "queries" for row in queries)


@pytest.mark.parametrize("category", CATEGORIES)
def test_studio_images_show_a_whole_product_on_a_plain_background(category: str) -> None:
    for row in (row for row in STUDIO if row["category"] == category):
        alpha = matte(row)
        image = pixels(row["path"])
        assert image.shape[:2] == alpha.shape
        assert border(alpha).max() == 0, row["path"]
        assert 0.01 < alpha.mean() < 0.9, row["path"]
        # Paper, whatever its shade, is even: shadows pass softly over it, outlines would not.
        edge = border(image.astype(np.int16))
        assert np.percentile(edge, 5) > 120, row["path"]


def test_photos_have_other_backgrounds_than_the_catalogue() -> None:
    grounds = [np.median(border(pixels(row["path"]))) for row in PHOTOS]
    assert np.median(grounds) < 200


def test_mattes_have_soft_edges_and_a_full_inside() -> None:
    for row in ROWS:
        alpha = matte(row)
        assert alpha.max() == 1, row["path"]
        assert np.any((alpha > 0.1) & (alpha < 0.9)), row["path"]


def test_the_box_bounds_the_matte() -> None:
    for row in ROWS:
        rows, columns = np.where(matte(row) > 0.5)
        x1, y1, x2, y2 = (int(row[name]) for name in ("x1", "y1", "x2", "y2"))
        # The matte on disk is rounded to 1/255: a pixel at one half may fall on either side.
        found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert np.abs(found - (x1, y1, x2, y2)).max() <= 1, row["path"]


def test_transmission_lies_within_the_image_and_lets_light_through() -> None:
    rows = [row for row in ROWS if row["transmission"]]
    assert rows, "no clear product among the shipped ones"
    for row in rows:
        through = pixels(row["transmission"])
        assert through.shape[:2] == matte(row).shape
        assert through.max() > 20, row["path"]


def test_every_path_stays_in_the_folder() -> None:
    for row in ROWS:
        assert not Path(row["path"]).is_absolute() and ".." not in Path(row["path"]).parts


@pytest.mark.slow
@pytest.mark.parametrize("split", ["catalogue", "queries"])
def test_the_code_still_renders_what_is_shipped(split: str, tmp_path: Path) -> None:
    pytest.importorskip("mitsuba", reason="needs the extra `render`")
    from offline.datasets.packbench.render import use_variant
    from offline.datasets.packbench.take import take

    use_variant()
    header = read_header(FOLDER)
    benchmark = Benchmark(PRESETS["tiny"], header.seed, header.difficulty)
    shot = next(shot for shot in benchmark.shots() if shot.split == split)
    row = take(shot, benchmark, tmp_path)
    shipped = next(row for row in ROWS if row["path"] == shot.path)
    with Image.open(tmp_path / row.path) as image:
        again = np.asarray(image.convert("RGB"), np.int16)
    # Another variant of the renderer draws other noise, but the same image.
    assert np.abs(again - pixels(shot.path)).mean() < 4
    assert row.matte == shipped["matte"]
    with Image.open(tmp_path / row.matte) as image:
        assert np.abs(np.asarray(image, np.float32) / 255 - matte(shipped)).mean() < 0.003
