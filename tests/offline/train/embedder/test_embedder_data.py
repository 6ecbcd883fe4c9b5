"""Which images are learned, grouped and judged; every way they may not do, with the way out."""

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from offline.datasets import DatasetImage, open_dataset
from offline.datasets.joined import joined
from offline.datasets.listed import ListedDataset
from offline.store.cutouts import Cutouts
from offline.store.images import key_of
from offline.train.embedder.data import EmbedderData, read_data
from offline.train.embedder.validation import validation_task
from offline.train.run import Splits


def dataset(
    root: Path, listed: dict[str, list[tuple[str, str | None, str | None]]]
) -> ListedDataset:
    """(name, product, family) by split; every file has a content of its own."""
    parts = {}
    for split, rows in listed.items():
        parts[split] = [
            DatasetImage(f"{split}/{name}", root / f"{split}-{name}", "tea", family, product)
            for name, product, family in rows
        ]
        for image in parts[split]:
            image.path.write_text(image.id)
    return ListedDataset("teas", root, parts, {})


TWO_VIEWS = [(f"{p}{v}", p, f"f{p}") for p in "abc" for v in (1, 2)]


def read(data: ListedDataset, positives: str = "product", *, single: bool = False) -> EmbedderData:
    return read_data(data, Splits(), positives, augment_single=single, seed=0)


def validation_of(data: EmbedderData) -> object:
    rows = {key_of(sample): at for at, sample in enumerate((*data.train, *data.validation))}
    count = len(rows)
    cutouts = Cutouts(np.zeros((count, 4, 4, 4), np.uint8), rows, np.zeros(count, np.float32))
    return validation_task(data, cutouts)


def test_products_group_the_images_to_learn_from(tmp_path: Path) -> None:
    data = dataset(tmp_path, {"train": TWO_VIEWS, "validation": TWO_VIEWS})
    data = read(data)
    assert data.names == ("tea/a", "tea/b", "tea/c")
    assert data.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.families == ("tea/fa", "tea/fa", "tea/fb", "tea/fb", "tea/fc", "tea/fc")


def test_a_family_is_several_products(tmp_path: Path) -> None:
    rows = [(f"{p}{v}", p, "x" if p in "ab" else "y") for p in "abc" for v in (1, 2)]
    data = read(dataset(tmp_path, {"train": rows, "validation": rows}), "family")
    assert data.labels.tolist() == [0, 0, 0, 0, 1, 1]


def test_without_labels_every_image_is_its_own(tmp_path: Path) -> None:
    rows = [(str(at), None, None) for at in range(4)]
    data = read(dataset(tmp_path, {"train": rows, "validation": rows[:2]}), "self")
    assert data.labels.tolist() == [0, 1, 2, 3]
    assert data.relevant_by == "self"


def test_products_with_one_image_are_counted_and_the_way_out_is_named(tmp_path: Path) -> None:
    data = dataset(tmp_path, {"train": [*TWO_VIEWS, ("d1", "d", None)], "validation": TWO_VIEWS})
    with pytest.raises(ConfigError, match=r"1 of 4 products.*tea/d.*--augment-single"):
        read(data)
    data = read(data, single=True)
    assert len(data.train) == 7
    assert any("1 of 4 products" in note for note in data.notes)


@pytest.mark.parametrize(
    ("product", "positives", "remedy"),
    [(None, "product", "--positives family, or self"), ("a", "product", "--positives family")],
    ids=["no product ids", "one product"],
)
def test_nothing_to_tell_apart_is_an_error(
    tmp_path: Path, product: str | None, positives: str, remedy: str
) -> None:
    rows = [(str(at), product, None) for at in range(4)]
    with pytest.raises(ConfigError, match=remedy):
        read(dataset(tmp_path, {"train": rows, "validation": rows}), positives)


def test_images_of_no_product_are_left_out_and_noted(tmp_path: Path) -> None:
    data = dataset(tmp_path, {"train": [*TWO_VIEWS, ("x", None, None)], "validation": TWO_VIEWS})
    data = read(data)
    assert len(data.train) == 6
    assert "left out, of no product: 1 images" in data.notes


