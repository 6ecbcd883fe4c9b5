"""Training and validation images of an embedder, and which of them show the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.errors import ConfigError
from engine.images import ImageLimits
from engine.types import IntArray, Progress
from offline.datasets import Dataset, DatasetImage
from offline.datasets.hold_out import divided_splits, family_of
from offline.store.cutouts import CutoutCache, Cutouts
from offline.store.images import key_of
from offline.train.run import Splits
from offline.train.training_set import Sample, hashes_of, labels_of
from stages.assemble import CuttingParts

Key = Callable[[DatasetImage], str | None]


@dataclass(frozen=True)
class EmbedderData:
    """``label`` of a training sample: a position in ``names``, the same for positives; of a
    validation sample it is -1; see ``validation``."""

    names: tuple[str, ...]
    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    relevant_by: str  # "product", "family", or "self": augmented images look for themselves
    notes: tuple[str, ...] = field(default=())

    @property
    def labels(self) -> IntArray:
        """(N,) of the learned images."""
        return labels_of(self.train)

    @property
    def families(self) -> tuple[str, ...]:
        """Of the training images: near-identical products share one."""
        return tuple(family_of(sample.image) for sample in self.train)

    @property
    def looks(self) -> tuple[str | None, ...]:
        """Of the training images: how they were taken."""
        return tuple(sample.image.look for sample in self.train)


def product_of(image: DatasetImage) -> str | None:
    return f"{image.category}/{image.product}" if image.product else None


def kin_of(image: DatasetImage) -> str | None:
    return f"{image.category}/{image.family}" if image.family else None


def itself(image: DatasetImage) -> str | None:
    return image.id


KEYS: dict[str, Key] = {"product": product_of, "family": kin_of, "self": itself}


def read_data(
    dataset: Dataset, splits: Splits, positives: str, *, augment_single: bool, seed: int
) -> EmbedderData:
    """Choose the splits, hash every file, group the images.

    Raises ConfigError where no image has the label that ``positives`` needs, where fewer than two
    groups are left, and for groups of a single image unless ``augment_single``.
    """
    train, validation, notes = divided_splits(
        dataset, splits.train, splits.validation, splits.hold_out, seed, splits.folds
    )
    hashes = hashes_of([*train, *validation], notes)
    train = _without_validation(train, validation, hashes, notes)
    validation = [image for image in validation if image.id in hashes]
    key = KEYS[positives]
    train = _grouped(dataset, train, key, positives, notes)
    if positives != "self":
        _refuse_single(dataset, train, key, positives, augment_single, notes)
    names = tuple(dict.fromkeys(str(key(image)) for image in train))
    at = {name: position for position, name in enumerate(names)}
    return EmbedderData(
        names,
        tuple(Sample(p, hashes[p.id], at[str(key(p))]) for p in train),
        tuple(Sample(p, hashes[p.id], -1) for p in validation),
        _relevant_by(validation, positives),
        tuple(notes),
    )


def _without_validation(
    train: Sequence[DatasetImage],
    validation: Sequence[DatasetImage],
    hashes: dict[str, str],
    notes: list[str],
) -> list[DatasetImage]:
    """Each content once, and none that validation shows."""
    seen = {hashes[p.id]: p.id for p in validation if p.id in hashes}
    kept = []
    for image in train:
        sha = hashes.get(image.id)
        if sha in seen:
            notes.append(f"{image.id}: not learned, the same image as {seen[sha]}")
        elif sha is not None:
            seen[sha] = image.id
            kept.append(image)
    return kept


def _grouped(
    dataset: Dataset, train: Sequence[DatasetImage], key: Key, positives: str, notes: list[str]
) -> list[DatasetImage]:
    known = [image for image in train if key(image) is not None]
    groups = len({key(image) for image in known})
    if groups < 2:
        ways = "family, or self where nothing is known of them"
        raise ConfigError(
            f"{dataset.root}: {len(train)} images to learn from, of {groups} "
            f"{_plural(positives)}: two are needed.",
            remedy=f"Give --positives {ways if positives == 'product' else 'product or self'}.",
        )
    if len(known) < len(train):
        notes.append(f"left out, of no {positives}: {len(train) - len(known)} images")
    return known


def _refuse_single(
    dataset: Dataset,
    train: Sequence[DatasetImage],
    key: Key,
    positives: str,
    augment_single: bool,
    notes: list[str],
) -> None:
    counts = Counter(key(image) for image in train)
    single = [str(name) for name, count in counts.items() if count == 1]
    if not single:
        return
    reason = f"{len(single)} of {len(counts)} {_plural(positives)} have a single image"
    if augment_single:
        notes.append(f"{reason}: augmentations are its other views")
        return
    raise ConfigError(
        f"{dataset.root}: {reason}, such as {', '.join(single[:3])}: nothing matches it.",
        remedy="Add views, or let augmentations be its other views with --augment-single.",
    )


def _relevant_by(validation: Sequence[DatasetImage], positives: str) -> str:
    """As in training; after training without labels, by the finest label that validation has."""
    if positives != "self":
        return positives
    for kind in ("product", "family"):
        if any(KEYS[kind](image) is not None for image in validation):
            return kind
    return "self"


def _plural(positives: str) -> str:
    return {"product": "products", "family": "families", "self": "pictures"}[positives]


def cut(
    folder: Path, data: EmbedderData, cutting: CuttingParts, progress: Progress | None
) -> tuple[Cutouts, EmbedderData]:
    """Every image's cutout; images that cannot be decoded are noted and left out.

    Raises ConfigError where too few are left.
    """
    limits = ImageLimits.of(cutting.settings.images)
    cutouts, faults = CutoutCache(folder, cutting.fingerprint, limits).fill(
        [*data.train, *data.validation], cutting.cutting, cutting.threads, progress
    )
    train, validation = _there(data.train, cutouts), _there(data.validation, cutouts)
    if len({sample.label for sample in train}) < 2 or not validation:
        raise ConfigError(
            f"{len(train)} readable images are left for training, {len(validation)} for "
            "validation: too few.",
            remedy="Mend or replace these files: " + " ".join(faults[:3]),
        )
    notes = (*data.notes, *faults)
    return cutouts, replace(data, train=train, validation=validation, notes=notes)


def _there(samples: Sequence[Sample], cutouts: Cutouts) -> tuple[Sample, ...]:
    return tuple(sample for sample in samples if key_of(sample) in cutouts.rows)
