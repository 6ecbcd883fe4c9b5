"""Which images a classifier learns from, and which it must not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from offline.datasets import Dataset, DatasetImage, open_dataset
from offline.datasets.hold_out import divided_splits
from offline.datasets.listed import ListedDataset
from offline.train.classifier.recipe import MIN_IMAGES
from offline.train.training_set import Labelled, read_labelled
from tests.drawn_catalogue import package, save, write_catalogue


def labelled_of(dataset: Dataset, **how: Any) -> Labelled:
    return read_labelled(dataset, min_images=MIN_IMAGES, **how)


def split_folders(root: Path) -> Dataset:
    """train/ and validation/ of three categories, four images each; no content twice."""
    write_catalogue(root / "train")
    for category in ("bottle", "jar", "stick"):
        for view in (5, 6):
            save(root / "validation" / category / f"v{view}.png", package(category, 9, view))
    return open_dataset(root)


def ids(labelled: Labelled) -> tuple[list[str], list[str]]:
    return (
        [sample.image.id for sample in labelled.train],
        [sample.image.id for sample in labelled.validation],
    )


def test_the_splits_of_the_data_set_are_taken_as_they_are(tmp_path: Path) -> None:
    labelled = labelled_of(split_folders(tmp_path))
    assert labelled.names == ("bottle", "jar", "stick")
    assert len(labelled.train) == 12 and len(labelled.validation) == 6
    assert labelled.notes == ()
    for sample in (*labelled.train, *labelled.validation):
        assert labelled.names[sample.label] == sample.image.category


def test_an_image_in_both_splits_is_reported_and_not_learned(tmp_path: Path) -> None:
    dataset = split_folders(tmp_path)
    shutil.copy(tmp_path / "train/jar/p0/v0.png", tmp_path / "validation/jar/copy.png")
    labelled = labelled_of(open_dataset(tmp_path))
    train, validation = ids(labelled)
    assert "train/jar/p0/v0.png" not in train and "validation/jar/copy.png" in validation
    assert len(train) == len(dataset.images("train")) - 1
    assert any("p0/v0.png: not learned" in note and "copy.png" in note for note in labelled.notes)


def test_an_image_of_the_test_split_is_not_learned(tmp_path: Path) -> None:
    split_folders(tmp_path)
    (tmp_path / "test/jar").mkdir(parents=True)
    shutil.copy(tmp_path / "train/jar/p1/v1.png", tmp_path / "test/jar/other_name.png")
    labelled = labelled_of(open_dataset(tmp_path))
    assert "train/jar/p1/v1.png" not in ids(labelled)[0]
    assert any("test/jar/other_name.png" in note for note in labelled.notes)


def test_an_image_in_two_categories_is_learned_as_neither(tmp_path: Path) -> None:
    split_folders(tmp_path)
    shutil.copy(tmp_path / "train/jar/p0/v0.png", tmp_path / "train/stick/p0/liar.png")
    labelled = labelled_of(open_dataset(tmp_path))
    assert not {"train/jar/p0/v0.png", "train/stick/p0/liar.png"} & set(ids(labelled)[0])
    assert sum("jar and stick" in note for note in labelled.notes) == 2


def test_a_copy_within_a_category_is_learned_once(tmp_path: Path) -> None:
    split_folders(tmp_path)
    shutil.copy(tmp_path / "train/jar/p0/v0.png", tmp_path / "train/jar/p0/again.png")
    labelled = labelled_of(open_dataset(tmp_path))
    assert len(labelled.train) == 12
    assert any("twice" in note for note in labelled.notes)


def test_a_category_of_one_image_is_refused_by_name(tmp_path: Path) -> None:
    split_folders(tmp_path)
    save(tmp_path / "train/tube/only.png", package("stick", 77))
    with pytest.raises(ConfigError, match=r"fewer than 2: tube \(1\).*--drop-small"):
        labelled_of(open_dataset(tmp_path))
    labelled = labelled_of(open_dataset(tmp_path), drop_small=True)
    assert labelled.names == ("bottle", "jar", "stick")
    assert any("tube (1)" in note for note in labelled.notes)


def test_one_category_is_no_classifier(tmp_path: Path) -> None:
    write_catalogue(tmp_path, categories=["jar"], products=4)
    with pytest.raises(ConfigError, match=r"two categories.*jar"):
        labelled_of(open_dataset(tmp_path))


def test_validation_of_an_unknown_category_is_reported(tmp_path: Path) -> None:
    split_folders(tmp_path)
    save(tmp_path / "validation/tube/v.png", package("stick", 77))
    labelled = labelled_of(open_dataset(tmp_path))
    assert len(labelled.validation) == 6
    assert any("1 validation images" in note and "tube" in note for note in labelled.notes)


def test_an_absent_file_is_reported_and_left_out(tmp_path: Path) -> None:
    dataset = split_folders(tmp_path)
    (tmp_path / "train/jar/p0/v0.png").unlink()
    labelled = labelled_of(dataset)
    assert len(labelled.train) == 11
    assert any("v0.png: left out, cannot be read" in note for note in labelled.notes)


def test_unknown_splits_are_refused_with_the_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no split 'x'.*train"):
        labelled_of(split_folders(tmp_path), train="x")


def test_labels_may_hold_odd_characters(tmp_path: Path) -> None:
    names = ["pump | 28/410", 'a "quoted" one', "Tiegel – groß", "=1+1", " emoji 🧴"]
    images = [
        DatasetImage(
            f"{at}/{view}", save(tmp_path / f"{at}-{view}.png", package("jar", at, view)), name
        )
        for at, name in enumerate(names)
        for view in range(6)
    ]
    labelled = labelled_of(ListedDataset("odd", tmp_path, {"all": images}, {}))
    assert labelled.names == tuple(sorted(names))


def families(counts: list[int]) -> ListedDataset:
    """A category a count, with so many families of two products of two images; no files."""
    images = [
        DatasetImage(f"{c}/{f}/{p}/{v}", Path(__file__), f"c{c}", f"f{f}", f"p{f}-{p}")
        for c, count in enumerate(counts)
        for f in range(count)
        for p in range(2)
        for v in range(2)
    ]
    return ListedDataset("made", Path(), {"all": images}, {})


@given(st.lists(st.integers(2, 8), min_size=2, max_size=5), st.integers(0, 9))
def test_held_out_families_are_whole_and_every_category_is_on_both_sides(
    counts: list[int], seed: int
) -> None:
    learned, judged, notes = divided_splits(families(counts), None, None, "family", seed)
    one = {(p.category, p.family) for p in learned}
    other = {(p.category, p.family) for p in judged}
    assert not one & other
    assert {c for c, _ in one} == {c for c, _ in other} == {f"c{at}" for at in range(len(counts))}
    assert len(learned) + len(judged) == 4 * sum(counts)
    assert "held out by family" in notes[0]
    assert divided_splits(families(counts), None, None, "family", seed)[0] == learned


def test_a_category_of_one_family_is_divided_by_images() -> None:
    learned, judged, _ = divided_splits(families([1, 3]), None, None, "family", 0)
    assert {p.category for p in learned} == {p.category for p in judged} == {"c0", "c1"}


def test_it_is_reported_whether_validation_shows_what_was_learned(tmp_path: Path) -> None:
    assert not labelled_of(split_folders(tmp_path)).shares_families
    shown = labelled_of(open_dataset(tmp_path), hold_out="image")
    assert shown.shares_families


def test_a_named_split_alone_is_divided_without_touching_the_others(tmp_path: Path) -> None:
    labelled = labelled_of(split_folders(tmp_path), train="train", hold_out="image")
    images = [sample.image.id for sample in (*labelled.train, *labelled.validation)]
    assert len(images) == 12 and all(name.startswith("train/") for name in images)
