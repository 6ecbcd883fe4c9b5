"""Plain folders: labels from names and tables, split folders, and retrieval between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.datasets import open_dataset
from tests.offline.datasets.small_datasets import image, lines


def test_folder_names_are_category_and_product(tmp_path: Path) -> None:
    image(tmp_path / "jar" / "cream" / "a.jpg", tmp_path / "jar" / "loose.jpg")
    (only,) = (open_dataset(tmp_path).images(split) for split in open_dataset(tmp_path).splits)
    assert [(one.id, one.category, one.product) for one in only] == [
        ("jar/cream/a.jpg", "jar", "jar/cream"),
        ("jar/loose.jpg", "jar", "jar/loose"),
    ]


def test_tables_beside_the_images_label_them_as_in_an_ingest(tmp_path: Path) -> None:
    image(tmp_path / "jar" / "cream" / "a.jpg")
    lines(tmp_path / "labels.csv", "path,product,family", "jar/cream,night cream,f1")
    (one,) = open_dataset(tmp_path).images("all")
    assert (one.category, one.family, one.product) == ("jar", "f1", "night cream")


def test_product_ids_of_tables_in_two_folders_are_two_products(tmp_path: Path) -> None:
    for folder in ("jar", "bottle"):
        image(tmp_path / folder / "a.jpg")
        lines(tmp_path / folder / "labels.csv", "path,product", "a.jpg,01")
    found = open_dataset(tmp_path).images("all")
    assert {one.product for one in found} == {"jar/01", "bottle/01"}


def test_split_folders_are_known_by_several_names(tmp_path: Path) -> None:
    for folder in ("Train", "val", "test"):
        image(tmp_path / folder / "jar" / "p1" / f"{folder}.jpg")
    dataset = open_dataset(tmp_path)
    assert set(dataset.splits) == {"train", "validation", "test"}
    assert dataset.images("validation")[0].id == "val/jar/p1/val.jpg"
    assert {one.product for s in dataset.splits for one in dataset.images(s)} == {"jar/p1"}
    task = dataset.retrieval("product")
    assert [one.id for one in task.queries] == ["test/jar/p1/test.jpg"]
    assert len(task.gallery) == 2 and task.relevance[0].relevant == (0, 1)


def test_images_of_the_query_folder_are_searched_in_the_gallery_folder(tmp_path: Path) -> None:
    image(tmp_path / "gallery" / "g" / "p1" / "a.jpg", tmp_path / "query" / "g" / "p1" / "b.jpg")
    task = open_dataset(tmp_path).retrieval("product")
    assert [one.id for one in task.queries] == ["query/g/p1/b.jpg"]
    assert [one.id for one in task.gallery] == ["gallery/g/p1/a.jpg"]


def test_a_category_called_test_is_a_category(tmp_path: Path) -> None:
    image(tmp_path / "test" / "a.jpg", tmp_path / "jar" / "a.jpg")
    dataset = open_dataset(tmp_path)
    assert dataset.splits == ("all",)
    assert {one.category for one in dataset.images("all")} == {"test", "jar"}


def test_without_split_folders_every_image_is_a_query_against_all_others(tmp_path: Path) -> None:
    image(*(tmp_path / "jar" / f"{n}.jpg" for n in range(3)), tmp_path / "cap" / "0.jpg")
    dataset = open_dataset(tmp_path)
    task = dataset.retrieval("category")
    answers = {q.id: a for q, a in zip(task.queries, task.relevance, strict=True)}
    assert answers["cap/0.jpg"].relevant == () and answers["cap/0.jpg"].ignored == (0,)
    assert answers["jar/1.jpg"].relevant == (1, 3) and answers["jar/1.jpg"].ignored == (2,)
    with pytest.raises(ConfigError, match=r"of its product.* --protocol category"):
        dataset.retrieval("product")


@pytest.mark.parametrize("stray", ["__MACOSX", "@eaDir", "docs", "empty", "figures"])
def test_splits_stand_beside_a_stray_folder_which_is_named(
    tmp_path: Path, stray: str, caplog: pytest.LogCaptureFixture
) -> None:
    for split in ("train", "test"):
        image(tmp_path / split / "jar" / f"{split}.jpg", tmp_path / split / "cap" / f"{split}.jpg")
    (tmp_path / stray).mkdir()
    if stray in ("__MACOSX", "@eaDir"):
        image(tmp_path / stray / "jar" / "thumb.jpg")
    elif stray == "docs":
        lines(tmp_path / stray / "read.txt", "me")
    elif stray == "figures":
        image(tmp_path / stray / "1.jpg")
    dataset = open_dataset(tmp_path)
    assert set(dataset.splits) == {"train", "test"}
    assert {one.category for one in dataset.images("test")} == {"jar", "cap"}
    (warning,) = caplog.messages
    assert stray in warning


def test_flat_splits_stand_beside_folders_without_images(tmp_path: Path) -> None:
    for split in ("train", "test"):
        image(tmp_path / split / "1.jpg")
        lines(tmp_path / split / "labels.csv", "path,category", "1.jpg,jar")
    (tmp_path / "docs").mkdir()
    assert set(open_dataset(tmp_path).splits) == {"train", "test"}
    image(tmp_path / "docs" / "1.jpg")
    assert set(open_dataset(tmp_path).splits) == {"train", "test"}


def test_categories_of_the_names_of_splits_are_categories_where_they_share_no_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image(*(tmp_path / name / f"{name}-1" / "a.jpg" for name in ("train", "test", "plane")))
    dataset = open_dataset(tmp_path)
    assert {one.category for one in dataset.images("all")} == {"train", "test", "plane"}
    (warning,) = caplog.messages
    assert "train/" in warning and "test/" in warning


def test_an_empty_split_folder_is_named(tmp_path: Path) -> None:
    image(tmp_path / "train" / "jar" / "a.jpg")
    (tmp_path / "test").mkdir()
    with pytest.raises(ConfigError, match="split 'test'"):
        open_dataset(tmp_path)


def test_two_folders_for_one_split_are_refused(tmp_path: Path) -> None:
    image(tmp_path / "val" / "jar" / "a.jpg", tmp_path / "validation" / "jar" / "a.jpg")
    with pytest.raises(ConfigError, match=r"both val/ and validation/"):
        open_dataset(tmp_path)


def test_odd_names_hidden_files_and_other_files_do_no_harm(tmp_path: Path) -> None:
    odd = "crème (50 ml), «new» #1"
    image(tmp_path / odd / "a b.jpg", tmp_path / odd / ".hidden.jpg")
    lines(tmp_path / odd / "notes.txt", "not an image")
    (one,) = open_dataset(tmp_path, "folders").images("all")
    assert (one.id, one.category) == (f"{odd}/a b.jpg", odd)