def test_what_validation_shows_is_not_learned(tmp_path: Path) -> None:
    data = dataset(tmp_path, {"train": [*TWO_VIEWS, ("a3", "a", None)], "validation": TWO_VIEWS})
    (tmp_path / "train-a3").write_bytes((tmp_path / "validation-b1").read_bytes())
    data = read(data)
    assert "train/a3" not in [sample.image.id for sample in data.train]
    assert any("same image as validation/b1" in note for note in data.notes)


def test_validation_images_look_for_each_other(tmp_path: Path) -> None:
    validation = [*TWO_VIEWS, ("z", None, None)]
    validation = validation_of(
        read(dataset(tmp_path, {"train": TWO_VIEWS, "validation": validation}))
    )
    assert validation.queries.tolist() == [6, 7, 8, 9, 10, 11]
    assert validation.query_labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert validation.own.tolist() == list(range(6))


def test_single_views_look_among_the_learned_images(tmp_path: Path) -> None:
    validation = [("b9", "b", None), ("a9", "a", None), ("n9", "new", None)]
    validation = validation_of(
        read(dataset(tmp_path, {"train": TWO_VIEWS, "validation": validation}))
    )
    assert validation.gallery_labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert validation.query_labels.tolist() == [1, 0, 3]
    assert validation.own is None and not validation.augmented


def test_without_labels_a_disguised_image_looks_for_itself(tmp_path: Path) -> None:
    rows = [(str(at), None, None) for at in range(4)]
    validation = validation_of(
        read(dataset(tmp_path, {"train": rows, "validation": rows[:3]}), "self")
    )
    assert validation.augmented
    assert validation.query_labels.tolist() == validation.gallery_labels.tolist() == [0, 1, 2]


def test_without_labels_to_learn_from_those_there_are_still_judge(tmp_path: Path) -> None:
    data = dataset(tmp_path, {"train": TWO_VIEWS, "validation": TWO_VIEWS})
    validation = validation_of(read(data, "self"))
    assert validation.query_labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert not validation.augmented


def test_nothing_to_judge_by_is_an_error(tmp_path: Path) -> None:
    validation = [("x", "x", None), ("y", "y", None)]
    data = read(dataset(tmp_path, {"train": TWO_VIEWS, "validation": validation}))
    with pytest.raises(ConfigError, match="--hold-out product"):
        validation_of(data)


def test_the_shipped_packbench_does(tmp_path: Path) -> None:
    from offline.datasets.packbench import shipped

    data = read_data(
        open_dataset(shipped()), Splits(hold_out="family"), "product", augment_single=False, seed=1
    )
    train = {sample.image.family for sample in data.train}
    assert not train & {sample.image.family for sample in data.validation}


def test_several_splits_of_several_data_sets_are_divided_together(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    first = dataset(tmp_path / "first", {"catalogue": TWO_VIEWS, "queries": [("a9", "a", "fa")]})
    second = dataset(tmp_path / "second", {"train": TWO_VIEWS})
    for image in second.images("train"):
        image.path.write_text(f"second {image.id}")
    data = read_data(
        joined([first, second]),
        Splits(train="catalogue, queries, train", hold_out="product"),
        "product",
        augment_single=False,
        seed=0,
    )
    assert len(data.train) + len(data.validation) == 13
    assert {name.split("/")[1] for name in data.names} == {"1", "2"}
    learned = {sample.image.product for sample in data.train}
    assert not learned & {sample.image.product for sample in data.validation}


def test_fewer_are_held_out_of_more_folds(tmp_path: Path) -> None:
    rows = [(f"{p}{v}", f"p{p}", None) for p in range(20) for v in (1, 2)]
    data = dataset(tmp_path, {"train": rows})
    held = [
        read_data(
            data, Splits(hold_out="product", folds=n), "product", augment_single=False, seed=0
        ).validation
        for n in (4, 10)
    ]
    assert [len(samples) for samples in held] == [10, 4]
