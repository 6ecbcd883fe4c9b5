"""Stanford Online Products: its two lists, and a query that is not its own answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.datasets import Relevance, open_dataset
from tests.offline.datasets.small_datasets import PRODUCTS_HEADER, lines, write_online_products


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_online_products(tmp_path)
    return tmp_path


def test_class_is_product_and_folder_is_category(root: Path) -> None:
    dataset = open_dataset(root)
    images = dataset.images("test")
    assert [one.product for one in images] == ["3", "3", "3", "4"]
    assert {one.category for one in images} == {"bicycle", "coffee_maker"}
    assert images[0].path == root / "bicycle_final" / "13_0.JPG"
    assert len(dataset.images("train")) == 2


def test_every_test_image_searches_all_others_and_its_own_place_is_ignored(root: Path) -> None:
    task = open_dataset(root).retrieval("test")
    assert task.queries == task.gallery
    assert task.relevance == (
        Relevance((1, 2), (0,)),
        Relevance((0, 2), (1,)),
        Relevance((0, 1), (2,)),
        Relevance((), (3,)),
    )


def test_one_list_alone_is_enough(root: Path) -> None:
    (root / "Ebay_test.txt").unlink()
    dataset = open_dataset(root)
    assert (dataset.splits, dataset.protocols) == (("train",), ())


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        (("3 3 1 a/b.JPG",), r"line 1: the header is .*image_id class_id super_class_id path"),
        ((PRODUCTS_HEADER, "3 3 1 a/b.JPG", "4 3"), "line 3: not `image_id"),
        ((PRODUCTS_HEADER, "3 x 1 a/b.JPG"), "line 2: class_id is 'x'"),
        ((PRODUCTS_HEADER, "3 3 1 /a/b.JPG"), "line 2: '/a/b.JPG' does not name a file inside"),
        ((PRODUCTS_HEADER, "3 3 1 C:\\b.JPG"), "line 2: .* does not name a file inside"),
    ],
)
def test_a_faulty_line_is_named(root: Path, written: tuple[str, ...], complaint: str) -> None:
    lines(root / "Ebay_test.txt", *written)
    with pytest.raises(ConfigError, match=rf"Ebay_test\.txt: {complaint}"):
        open_dataset(root)


def test_lists_without_an_image_are_refused(root: Path) -> None:
    for name in ("Ebay_train.txt", "Ebay_test.txt"):
        lines(root / name, PRODUCTS_HEADER)
    with pytest.raises(ConfigError, match="no images"):
        open_dataset(root)


def test_names_with_blanks_are_read(root: Path) -> None:
    lines(root / "Ebay_test.txt", PRODUCTS_HEADER, "3 3 1 my bicycle_final/13 0.JPG")
    (image,) = open_dataset(root).images("test")
    assert (image.id, image.category) == ("my bicycle_final/13 0.JPG", "my bicycle")
