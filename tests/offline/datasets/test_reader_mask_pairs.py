"""Mask sets: which image goes with which mask, whatever the folders are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.datasets import open_dataset
from tests.offline.datasets.small_datasets import image as write_image


def pairs(root: Path, split: str) -> list[tuple[str, str]]:
    found = open_dataset(root).images(split)
    return [(one.id, one.mask.relative_to(root).as_posix()) for one in found if one.mask]


@pytest.mark.parametrize(
    ("image", "mask", "split"),
    [
        ("images/a.jpg", "masks/a.png", "all"),
        ("Imgs/a.jpg", "gt/a.png", "all"),
        ("images/a.jpg", "ground_truth_mask/a.png", "all"),
        ("images/a.jpg", "masks/a_mask.gif", "all"),
        ("DUTS-TR-Image/a.jpg", "DUTS-TR-Mask/a.png", "train"),
        ("DUTS-TE/DUTS-TE-Image/a.jpg", "DUTS-TE/DUTS-TE-Mask/a.png", "test"),
        ("train/images/a.jpg", "train/masks/a.png", "train"),
        ("images/val/a.jpg", "masks/val/a.png", "all"),
        ("set one/image/a b.jpg", "set one/alpha/a b.png", "set-one"),
        ("a.jpg", "a_mask.png", "all"),
        ("jar/a.jpg", "jar/a-matte.png", "all"),
    ],
)
def test_an_image_finds_its_mask(tmp_path: Path, image: str, mask: str, split: str) -> None:
    write_image(tmp_path / image, tmp_path / mask)
    assert open_dataset(tmp_path).name == "mask_pairs"
    assert pairs(tmp_path, split) == [(image, mask)]


def test_folders_below_are_categories(tmp_path: Path) -> None:
    for category in ("jar", "cap pump"):
        write_image(
            tmp_path / "images" / category / "1.jpg", tmp_path / "masks" / category / "1.png"
        )
    found = open_dataset(tmp_path).images("all")
    assert [one.category for one in found] == ["cap pump", "jar"]
    assert [one.product for one in found] == [None, None]


def test_folders_within_a_category_are_products(tmp_path: Path) -> None:
    write_image(tmp_path / "images/jar/one/1.jpg", tmp_path / "masks/jar/one/1.png")
    (found,) = open_dataset(tmp_path).images("all")
    assert (found.category, found.product) == ("jar", "one")


def test_everything_without_its_other_half_is_listed(tmp_path: Path) -> None:
    write_image(*(tmp_path / "images" / f"{name}.jpg" for name in "abcdefgh"))
    write_image(*(tmp_path / "masks" / f"{name}.png" for name in "hz"))
    with pytest.raises(ConfigError) as caught:
        open_dataset(tmp_path)
    assert "a, b, c, d, e, ..." in str(caught.value)
    assert ": z." in str(caught.value)


def test_a_split_with_one_half_only_is_listed(tmp_path: Path) -> None:
    for name in ("train/images/a.jpg", "train/masks/a.png", "test/images/b.jpg"):
        write_image(tmp_path / name)
    with pytest.raises(ConfigError, match=r"folders.*: test"):
        open_dataset(tmp_path)


def test_two_masks_of_one_image_are_refused(tmp_path: Path) -> None:
    for name in ("images/a.jpg", "masks/a.png", "masks/a_mask.png"):
        write_image(tmp_path / name)
    with pytest.raises(ConfigError, match=r"both a\.png and a_mask\.png"):
        open_dataset(tmp_path)


def test_two_sets_that_would_be_one_split_are_refused(tmp_path: Path) -> None:
    for name in ("A-TR-Image/a.jpg", "A-TR-Mask/a.png", "B-TR-Image/a.jpg", "B-TR-Mask/a.png"):
        write_image(tmp_path / name)
    with pytest.raises(ConfigError, match="split 'train'"):
        open_dataset(tmp_path)


def test_hidden_files_and_lists_do_no_harm(tmp_path: Path) -> None:
    for name in ("images/a.jpg", "images/._a.jpg", "masks/a.png"):
        write_image(tmp_path / name)
    (tmp_path / "masks" / "readme.txt").write_text("masks")
    assert pairs(tmp_path, "all") == [("images/a.jpg", "masks/a.png")]
