"""Silhouettes in the form of MPEG-7's CE-Shape-1 part B: 70 classes of 20, bat-7.gif.

Latecki, Lakämper, Eckhardt: Shape Descriptors for Non-Rigid Shapes with a Single Closed Contour,
CVPR 2000. The protocol ``bullseye``: every shape is a query against all shapes,
itself included; the score is the fraction of its class among twice as many hits as the class has
(20 among 40).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from engine.errors import ConfigError
from offline.datasets.listed import ListedDataset
from offline.datasets.relevance import by_category, same_label
from offline.datasets.types import DatasetImage, RetrievalTask

EXPECTS = "silhouettes named CLASS-NUMBER.gif, .png or .bmp, as MPEG-7's CE-Shape-1 has them"

SUFFIXES = frozenset({".gif", ".png", ".bmp"})
NAME = re.compile(r"(?P<shape>.+)-(?P<number>[0-9]+)")


def recognises(root: Path) -> bool:
    """Whether all images in the folder have such names, and some class has two."""
    matches = [NAME.fullmatch(path.stem) for path in _files(root)]
    shapes = [match["shape"] for match in matches if match]
    return len(shapes) == len(matches) > len(set(shapes))


def read(root: Path) -> ListedDataset:
    """Open it; images by class and number. A silhouette is its own mask: white is the shape."""
    keyed = []
    for path in _files(root):
        match = NAME.fullmatch(path.stem)
        if match is None:
            raise ConfigError(
                f"{path}: not named CLASS-NUMBER{path.suffix}.", remedy="Rename or remove it."
            )
        image = DatasetImage(path.name, path, category=match["shape"], mask=path)
        keyed.append(((match["shape"], int(match["number"]), path.name), image))
    images = [image for _, image in sorted(keyed, key=lambda pair: pair[0])]
    task = partial(_bullseye, root, images)
    return ListedDataset("silhouettes", root, {"all": images}, {"bullseye": task})


def _files(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.suffix.lower() in SUFFIXES]


def _bullseye(root: Path, images: Sequence[DatasetImage]) -> RetrievalTask:
    """Classes must be of one size: otherwise no depth is fair, and mostly files are missing."""
    sizes = Counter(image.category for image in images)
    usual = Counter(sizes.values()).most_common(1)[0][0]
    odd = [f"{shape} {size}" for shape, size in sorted(sizes.items()) if size != usual]
    if odd:
        raise ConfigError(
            f"{root}: the bullseye score needs classes of one size. Most have {usual} shapes; "
            f"{', '.join(odd[:5])}.",
            remedy="Complete or remove these classes.",
        )
    relevance = same_label(images, images, by_category, counts_itself=True)
    everything = tuple(images)
    depth = 2 * usual
    return RetrievalTask("silhouettes bullseye", everything, everything, relevance, depth)
