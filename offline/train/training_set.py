"""A classifier's training set: images with categories, in two splits that share no file.

An image that lies in both splits would let validation praise what was learned by heart, so
equal files are found by content, reported, and kept out of training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from offline.datasets import Dataset, DatasetImage
from offline.datasets.hold_out import FOLDS, HoldOut, divided_splits, family_of, first_of
from offline.store.images import hash_images

TEST_NAMES = ("test",)


@dataclass(frozen=True)
class Sample:
    """One training or validation image. ``label`` is a position in ``Labelled.names``."""

    image: DatasetImage
    sha256: str
    label: int


@dataclass(frozen=True)
class Labelled:
    """Both splits, the categories in alphabetical order, and what was left out and why."""

    names: tuple[str, ...]
    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    notes: tuple[str, ...] = field(default=())  # a sentence each, for the card and the terminal

    @property
    def shares_families(self) -> bool:
        """Whether validation shows families that were learned: then it overrates, and what is
        calibrated on it is too sure of itself on packages of new families."""
        families = {family_of(sample.image) for sample in self.train}
        return any(family_of(sample.image) in families for sample in self.validation)


def labels_of(samples: Sequence[Sample]) -> npt.NDArray[np.int64]:
    """(N,)"""
    return np.array([sample.label for sample in samples], np.int64)


def read_labelled(
    dataset: Dataset,
    *,
    train: str | None = None,
    validation: str | None = None,
    hold_out: HoldOut = "split",
    folds: int = FOLDS,
    min_images: int,
    drop_small: bool = False,
    seed: int = 0,
) -> Labelled:
    """Choose the splits, hash every file, and refuse or report what would spoil a training.

    How ``train``, ``validation``, ``hold_out`` and ``folds`` divide: ``hold_out.divided_splits``.
    Raises ConfigError for fewer than two categories, and for categories with fewer than
    ``min_images`` training images unless ``drop_small``.
    """
    train_images, validation_images, notes = divided_splits(
        dataset, train, validation, hold_out, seed, folds
    )
    _refuse_unlabelled(dataset, [*train_images, *validation_images])
    test_images = _test_images(dataset, train_images, validation_images)
    hashes = hashes_of([*train_images, *validation_images, *test_images], notes)
    train_images = _readable(train_images, hashes)
    validation_images = _readable(validation_images, hashes)
    train_images = _without_doubles(dataset, train_images, validation_images, hashes, notes)
    names = _names(dataset, train_images, min_images, drop_small, notes)
    unknown = Counter(p.category for p in validation_images if p.category not in names)
    if unknown:
        notes.append(
            f"{unknown.total()} validation images are of categories that are not learned: "
            + ", ".join(sorted(str(name) for name in unknown))
        )
    return Labelled(
        names,
        _samples(train_images, names, hashes),
        _samples(validation_images, names, hashes),
        tuple(notes),
    )


def unlabelled_samples(dataset: Dataset, notes: list[str]) -> list[Sample]:
    """All images of a data set of no known category; their label is -1."""
    images = list({p.id: p for split in dataset.splits for p in dataset.images(split)}.values())
    hashes = hashes_of(images, notes)
    return [Sample(p, hashes[p.id], -1) for p in images if p.id in hashes]


def _refuse_unlabelled(dataset: Dataset, images: Sequence[DatasetImage]) -> None:
    if not any(image.category for image in images):
        raise ConfigError(
            f"{dataset.root}: its images have no categories to learn.",
            remedy="Give a folder of images a category: CATEGORY/view.jpg.",
        )


def _test_images(
    dataset: Dataset,
    train_images: Sequence[DatasetImage],
    validation_images: Sequence[DatasetImage],
) -> list[DatasetImage]:
    """Those of a test split, only to find copies of them in the training."""
    name = first_of(TEST_NAMES, dataset.splits)
    if name is None:
        return []
    taken = {image.id for image in (*train_images, *validation_images)}
    return [image for image in dataset.images(name) if image.id not in taken]


def hashes_of(images: Sequence[DatasetImage], notes: list[str]) -> dict[str, str]:
    """sha256 by image id; files that cannot be read are noted and absent."""
    hashes: dict[str, str] = {}
    for hashed in hash_images(images):
        if isinstance(hashed, str):
            notes.append(hashed)
        else:
            hashes[hashed.image.id] = hashed.sha256
    return hashes


def _readable(images: Sequence[DatasetImage], hashes: dict[str, str]) -> list[DatasetImage]:
    return [image for image in images if image.category and image.id in hashes]


def _without_doubles(
    dataset: Dataset,
    train_images: Sequence[DatasetImage],
    validation_images: Sequence[DatasetImage],
    hashes: dict[str, str],
    notes: list[str],
) -> list[DatasetImage]:
    """Training images whose content no other split holds and no other category claims."""
    own = {image.id for image in train_images}
    elsewhere = {sha: name for name, sha in hashes.items() if name not in own}
    claims: dict[str, set[str]] = {}
    for image in train_images:
        claims.setdefault(hashes[image.id], set()).add(str(image.category))
    kept: list[DatasetImage] = []
    seen: set[str] = set()
    for image in train_images:
        sha = hashes[image.id]
        if sha in elsewhere:
            notes.append(f"{image.id}: not learned, the same image as {elsewhere[sha]}")
        elif len(claims[sha]) > 1:
            both = " and ".join(sorted(claims[sha]))
            notes.append(f"{image.id}: not learned, the same image is in {both}")
        elif sha in seen:
            notes.append(f"{image.id}: learned once, the same image is there twice")
        else:
            seen.add(sha)
            kept.append(image)
    return kept


def _names(
    dataset: Dataset,
    train_images: Sequence[DatasetImage],
    min_images: int,
    drop_small: bool,
    notes: list[str],
) -> tuple[str, ...]:
    counts = Counter(str(image.category) for image in train_images)
    small = sorted(name for name, count in counts.items() if count < min_images)
    listed = ", ".join(f"{name} ({counts[name]})" for name in small)
    if small and not drop_small:
        raise ConfigError(
            f"{dataset.root}: too few images to learn from, fewer than {min_images}: {listed}.",
            remedy="Add images, or leave these categories out with --drop-small.",
        )
    if small:
        notes.append(f"left out, fewer than {min_images} training images: {listed}")
    names = tuple(sorted(set(counts) - set(small)))
    if len(names) < 2:
        raise ConfigError(
            f"{dataset.root}: a classifier needs at least two categories, found "
            f"{', '.join(names) or 'none'}.",
            remedy="Give a folder of images for each of at least two categories.",
        )
    return names


def _samples(
    images: Sequence[DatasetImage], names: tuple[str, ...], hashes: dict[str, str]
) -> tuple[Sample, ...]:
    at = {name: position for position, name in enumerate(names)}
    return tuple(
        Sample(image, hashes[image.id], at[image.category])
        for image in images
        if image.category in at
    )
