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
from offline.datasets import Dataset, Picture
from offline.datasets.hold_out import HoldOut, divided_splits, family_of, first_of
from offline.store.images import hash_pictures

TEST_NAMES = ("test",)


@dataclass(frozen=True)
class Sample:
    """One training or validation image. ``label`` is a position in ``Labelled.names``."""

    picture: Picture
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
        families = {family_of(sample.picture) for sample in self.train}
        return any(family_of(sample.picture) in families for sample in self.validation)


def labels_of(samples: Sequence[Sample]) -> npt.NDArray[np.int64]:
    """(N,)"""
    return np.array([sample.label for sample in samples], np.int64)


def read_labelled(
    dataset: Dataset,
    *,
    train: str | None = None,
    validation: str | None = None,
    hold_out: HoldOut = "split",
    min_images: int,
    drop_small: bool = False,
    seed: int = 0,
) -> Labelled:
    """Choose the splits, hash every file, and refuse or report what would spoil a training.

    How ``train``, ``validation`` and ``hold_out`` divide them: ``hold_out.divided_splits``.
    Raises ConfigError for fewer than two categories, and for categories with fewer than
    ``min_images`` training images unless ``drop_small``.
    """
    train_pictures, validation_pictures, notes = divided_splits(
        dataset, train, validation, hold_out, seed
    )
    _refuse_unlabelled(dataset, [*train_pictures, *validation_pictures])
    test_pictures = _test_pictures(dataset, train_pictures, validation_pictures)
    hashes = hashes_of([*train_pictures, *validation_pictures, *test_pictures], notes)
    train_pictures = _readable(train_pictures, hashes)
    validation_pictures = _readable(validation_pictures, hashes)
    train_pictures = _without_doubles(dataset, train_pictures, validation_pictures, hashes, notes)
    names = _names(dataset, train_pictures, min_images, drop_small, notes)
    unknown = Counter(p.category for p in validation_pictures if p.category not in names)
    if unknown:
        notes.append(
            f"{unknown.total()} validation images are of categories that are not learned: "
            + ", ".join(sorted(str(name) for name in unknown))
        )
    return Labelled(
        names,
        _samples(train_pictures, names, hashes),
        _samples(validation_pictures, names, hashes),
        tuple(notes),
    )


def unlabelled_samples(dataset: Dataset, notes: list[str]) -> list[Sample]:
    """All images of a data set of no known category; their label is -1."""
    pictures = list({p.id: p for split in dataset.splits for p in dataset.pictures(split)}.values())
    hashes = hashes_of(pictures, notes)
    return [Sample(p, hashes[p.id], -1) for p in pictures if p.id in hashes]


def _refuse_unlabelled(dataset: Dataset, pictures: Sequence[Picture]) -> None:
    if not any(picture.category for picture in pictures):
        raise ConfigError(
            f"{dataset.root}: its images have no categories to learn.",
            remedy="Give a folder of images a category: CATEGORY/view.jpg.",
        )


def _test_pictures(
    dataset: Dataset, train_pictures: Sequence[Picture], validation_pictures: Sequence[Picture]
) -> list[Picture]:
    """Those of a test split, only to find copies of them in the training."""
    name = first_of(TEST_NAMES, dataset.splits)
    if name is None:
        return []
    taken = {picture.id for picture in (*train_pictures, *validation_pictures)}
    return [picture for picture in dataset.pictures(name) if picture.id not in taken]


def hashes_of(pictures: Sequence[Picture], notes: list[str]) -> dict[str, str]:
    """sha256 by image id; files that cannot be read are noted and absent."""
    hashes: dict[str, str] = {}
    for hashed in hash_pictures(pictures):
        if isinstance(hashed, str):
            notes.append(hashed)
        else:
            hashes[hashed.picture.id] = hashed.sha256
    return hashes


def _readable(pictures: Sequence[Picture], hashes: dict[str, str]) -> list[Picture]:
    return [picture for picture in pictures if picture.category and picture.id in hashes]


def _without_doubles(
    dataset: Dataset,
    train_pictures: Sequence[Picture],
    validation_pictures: Sequence[Picture],
    hashes: dict[str, str],
    notes: list[str],
) -> list[Picture]:
    """Training images whose content no other split holds and no other category claims."""
    own = {picture.id for picture in train_pictures}
    elsewhere = {sha: name for name, sha in hashes.items() if name not in own}
    claims: dict[str, set[str]] = {}
    for picture in train_pictures:
        claims.setdefault(hashes[picture.id], set()).add(str(picture.category))
    kept: list[Picture] = []
    seen: set[str] = set()
    for picture in train_pictures:
        sha = hashes[picture.id]
        if sha in elsewhere:
            notes.append(f"{picture.id}: not learned, the same image as {elsewhere[sha]}")
        elif len(claims[sha]) > 1:
            both = " and ".join(sorted(claims[sha]))
            notes.append(f"{picture.id}: not learned, the same image is in {both}")
        elif sha in seen:
            notes.append(f"{picture.id}: learned once, the same image is there twice")
        else:
            seen.add(sha)
            kept.append(picture)
    return kept


def _names(
    dataset: Dataset,
    train_pictures: Sequence[Picture],
    min_images: int,
    drop_small: bool,
    notes: list[str],
) -> tuple[str, ...]:
    counts = Counter(str(picture.category) for picture in train_pictures)
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
    pictures: Sequence[Picture], names: tuple[str, ...], hashes: dict[str, str]
) -> tuple[Sample, ...]:
    at = {name: position for position, name in enumerate(names)}
    return tuple(
        Sample(picture, hashes[picture.id], at[picture.category])
        for picture in pictures
        if picture.category in at
    )
