"""What a classifier learns from: pictures with categories, in two splits that share nothing.

A picture that lies in both splits would let validation praise what was learned by heart, so
equal files are found by content, reported, and kept out of training.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from offline.calibration import family_folds
from offline.datasets import Dataset, Picture

# Names of the two splits, the first that a data set has; a single split is divided.
TRAIN_NAMES = ("train",)
VALIDATION_NAMES = ("validation", "val")
TEST_NAMES = ("test",)
FOLDS = 5  # one of them is held out for validation, where we divide
LEAST = 2  # pictures a category: one to learn from, one to judge by


# What validation is made of: the data set's own split, or a fifth of all pictures, held out by
# single pictures, whole products or whole families.
HoldOut = Literal["split", "picture", "product", "family"]


@dataclass(frozen=True)
class Sample:
    """One picture to learn from or to judge by. ``label`` is a position in ``Labelled.names``."""

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
        learned = {family_of(sample.picture) for sample in self.train}
        return any(family_of(sample.picture) in learned for sample in self.validation)


def labels_of(samples: Sequence[Sample]) -> npt.NDArray[np.int64]:
    """(N,)"""
    return np.array([sample.label for sample in samples], np.int64)


def read_labelled(
    dataset: Dataset,
    *,
    train: str | None = None,
    validation: str | None = None,
    hold_out: HoldOut = "split",
    least: int = LEAST,
    drop_small: bool = False,
    seed: int = 0,
) -> Labelled:
    """Choose the splits, hash every file, and refuse or report what would spoil a training.

    Without names the splits are ``train`` and ``validation`` (or ``val``). A data set with one
    split is divided, whole products at a time; ``hold_out`` divides both splits together anew,
    or ``train`` alone where that is all that is named.
    Raises ConfigError for fewer than two categories, and for categories with fewer than
    ``least`` training pictures unless ``drop_small``.
    """
    learned, judged, notes = _splits(dataset, train, validation, hold_out, seed)
    _refuse_unlabelled(dataset, [*learned, *judged])
    hashes = _hashes([*learned, *judged, *_test_pictures(dataset, learned, judged)], notes)
    learned, judged = _readable(learned, hashes), _readable(judged, hashes)
    learned = _without_doubles(dataset, learned, judged, hashes, notes)
    names = _names(dataset, learned, least, drop_small, notes)
    unknown = Counter(p.category for p in judged if p.category not in names)
    if unknown:
        notes.append(
            f"{unknown.total()} validation pictures are of categories that are not learned: "
            + ", ".join(sorted(str(name) for name in unknown))
        )
    return Labelled(
        names,
        _samples(learned, names, hashes),
        _samples(judged, names, hashes),
        tuple(notes),
    )


def unlabelled_samples(dataset: Dataset, notes: list[str]) -> list[Sample]:
    """All pictures of a data set of no known category; their label is -1."""
    pictures = list({p.id: p for split in dataset.splits for p in dataset.pictures(split)}.values())
    hashes = _hashes(pictures, notes)
    return [Sample(p, hashes[p.id], -1) for p in pictures if p.id in hashes]


def _splits(
    dataset: Dataset, train: str | None, validation: str | None, hold_out: HoldOut, seed: int
) -> tuple[list[Picture], list[Picture], list[str]]:
    if validation is None and (train is None or hold_out == "split"):
        validation = _first(VALIDATION_NAMES, dataset.splits)
    train = train or _first(TRAIN_NAMES, dataset.splits)
    both = [name for name in (train, validation) if name is not None]
    if len(both) == 2 and hold_out == "split":
        return list(dataset.pictures(both[0])), list(dataset.pictures(both[1])), []
    if not both and len(dataset.splits) == 1:
        both = list(dataset.splits)
    if not both:
        raise ConfigError(
            f"{dataset.root}: has no splits train and validation.",
            remedy=f"Name two of {', '.join(dataset.splits)} with --train-split and "
            "--validation-split.",
        )
    kind: HoldOut = "product" if hold_out == "split" else hold_out
    pictures = list({p.id: p for name in both for p in dataset.pictures(name)}.values())
    learned, judged = _divided(pictures, kind, np.random.default_rng(seed))
    note = (
        f"validation: {len(judged)} of the {len(pictures)} pictures of {' and '.join(both)}, "
        f"held out by {kind} (seed {seed})"
    )
    return learned, judged, [note]


def _first(wanted: Iterable[str], there: Sequence[str]) -> str | None:
    return next((name for name in wanted if name in there), None)


def _divided(
    pictures: Sequence[Picture], kind: HoldOut, random: np.random.Generator
) -> tuple[list[Picture], list[Picture]]:
    """One of ``FOLDS`` folds of every category's groups held out. A category of one group is
    divided by pictures: nothing would be left to learn from, or to judge by."""
    group = {"picture": _itself, "product": _product, "family": family_of}[kind]
    groups: dict[str, set[str]] = {}
    for picture in pictures:
        groups.setdefault(str(picture.category), set()).add(group(picture))
    names = [group(p) if len(groups[str(p.category)]) > 1 else _itself(p) for p in pictures]
    folds = family_folds(names, [str(p.category) for p in pictures], FOLDS, random)
    held = _held_fold(pictures, folds)
    learned = [p for p, out in zip(pictures, held, strict=True) if not out]
    judged = [p for p, out in zip(pictures, held, strict=True) if out]
    return learned, judged


def _held_fold(pictures: Sequence[Picture], folds: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """For every category its own first fold: a small one may have nothing in a given fold."""
    first: dict[str, int] = {}
    for picture, fold in zip(pictures, folds.tolist(), strict=True):
        name = str(picture.category)
        first[name] = min(first.get(name, fold), fold)
    return np.array(
        [first[str(p.category)] == fold for p, fold in zip(pictures, folds.tolist(), strict=True)]
    )


def _itself(picture: Picture) -> str:
    return picture.id


def _product(picture: Picture) -> str:
    return f"{picture.category}/{picture.product or picture.id}"


def family_of(picture: Picture) -> str:
    """What may not be on both sides: the family, else the product, else the picture itself."""
    return f"{picture.category}/{picture.family}" if picture.family else _product(picture)


def _refuse_unlabelled(dataset: Dataset, pictures: Sequence[Picture]) -> None:
    if not any(picture.category for picture in pictures):
        raise ConfigError(
            f"{dataset.root}: its pictures have no categories to learn.",
            remedy="Give a folder of pictures a category: CATEGORY/view.jpg.",
        )


def _test_pictures(
    dataset: Dataset, learned: Sequence[Picture], judged: Sequence[Picture]
) -> list[Picture]:
    """Those of a test split, only to find copies of them in the training."""
    name = _first(TEST_NAMES, dataset.splits)
    if name is None:
        return []
    taken = {picture.id for picture in (*learned, *judged)}
    return [picture for picture in dataset.pictures(name) if picture.id not in taken]


def _hashes(pictures: Sequence[Picture], notes: list[str]) -> dict[str, str]:
    """sha256 by picture id; files that cannot be read are noted and absent."""
    found: dict[str, str] = {}
    for picture in pictures:
        try:
            with picture.path.open("rb") as file:
                found[picture.id] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            notes.append(f"{picture.path}: left out, cannot be read ({error.strerror})")
    return found


def _readable(pictures: Sequence[Picture], hashes: dict[str, str]) -> list[Picture]:
    return [picture for picture in pictures if picture.category and picture.id in hashes]


def _without_doubles(
    dataset: Dataset,
    learned: Sequence[Picture],
    judged: Sequence[Picture],
    hashes: dict[str, str],
    notes: list[str],
) -> list[Picture]:
    """Training pictures whose content no other split holds and no other category claims."""
    own = {picture.id for picture in learned}
    elsewhere = {sha: name for name, sha in hashes.items() if name not in own}
    claims: dict[str, set[str]] = {}
    for picture in learned:
        claims.setdefault(hashes[picture.id], set()).add(str(picture.category))
    kept: list[Picture] = []
    seen: set[str] = set()
    for picture in learned:
        sha = hashes[picture.id]
        if sha in elsewhere:
            notes.append(f"{picture.id}: not learned, the same picture as {elsewhere[sha]}")
        elif len(claims[sha]) > 1:
            both = " and ".join(sorted(claims[sha]))
            notes.append(f"{picture.id}: not learned, the same picture is in {both}")
        elif sha in seen:
            notes.append(f"{picture.id}: learned once, it lies there twice")
        else:
            seen.add(sha)
            kept.append(picture)
    return kept


def _names(
    dataset: Dataset,
    learned: Sequence[Picture],
    least: int,
    drop_small: bool,
    notes: list[str],
) -> tuple[str, ...]:
    counts = Counter(str(picture.category) for picture in learned)
    small = sorted(name for name, count in counts.items() if count < least)
    said = ", ".join(f"{name} ({counts[name]})" for name in small)
    if small and not drop_small:
        raise ConfigError(
            f"{dataset.root}: too few pictures to learn from, fewer than {least}: {said}.",
            remedy="Add pictures, or leave these categories out with --drop-small.",
        )
    if small:
        notes.append(f"left out, fewer than {least} training pictures: {said}")
    names = tuple(sorted(set(counts) - set(small)))
    if len(names) < 2:
        raise ConfigError(
            f"{dataset.root}: a classifier needs at least two categories, found "
            f"{', '.join(names) or 'none'}.",
            remedy="Give a folder of pictures for each of at least two categories.",
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
