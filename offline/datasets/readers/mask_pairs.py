"""Mask sets: every image has a mask of the same name in a folder beside, or beside itself.

Folders are paired by name: images/ and masks/, DUTS-TR-Image/ and DUTS-TR-Mask/,
train/images/ and train/masks/. What the names have besides is the split. Without such folders
bottle_mask.png is the mask of bottle.jpg. Folders below give the category and, within it, the
product. No retrieval.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from engine.errors import ConfigError
from offline.datasets.listed import ListedDataset
from offline.datasets.readers._files import files_below, folders_in, images_within, is_image
from offline.datasets.types import DatasetImage

EXPECTS = "images/ and masks/ (or DUTS-TR-Image/ and DUTS-TR-Mask/), or x.jpg beside x_mask.png"

IMAGE_WORDS = frozenset(["image", "images", "img", "imgs", "im"])
MASK_WORDS = frozenset(
    ["mask", "masks", "gt", "ground", "truth", "groundtruth", "alpha", "alphas", "matte", "mattes"]
)
MASK_ENDING = re.compile(r"[-_ ](mask|alpha|matte|gt)$", re.IGNORECASE)
SPLIT_WORDS = {
    "tr": "train",
    "train": "train",
    "te": "test",
    "test": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
ALL = "all"
SHOWN = 5  # names in an error


def recognises(root: Path) -> bool:
    images, masks = _folders(root)
    beside = any(_is_mask(path) for _, path in images_within(root, depth=2))
    return bool(images.keys() & masks.keys()) or beside


def read(root: Path) -> ListedDataset:
    """Open it. Raises ConfigError that lists images without a mask and masks without an image."""
    images, masks = _folders(root)
    if images.keys() & masks.keys():
        _refuse_unpaired(root, "folders", images, masks)
        parts = {
            split: _paired(root, images[split], masks[split], list(_files(images[split])))
            for split in images
        }
    else:
        parts = {ALL: _paired(root, root, root, [f for f in _files(root) if not _is_mask(f)])}
    return ListedDataset("mask_pairs", root, parts, {})


def _folders(root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Folders of images and of masks, by split: at the top or one level down."""
    pair: tuple[dict[str, Path], dict[str, Path]] = ({}, {})
    for folder in folders_in(root, depth=2):
        words = re.split(r"[-_ /]", folder.relative_to(root).as_posix().lower())
        for known, by_split in zip((IMAGE_WORDS, MASK_WORDS), pair, strict=True):
            if words[-1] in known and folder.parent not in by_split.values():
                _add(by_split, _split([word for word in words if word not in known]), folder)
    return pair


def _add(by_split: dict[str, Path], split: str, folder: Path) -> None:
    if split in by_split:
        raise ConfigError(
            f"{folder}: holds the split {split!r} and so does {by_split[split]}.",
            remedy="Keep one of the two, or open the folders of one set only.",
        )
    by_split[split] = folder


def _split(words: list[str]) -> str:
    """DUTS-TR is a train split; other words are the name of the split."""
    named = [SPLIT_WORDS.get(word, word) for word in words]
    return named[-1] if named and named[-1] in SPLIT_WORDS.values() else "-".join(named) or ALL


def _paired(root: Path, images: Path, masks: Path, files: Iterable[Path]) -> list[DatasetImage]:
    """``files`` with their masks, sorted; ``images`` and ``masks`` may be one folder."""
    by_image = _by_name(images, files)
    beside = images == masks
    by_mask = _by_name(masks, (f for f in _files(masks) if not beside or _is_mask(f)))
    _refuse_unpaired(root, "files", by_image, by_mask)
    return [
        DatasetImage(
            path.relative_to(root).as_posix(),
            path,
            category=PurePosixPath(name).parts[0] if "/" in name else None,
            product="/".join(PurePosixPath(name).parts[1:-1]) or None,
            mask=by_mask[name],
        )
        for name, path in sorted(by_image.items())
    ]


def _by_name(folder: Path, files: Iterable[Path]) -> dict[str, Path]:
    """By the path in the folder, less the suffix and less an ending such as _mask."""
    named: dict[str, Path] = {}
    for path in files:
        inside = path.relative_to(folder).with_suffix("").as_posix()
        name = MASK_ENDING.sub("", inside)
        if name in named:
            raise ConfigError(
                f"{folder}: both {named[name].name} and {path.name} have the name {name}.",
                remedy="Remove one: an image has one mask.",
            )
        named[name] = path
    return named


def _refuse_unpaired(
    root: Path, what: str, images: Mapping[str, Path], masks: Mapping[str, Path]
) -> None:
    unpaired = {
        f"images without a mask ({what})": sorted(images.keys() - masks.keys()),
        f"masks without an image ({what})": sorted(masks.keys() - images.keys()),
    }
    faults = [
        f"{len(names)} {kind}: {', '.join(names[:SHOWN])}{', ...' if names[SHOWN:] else ''}"
        for kind, names in unpaired.items()
        if names
    ]
    if faults:
        raise ConfigError(
            f"{root}: {'; '.join(faults)}.",
            remedy="Add what is missing or remove what is unpaired.",
        )


def _files(folder: Path) -> Iterator[Path]:
    """The images below, in order."""
    return filter(is_image, files_below(folder))


def _is_mask(path: Path) -> bool:
    return is_image(path) and bool(MASK_ENDING.search(path.stem))
