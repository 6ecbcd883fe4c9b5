"""Corel-1k and sets like it: 1,000 images of 10 classes, each a query against all others.

Li, Wang: Automatic Linguistic Indexing of Pictures by a Statistical Modeling Approach, PAMI 2003;
Wang, Li, Wiederhold: SIMPLIcity, PAMI 2001. Images 0.jpg to 999.jpg, a hundred a class, in one
folder: the class is the number divided by 100. Recognised when all are there; a part of them, or
folders of images a class, must be named as this kind. In the protocol ``category`` every
image is a query against all others; its own place in the gallery is ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from engine.errors import ConfigError
from offline.datasets.listed import ListedDataset
from offline.datasets.readers._files import folders_in, images_in
from offline.datasets.relevance import by_category, label_task
from offline.datasets.types import DatasetImage

EXPECTS = "the 1,000 images 0.jpg to 999.jpg of Corel-1k"

ALL = "all"
A_CLASS = 100  # images
# In the order of the numbers, as Wang, Li and Wiederhold name them.
CLASSES = (
    "africa",
    "beach",
    "buildings",
    "buses",
    "dinosaurs",
    "elephants",
    "flowers",
    "horses",
    "mountains",
    "food",
)
COUNT = A_CLASS * len(CLASSES)


def recognises(root: Path) -> bool:
    numbers = [_number(path) for path in _files(root)]
    return len(numbers) == COUNT and set(numbers) == set(range(COUNT))


def read(root: Path) -> ListedDataset:
    """Open it. Raises ConfigError where no class has two images."""
    images = list(_numbered(root) or _by_folder(root))
    if not images:
        raise ConfigError(
            f"{root}: no images of classes.", remedy=f"It needs {EXPECTS}, or a folder a class."
        )
    if max(Counter(image.category for image in images).values()) < 2:
        raise ConfigError(
            f"{root}: no class has two images, so that none can be found by another.",
            remedy="Give two or more images a class.",
        )
    task = partial(label_task, "corel category", images, images, by_category)
    return ListedDataset("corel", root, {ALL: images}, {"category": task})


def _files(root: Path) -> list[Path]:
    """In the folder itself or in the only one that it holds, as archives unpack."""
    inner = folders_in(root)
    only = images_in(inner[0]) if len(inner) == 1 else []
    return [*images_in(root), *only]


def _numbered(root: Path) -> list[DatasetImage]:
    """Sorted by number; empty unless all files have one."""
    paths = _files(root)
    numbered = sorted((number, path) for path in paths if (number := _number(path)) is not None)
    if len(numbered) < len(paths):
        return []
    return [_image(root, path, CLASSES[number // A_CLASS]) for number, path in numbered]


def _by_folder(root: Path) -> Iterator[DatasetImage]:
    for folder in folders_in(root):
        for path in images_in(folder):
            yield _image(root, path, folder.name)


def _image(root: Path, path: Path, category: str) -> DatasetImage:
    return DatasetImage(path.relative_to(root).as_posix(), path, category=category)


def _number(path: Path) -> int | None:
    if not (path.stem.isascii() and path.stem.isdecimal()):
        return None
    return int(path.stem) if int(path.stem) < COUNT else None
