"""Photos whose products a gallery holds, and means over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from offline.calibration.answers import ProductIndex
from offline.datasets import DatasetImage, open_dataset
from offline.metrics.statistics import bootstrap


def known(photos: Sequence[DatasetImage], index: ProductIndex) -> list[tuple[DatasetImage, str]]:
    named = [(photo, index.name_of(photo)) for photo in photos]
    known = [(photo, name) for photo, name in named if name is not None]
    if not known:
        raise SystemExit("no photo shows a product of the gallery")
    return known


def images_of(root: Path, split: str | None) -> Sequence[DatasetImage]:
    dataset = open_dataset(root)
    if split is None and len(dataset.splits) > 1 and "queries" not in dataset.splits:
        raise SystemExit(f"{root}: name a split: {', '.join(dataset.splits)}")
    wanted = split or ("queries" if "queries" in dataset.splits else dataset.splits[0])
    return dataset.images(wanted)


def with_interval(values: npt.NDArray[np.float64], products: Sequence[str], sign: str = "") -> str:
    """The mean with its 95 % interval, all photos of a product together."""
    found = bootstrap(values.tolist(), seed=0, clusters=products)
    return f"{found.mean:{sign}.3f} [{found.low:{sign}.3f}, {found.high:{sign}.3f}]"
