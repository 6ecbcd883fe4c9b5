"""Which images a segmenter can learn from, and why it cannot from the others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import ConfigError, ImageError
from offline.datasets import DatasetImage, open_dataset
from offline.datasets.listed import ListedDataset
from offline.datasets.packbench import shipped
from offline.train.backgrounds import background_files
from offline.train.segmenter.samples import (
    SampleStore,
    chosen_splits,
    held_out,
    read_sample,
    spread,
    usable,
)
from tests.offline.train.mask_pictures import write_pair, write_pairs


def quiet(done: int, total: int) -> None:
    pass


def dataset(root: Path, **parts: list[DatasetImage]) -> ListedDataset:
    return ListedDataset("made", root, parts, {})


def test_a_mask_is_read_to_the_grey_level() -> None:
    image = open_dataset(shipped()).images("train")[0]
    assert image.mask is not None
    sample = read_sample(image, 4096)
    exact = np.asarray(Image.open(image.mask).convert("L"), np.float32) / 255
    assert sample.pixels.shape == (*exact.shape, 3)
    assert np.abs(sample.alpha - exact).max() < 1e-6


def test_a_large_image_and_its_mask_shrink_alike(tmp_path: Path) -> None:
    sample = read_sample(write_pair(tmp_path, "large", size=(301, 201)), 64)
    assert sample.alpha.shape == sample.pixels.shape[:2]
    assert max(sample.alpha.shape) == 64
    assert 0.0 <= sample.alpha.min() < sample.alpha.max() <= 1.0


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    image = write_pair(tmp_path, "one")
    other = write_pair(tmp_path, "other", size=(41, 30))
    with pytest.raises(ImageError, match=r"is 40 x 30, its mask .*other\.png 41 x 30"):
        read_sample(replace(image, mask=other.mask), 512)


@pytest.mark.parametrize("brightest", [0, 1, 127])
def test_a_mask_without_product_is_refused(tmp_path: Path, brightest: int) -> None:
    """Masks of 0 and 1 are a common mistake: they look black."""
    image = write_pair(tmp_path, "dark")
    assert image.mask is not None
    Image.fromarray(np.full((30, 40), brightest, np.uint8)).save(image.mask)
    with pytest.raises(ImageError, match=rf"shows no product: its brightest value is {brightest} "):
        read_sample(image, 512)


def test_what_cannot_be_read_is_left_out_and_reported(tmp_path: Path) -> None:
    images = write_pairs(tmp_path, 4)
    images[1].path.write_bytes(b"\xff\xd8 no image")
    assert images[2].mask is not None
    images[2].mask.unlink()
    reported: list[tuple[int, int]] = []
    found = usable(images, SampleStore(512), lambda *at: reported.append(at))
    assert found.images == (images[0], images[3])
    assert ["01.jpg" in found.left_out[0], "02.png" in found.left_out[1]] == [True, True]
    assert reported[-1] == (4, 4)


def test_nothing_to_learn_from_is_an_error_with_its_first_reasons(tmp_path: Path) -> None:
    images = write_pairs(tmp_path, 5)
    for image in images:
        image.path.unlink()
    with pytest.raises(ConfigError, match=r"None of 5 images.*00\.jpg: does not exist.*--data"):
        usable(images, SampleStore(512), quiet)


def test_packbench_is_learned_from_train_and_validated_by_validation() -> None:
    data = open_dataset(shipped())
    train, validation = chosen_splits(data, None, None)
    assert train == list(data.images("train"))
    assert validation == list(data.images("validation"))


def test_the_only_split_gives_one_image_in_ten_to_judge_by(tmp_path: Path) -> None:
    write_pairs(tmp_path, 25)
    train, validation = chosen_splits(open_dataset(tmp_path), None, None)
    assert (len(train), len(validation)) == (23, 2)
    assert not {image.id for image in train} & {image.id for image in validation}


def test_the_same_split_cannot_be_learned_from_and_validated_by() -> None:
    with pytest.raises(ConfigError, match="split"):
        chosen_splits(open_dataset(shipped()), "test", "test")


def test_a_split_without_masks_is_refused_with_the_way_to_some(tmp_path: Path) -> None:
    bare = [replace(image, mask=None) for image in write_pairs(tmp_path, 2)]
    with pytest.raises(ConfigError, match=r"no image of the split 'train' has a mask.*packbench"):
        chosen_splits(dataset(tmp_path, train=bare), None, None)


def test_an_unknown_split_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no split 'trian'.*train, validation"):
        chosen_splits(open_dataset(shipped()), "trian", None)


@pytest.mark.parametrize("limit", [1, 2, 7, 20, 21, None])
def test_a_limit_is_spread_over_all_images(tmp_path: Path, limit: int | None) -> None:
    images = [DatasetImage(str(number), tmp_path) for number in range(20)]
    chosen = spread(images, limit)
    assert len(chosen) == min(limit or 20, 20)
    assert len({image.id for image in chosen}) == len(chosen)
    if limit and limit > 1:
        assert (chosen[0], chosen[-1]) == (images[0], images[-1])


def test_a_folder_without_backgrounds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no images"):
        background_files(tmp_path)
    image = write_pair(tmp_path / "deeper", "one")
    assert background_files(tmp_path)[0] == image.path


def test_of_several_data_sets_whole_families_are_held_out(tmp_path: Path) -> None:
    """Of all their splits: photos of a held-out family are not learned from either."""
    image = write_pair(tmp_path, "one")
    many = [
        replace(image, id=f"{look}{n}", look=look, category="jar", family=f"f{n % 5}")
        for n in range(20)
        for look in ("studio", "phone")
    ]
    packs = dataset(tmp_path, catalogue=many[::2], queries=many[1::2])
    shop = dataset(
        tmp_path, all=[replace(image, id=str(n), product=f"p{n % 10}") for n in range(30)]
    )
    train, held = held_out([packs, shop], "family", seed=3)
    assert len(train) + len(held) == 70
    for part in ("family", "product"):
        learned, judged = ({getattr(i, part) for i in s} - {None} for s in (train, held))
        assert judged and not learned & judged
    assert {i.look for i in held} == {"studio", "phone", None}


def test_a_store_decodes_once_and_keeps_to_its_room(tmp_path: Path) -> None:
    image = write_pair(tmp_path, "one")
    store, small = SampleStore(512), SampleStore(512, room=10)
    first, other = store.read(image), small.read(image)
    background = store.pixels(image.path)
    assert np.array_equal(first.alpha, read_sample(image, 512).alpha)
    image.path.unlink()
    assert np.array_equal(store.read(image).pixels, first.pixels)
    assert np.array_equal(store.pixels(image.path), background)
    assert np.array_equal(other.alpha, first.alpha)
    with pytest.raises(ImageError):
        small.read(image)
