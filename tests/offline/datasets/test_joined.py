"""Several data sets as one: splits together, labels apart."""

from pathlib import Path

import pytest

from offline.datasets import DatasetImage
from offline.datasets.joined import joined
from offline.datasets.listed import ListedDataset

ROOT = Path("anywhere")


def dataset(name: str, split: str, product: str | None, family: str | None) -> ListedDataset:
    image = DatasetImage("front.jpg", ROOT / name / "front.jpg", "jar", family, product)
    return ListedDataset(name, ROOT / name, {split: [image]}, {})


def test_one_data_set_stays_itself() -> None:
    one = dataset("shop", "train", "a", None)
    assert joined([one]) is one


def test_what_two_data_sets_call_alike_stays_two_things() -> None:
    both = joined([dataset("first", "train", "a", "f"), dataset("second", "train", "a", "f")])
    images = both.images("train")
    assert len({image.id for image in images}) == 2
    assert len({image.product for image in images}) == 2
    assert len({image.family for image in images}) == 2
    assert {image.category for image in images} == {"jar"}
    assert [image.path for image in images] == [
        ROOT / "first" / "front.jpg",
        ROOT / "second" / "front.jpg",
    ]


def test_each_split_is_there_of_those_that_have_it_and_what_is_unknown_stays_so() -> None:
    both = joined([dataset("first", "train", None, None), dataset("second", "iconic", "a", None)])
    assert both.splits == ("train", "iconic")
    (image,) = both.images("train")
    assert image.product is None and image.family is None


def test_no_data_set_is_an_error() -> None:
    with pytest.raises(ValueError, match="no data sets"):
        joined([])
