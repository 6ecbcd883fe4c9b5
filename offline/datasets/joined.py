"""Several data sets as one, whose labels do not mix: one name in two of them stays two things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from offline.datasets.listed import ListedDataset
from offline.datasets.types import Dataset, DatasetImage


def joined(datasets: Sequence[Dataset]) -> Dataset:
    """One data set itself; of several, the images of each split of that name.

    Ids, products and families are numbered by data set ("2/jar-f00"): two catalogues may both have
    a jar-f00, and both may be generated. Categories are shared: a jar is a jar. It has no retrieval
    protocols. Raises ValueError without any.
    """
    if not datasets:
        raise ValueError("no data sets to join")
    if len(datasets) == 1:
        return datasets[0]
    parts: dict[str, list[DatasetImage]] = {}
    for number, dataset in enumerate(datasets, start=1):
        for split in dataset.splits:
            images = (_numbered(image, number) for image in dataset.images(split))
            parts.setdefault(split, []).extend(images)
    name = " + ".join(dataset.name for dataset in datasets)
    return ListedDataset(name, datasets[0].root, parts, {})


def _numbered(image: DatasetImage, number: int) -> DatasetImage:
    return replace(
        image,
        id=f"{number}/{image.id}",
        family=image.family and f"{number}/{image.family}",
        product=image.product and f"{number}/{image.product}",
    )
