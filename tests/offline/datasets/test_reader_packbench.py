"""Packbench: the images of the splits, the relevance of the protocols, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.datasets import open_dataset
from offline.datasets.packbench.manifest import Row
from tests.offline.datasets.small_datasets import (
    packbench_row,
    packbench_rows,
    seal,
    write_packbench,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_packbench(tmp_path)
    return tmp_path


def test_splits_follow_split_and_role(root: Path) -> None:
    dataset = open_dataset(root)
    sizes = {split: len(dataset.images(split)) for split in dataset.splits}
    assert sizes == {
        "train": 4,
        "validation": 4,
        "catalogue": 8,
        "test": 1,
        "queries": 2,
        "unseen": 2,
    }
    catalogue = set(dataset.images("catalogue"))
    assert catalogue == {*dataset.images("train"), *dataset.images("validation")}


def test_an_image_carries_its_ground_truth(root: Path) -> None:
    image = open_dataset(root).images("queries")[0]
    name = "queries/jar/jar-f01-p02/photo1"
    assert (image.category, image.family, image.product) == ("jar", "jar-f01", "jar-f01-p02")
    assert (image.look, image.box, image.crop) == ("phone", (1, 2, 7, 8), None)
    assert (image.path, image.mask) == (root / f"{name}.jpg", root / "mattes" / f"{name}.png")
    assert image.transmission is None


def test_queries_find_their_product_and_the_absent_one_finds_nothing(root: Path) -> None:
    task = open_dataset(root).retrieval("queries")
    answers = [{task.gallery[at].product for at in one.relevant} for one in task.relevance]
    assert answers == [{"jar-f01-p02"}, set()]
    assert [task.queries[at].product for at in task.unanswerable] == ["jar-f01-p03"]
    assert len(task.gallery) == 8


def test_the_absent_product_still_has_its_family_and_category(root: Path) -> None:
    for protocol in ("family", "category"):
        task = open_dataset(root).retrieval(protocol)
        assert [len(answer.relevant) for answer in task.relevance] == [4, 4]


def test_unseen_products_search_each_other_only(root: Path) -> None:
    task = open_dataset(root).retrieval("unseen")
    assert [image.look for image in (*task.queries, *task.gallery)] == ["phone", "studio"]
    assert task.relevance[0].relevant == (0,)


def test_studio_images_search_other_studio_images(root: Path) -> None:
    validation = open_dataset(root).retrieval("validation")
    assert [len(validation.queries), len(validation.gallery)] == [4, 4]
    found = [validation.gallery[answer.relevant[0]].product for answer in validation.relevance]
    assert found == [query.product for query in validation.queries]


def test_test_images_search_each_other_where_a_product_has_two(root: Path) -> None:
    assert "test" not in open_dataset(root).protocols
    second = packbench_row("test", "test", "jar-f900-p01", "back", held=False)
    write_packbench(root, [*packbench_rows(), second])
    task = open_dataset(root).retrieval("test")
    assert task.queries == task.gallery
    answers = [(answer.relevant, answer.ignored) for answer in task.relevance]
    assert answers == [((1,), (0,)), ((0,), (1,))]


def test_a_benchmark_without_photos_searches_by_studio_images_alone(tmp_path: Path) -> None:
    write_packbench(tmp_path, [row for row in packbench_rows() if row.split == "catalogue"])
    dataset = open_dataset(tmp_path)
    assert dataset.splits == ("train", "validation", "catalogue")
    assert dataset.protocols == ("validation",)


def test_a_newer_schema_is_refused_with_the_remedy(root: Path) -> None:
    seal(root, schema=2)
    with pytest.raises(ConfigError, match=r"schema 2.*newer Packsight"):
        open_dataset(root)


def test_a_manifest_that_was_changed_or_cut_off_is_refused(root: Path) -> None:
    manifest = root / "manifest.csv"
    whole = manifest.read_bytes()
    for damaged in (whole.replace(b"bottle", b"jar"), whole[: whole.rindex(b"unseen")]):
        manifest.write_bytes(damaged)
        with pytest.raises(ConfigError, match=r"sha256 .*packbench\.json"):
            open_dataset(root)
    manifest.unlink()
    with pytest.raises(ConfigError, match=r"manifest\.csv"):
        open_dataset(root)


def test_columns_beyond_ours_are_passed_over_and_missing_ones_named(root: Path) -> None:
    manifest = root / "manifest.csv"
    before = open_dataset(root).images("train")
    text = manifest.read_text("utf-8")
    manifest.write_text("".join(f"new,{line}\n" for line in text.splitlines()), "utf-8")
    seal(root)
    assert open_dataset(root).images("train") == before
    manifest.write_text(text.replace("role,", "rule,", 1), "utf-8")
    seal(root)
    with pytest.raises(ConfigError, match=r"line 1: .*role"):
        open_dataset(root)


CHANGES: list[tuple[Callable[[Row], Row], str]] = [
    (lambda row: replace(row, path="../secret.jpg"), "does not name a file inside"),
    (lambda row: replace(row, matte="/outside/secret.png"), "does not name a file inside"),
    (lambda row: replace(row, x2=9), "beyond the image's 8 x 8"),
    (lambda row: replace(row, x1=7), "is empty or beyond"),
    (lambda row: replace(row, y1=-1), "y1 is '-1', not a whole number"),
    (lambda row: replace(row, role="gallery"), r"'catalogue gallery'.*Valid: catalogue train"),
    (lambda row: replace(row, in_catalogue=False), "the catalogue has images of"),
    (lambda row: replace(row, category=""), "category is empty"),
]


@pytest.mark.parametrize(("change", "complaint"), CHANGES)
def test_a_faulty_row_is_named_by_its_line(
    tmp_path: Path, change: Callable[[Row], Row], complaint: str
) -> None:
    rows = packbench_rows()
    write_packbench(tmp_path, [rows[0], change(rows[1]), *rows[2:]])
    with pytest.raises(ConfigError, match=rf"manifest\.csv: line 3: .*{complaint}"):
        open_dataset(tmp_path)


def test_a_query_marked_as_in_a_catalogue_that_lacks_it_is_refused(tmp_path: Path) -> None:
    rows = packbench_rows()
    query = next(row for row in rows if row.split == "queries" and row.in_catalogue)
    catalogue = [row for row in rows if row.product == query.product and row.split == "catalogue"]
    write_packbench(tmp_path, [row for row in rows if row not in catalogue])
    with pytest.raises(ConfigError, match="jar-f01-p02"):
        open_dataset(tmp_path)


def test_an_image_listed_twice_is_refused(tmp_path: Path) -> None:
    rows = packbench_rows()
    write_packbench(tmp_path, [*rows, rows[0]])
    with pytest.raises(ConfigError, match=rf"{rows[0].path} twice"):
        open_dataset(tmp_path)
