"""Training and validation images of an embedder, and which of them show the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.errors import ConfigError
from engine.images import ImageLimits
from engine.types import IntArray, Progress
from offline.datasets import Dataset, Picture
from offline.datasets.hold_out import divided_splits, family_of
from offline.store.cutouts import CutoutCache, Cutouts
from offline.store.images import key_of
from offline.train.run import Splits
from offline.train.training_set import Sample, hashes_of, labels_of
from stages.assemble import CuttingParts

Key = Callable[[Picture], str | None]


@dataclass(frozen=True)
class Material:
    """``label`` of a learned sample: a position in ``names``, one for what belongs together; of a
    validation sample it is -1; see ``validation``."""

    names: tuple[str, ...]
    learned: tuple[Sample, ...]
    judged: tuple[Sample, ...]
    judged_by: str  # "product", "family", or "self": augmented images look for themselves
    notes: tuple[str, ...] = field(default=())

    @property
    def labels(self) -> IntArray:
        """(N,) of the learned images."""
        return labels_of(self.learned)

    @property
    def families(self) -> tuple[str, ...]:
        """Of the training images: near-identical products share one."""
        return tuple(family_of(sample.picture) for sample in self.learned)


def product_of(picture: Picture) -> str | None:
    return f"{picture.category}/{picture.product}" if picture.product else None


def kin_of(picture: Picture) -> str | None:
    return f"{picture.category}/{picture.family}" if picture.family else None


def itself(picture: Picture) -> str | None:
    return picture.id


KEYS: dict[str, Key] = {"product": product_of, "family": kin_of, "self": itself}


def read_material(
    dataset: Dataset, splits: Splits, positives: str, *, augment_single: bool, seed: int
) -> Material:
    """Choose the splits, hash every file, group the images.

    Raises ConfigError where no image has the label that ``positives`` needs, where fewer than two
    groups are left, and for groups of a single image unless ``augment_single``.
    """
    learned, judged, notes = divided_splits(
        dataset, splits.train, splits.validation, splits.hold_out, seed
    )
    hashes = hashes_of([*learned, *judged], notes)
    learned = _without_judged(learned, judged, hashes, notes)
    judged = [picture for picture in judged if picture.id in hashes]
    key = KEYS[positives]
    learned = _grouped(dataset, learned, key, positives, notes)
    if positives != "self":
        _refuse_single(dataset, learned, key, positives, augment_single, notes)
    names = tuple(dict.fromkeys(str(key(picture)) for picture in learned))
    at = {name: position for position, name in enumerate(names)}
    return Material(
        names,
        tuple(Sample(p, hashes[p.id], at[str(key(p))]) for p in learned),
        tuple(Sample(p, hashes[p.id], -1) for p in judged),
        _judged_by(judged, positives),
        tuple(notes),
    )


def _without_judged(
    learned: Sequence[Picture], judged: Sequence[Picture], hashes: dict[str, str], notes: list[str]
) -> list[Picture]:
    """Each content once, and none that validation shows."""
    seen = {hashes[p.id]: p.id for p in judged if p.id in hashes}
    kept = []
    for picture in learned:
        sha = hashes.get(picture.id)
        if sha in seen:
            notes.append(f"{picture.id}: not learned, the same image as {seen[sha]}")
        elif sha is not None:
            seen[sha] = picture.id
            kept.append(picture)
    return kept


def _grouped(
    dataset: Dataset, learned: Sequence[Picture], key: Key, positives: str, notes: list[str]
) -> list[Picture]:
    known = [picture for picture in learned if key(picture) is not None]
    groups = len({key(picture) for picture in known})
    if groups < 2:
        ways = "family, or self where nothing is known of them"
        raise ConfigError(
            f"{dataset.root}: {len(learned)} images to learn from, of {groups} "
            f"{_plural(positives)}: two are needed.",
            remedy=f"Give --positives {ways if positives == 'product' else 'product or self'}.",
        )
    if len(known) < len(learned):
        notes.append(f"left out, of no {positives}: {len(learned) - len(known)} images")
    return known


def _refuse_single(
    dataset: Dataset,
    learned: Sequence[Picture],
    key: Key,
    positives: str,
    augment_single: bool,
    notes: list[str],
) -> None:
    counts = Counter(key(picture) for picture in learned)
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


def _judged_by(judged: Sequence[Picture], positives: str) -> str:
    """As it is learned; what was learned without labels by the finest label there is."""
    if positives != "self":
        return positives
    for kind in ("product", "family"):
        if any(KEYS[kind](picture) is not None for picture in judged):
            return kind
    return "self"


def _plural(positives: str) -> str:
    return {"product": "products", "family": "families", "self": "pictures"}[positives]


def cut(
    folder: Path, material: Material, cutting: CuttingParts, progress: Progress | None
) -> tuple[Cutouts, Material]:
    """Every image's cutout; images that cannot be decoded are noted and left out.

    Raises ConfigError where too few are left.
    """
    limits = ImageLimits.of(cutting.settings.images)
    cutouts, faults = CutoutCache(folder, cutting.fingerprint, limits).fill(
        [*material.learned, *material.judged], cutting.cutting, cutting.threads, progress
    )
    learned, judged = _there(material.learned, cutouts), _there(material.judged, cutouts)
    if len({sample.label for sample in learned}) < 2 or not judged:
        raise ConfigError(
            f"{len(learned)} readable images are left to learn from, {len(judged)} to judge by: "
            "too few.",
            remedy="Mend or replace these files: " + " ".join(faults[:3]),
        )
    notes = (*material.notes, *faults)
    return cutouts, replace(material, learned=learned, judged=judged, notes=notes)


def _there(samples: Sequence[Sample], cutouts: Cutouts) -> tuple[Sample, ...]:
    return tuple(sample for sample in samples if key_of(sample) in cutouts.rows)
