"""Validation data: a split of the data set, or a fifth of it held out in whole groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from offline.datasets import Dataset, DatasetImage

# Names of the two splits, the first that a data set has; a single split is divided.
TRAIN_NAMES = ("train",)
VALIDATION_NAMES = ("validation", "val")
FOLDS = 5  # one of them is held out for validation, where we divide

# What validation is made of: the data set's own split, or a fifth of all images, held out by
# single images, whole products or whole families.
HoldOut = Literal["split", "image", "product", "family"]


def divided_splits(
    dataset: Dataset,
    train: str | None,
    validation: str | None,
    hold_out: HoldOut,
    seed: int,
    folds: int = FOLDS,
) -> tuple[list[DatasetImage], list[DatasetImage], list[str]]:
    """The training and validation images, and notes for the card.

    Without names the splits are ``train`` and ``validation`` (or ``val``). A data set with one
    split is divided, whole products at a time; ``hold_out`` divides both splits together anew,
    or ``train`` alone where that is all that is named. A name may be several with commas between.
    Raises ConfigError where there is nothing to divide.
    """
    if validation is None and (train is None or hold_out == "split"):
        validation = first_of(VALIDATION_NAMES, dataset.splits)
    train = train or first_of(TRAIN_NAMES, dataset.splits)
    both = [name for name in (train, validation) if name is not None]
    if len(both) == 2 and hold_out == "split":
        return _images(dataset, both[:1]), _images(dataset, both[1:]), []
    if not both and len(dataset.splits) == 1:
        both = list(dataset.splits)
    if not both:
        raise ConfigError(
            f"{dataset.root}: has no splits train and validation.",
            remedy=f"Name two of {', '.join(dataset.splits)} with --train-split and "
            "--validation-split.",
        )
    kind: HoldOut = "product" if hold_out == "split" else hold_out
    images = _images(dataset, both)
    train_images, validation_images = _divided(images, kind, folds, np.random.default_rng(seed))
    note = (
        f"validation: {len(validation_images)} of the {len(images)} images of "
        f"{' and '.join(both)}, "
        f"held out by {kind} (seed {seed})"
    )
    return train_images, validation_images, [note]


def _images(dataset: Dataset, splits: Sequence[str]) -> list[DatasetImage]:
    """Each image once."""
    names = [name.strip() for split in splits for name in split.split(",")]
    return list({image.id: image for name in names for image in dataset.images(name)}.values())


def first_of(wanted: Iterable[str], there: Sequence[str]) -> str | None:
    return next((name for name in wanted if name in there), None)


def _divided(
    images: Sequence[DatasetImage], kind: HoldOut, folds: int, random: np.random.Generator
) -> tuple[list[DatasetImage], list[DatasetImage]]:
    """One of so many folds of every category's groups held out. A category of one group is
    divided by images: nothing would be left for one of the two splits."""
    group = {"image": _itself, "product": _product, "family": family_of}[kind]
    groups: dict[str, set[str]] = {}
    for image in images:
        groups.setdefault(str(image.category), set()).add(group(image))
    names = [group(p) if len(groups[str(p.category)]) > 1 else _itself(p) for p in images]
    dealt = family_folds(names, [str(p.category) for p in images], folds, random)
    held = _held_fold(images, dealt)
    train_images = [p for p, out in zip(images, held, strict=True) if not out]
    validation_images = [p for p, out in zip(images, held, strict=True) if out]
    return train_images, validation_images


def family_folds(
    families: Sequence[str], categories: Sequence[str], folds: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """(N,) the fold of every photo, in [0, folds): no family is in two.

    Each category's families are dealt out in turn in a random order, so that a category of F
    families is trained on at least F - ceil(F / folds) of them whichever fold is left out. Train
    on all folds but one, predict that one, for each: the logits of all photos, gathered, are what
    ``fit_temperature``, ``choose_unknown`` and ``least_probability`` need (Platt 1999 fits his
    sigmoid this way). A category of one family has all of it in one fold and is then predicted
    by a network that never saw it: pass its products as families instead.

    Why whole families: measured on Packbench standard, where every product is both in training and
    in validation, a linear head on MobileNetV2 (grey cutouts, 75 families) is correct on 0.998 of
    validation and on 0.79 of test, whose families are new. The temperature of the validation split
    is 0.38 and leaves an ECE of 0.161 on test, worse than none (0.083); that of photos predicted by
    heads which had not seen their family is 1.47 and leaves 0.052, where chance alone shows 0.047
    (see ``metrics.calibration.chance_calibration_error``).

    A family belongs to the category of its first photo. Raises ValueError for fewer than two
    folds and for lengths that differ.
    """
    if folds < 2:
        raise ValueError(f"folds = {folds}: at least two are needed")
    if len(families) != len(categories):
        raise ValueError(f"{len(families)} families, {len(categories)} categories")
    first = dict(zip(reversed(families), reversed(categories), strict=True))
    place: dict[str, int] = {}
    # Each category starts where the former one ended, or fold 0 would get most of them.
    dealt = 0
    for category in sorted(set(first.values())):
        mine = sorted(family for family in first if first[family] == category)
        for index in rng.permutation(len(mine)).tolist():
            place[mine[index]] = dealt % folds
            dealt += 1
    return np.array([place[family] for family in families], np.int64)


def _held_fold(
    images: Sequence[DatasetImage], folds: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """For every category its own first fold: a small one may have nothing in a given fold."""
    first: dict[str, int] = {}
    for image, fold in zip(images, folds.tolist(), strict=True):
        name = str(image.category)
        first[name] = min(first.get(name, fold), fold)
    return np.array(
        [first[str(p.category)] == fold for p, fold in zip(images, folds.tolist(), strict=True)]
    )


def _itself(image: DatasetImage) -> str:
    return image.id


def _product(image: DatasetImage) -> str:
    return f"{image.category}/{image.product or image.id}"


def family_of(image: DatasetImage) -> str:
    """What may not be in both splits: the family, else the product, else the image itself."""
    return f"{image.category}/{image.family}" if image.family else _product(image)
