"""GroceryStore: names of classes, groups, and lists that disagree with the table of classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.datasets import open_dataset
from tests.offline.datasets.small_datasets import GROCERY_HEADER, lines, write_grocerystore

OATLY = "Packages/Milk/Oatly/Oatly_001.jpg"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_grocerystore(tmp_path)
    return tmp_path


def test_the_coarse_class_is_the_category_and_the_fine_one_the_product(root: Path) -> None:
    dataset = open_dataset(root)
    image = dataset.images("val")[2]
    assert (image.id, image.category, image.product) == (f"val/{OATLY}", "Milk", "Oatly")
    assert image.path == root / "val" / OATLY
    assert {one.look for one in dataset.images("iconic")} == {"studio"}


def test_every_split_and_protocol_is_there_for_one_group_alone(root: Path) -> None:
    dataset = open_dataset(root)
    assert {one.product for one in dataset.images("train/Packages")} == {"Arla-Milk", "Oatly"}
    assert set(dataset.protocols) == {"val", "val/Fruit", "val/Packages"}
    task = dataset.retrieval("val/Packages")
    assert [one.product for one in task.queries] == ["Arla-Milk", "Oatly"]
    assert [answer.relevant for answer in task.relevance] == [(0, 2), (1, 3)]


def test_a_test_list_is_read_where_there_is_one(root: Path) -> None:
    listed = (root / "val.txt").read_text("utf-8")
    (root / "val.txt").unlink()
    lines(root / "test.txt", *listed.replace("val/", "test/").splitlines())
    dataset = open_dataset(root)
    assert "val" not in dataset.splits and "test" in dataset.protocols


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("train/a.jpg, 2", "not `path, fine class, coarse class`"),
        ("train/a.jpg, 9, 1", "classes 9, 1 are not a row of classes.csv"),
        ("train/a.jpg, 2, 0", "classes 2, 0 are not a row of classes.csv"),
        ("train/a.jpg, two, 1", "the fine class is 'two'"),
        ("val/a.jpg, 2, 1", "'val/a.jpg' is not in train/"),
        ("train/../../a.jpg, 2, 1", "does not name a file inside"),
        ("train/..\\..\\a.jpg, 2, 1", "does not name a file inside"),
    ],
)
def test_a_faulty_line_is_named(root: Path, line: str, complaint: str) -> None:
    lines(root / "train.txt", f"train/{OATLY}, 2, 1", "", line)
    with pytest.raises(ConfigError, match=rf"train\.txt: line 3: .*{complaint}"):
        open_dataset(root)


def test_a_group_with_nothing_to_search_has_no_protocol(root: Path) -> None:
    lines(root / "val.txt", "val/Sweets/Oatly/Oatly_001.jpg, 2, 1")
    dataset = open_dataset(root)
    assert "val/Sweets" in dataset.splits
    assert dataset.protocols == ("val",)


def test_a_name_with_commas_and_blanks_is_read(root: Path) -> None:
    lines(root / "train.txt", "train/Packages/Milk/Oatly/one, two 001.jpg, 2, 1")
    (image,) = open_dataset(root).images("train")
    assert image.id == "train/Packages/Milk/Oatly/one, two 001.jpg"


def test_a_class_listed_twice_and_a_row_cut_off_are_named(root: Path) -> None:
    row = "Oatly,2,Milk,1,/i.jpg,/i.txt"
    lines(root / "classes.csv", GROCERY_HEADER, row, row)
    with pytest.raises(ConfigError, match=r"classes\.csv: line 3: .* 2"):
        open_dataset(root)
    lines(root / "classes.csv", GROCERY_HEADER, "Oatly,2,Milk")
    with pytest.raises(ConfigError, match=r"classes\.csv: line 2: 3 cells .* 6"):
        open_dataset(root)
