"""Images of data sets by the names of their splits, and which images they are."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import ConfigError
from offline.datasets import Dataset, DatasetImage
from offline.datasets.listed import ListedDataset
from offline.datasets.readers.folders import ALL
from offline.prepare.steps import text_sha256
from offline.train.run import Splits

TRAIN = "train"


def images_of(dataset: Dataset, splits: Sequence[str]) -> list[DatasetImage]:
    """Those of the splits that the data set has, each once; all of a plain folder, whose split no
    recipe names. ConfigError without any."""
    names = [name.strip() for name in splits if name.strip() in dataset.splits]
    if not names and dataset.splits == (ALL,):
        names = [ALL]
    if not names:
        raise ConfigError(
            f"{dataset.root}: has none of the splits {', '.join(splits)}.",
            remedy="Give such a data set, or a --recipe with other splits.",
        )
    return list({p.id: p for name in names for p in dataset.images(name)}.values())


def with_train_split(dataset: Dataset, splits: Splits) -> Dataset:
    """Its images to learn from as one split, whatever its own are called, and the one to validate
    on where it has that."""
    parts = {TRAIN: images_of(dataset, (splits.train or TRAIN).split(","))}
    if splits.validation in dataset.splits:
        parts[splits.validation] = list(dataset.images(splits.validation))
    return ListedDataset(dataset.name, dataset.root, parts, {})


def product_of(image: DatasetImage) -> str:
    """Two categories may each have a product of one name."""
    return f"{image.category}/{image.product}"


def contents_of(images: Sequence[DatasetImage]) -> str:
    """Which images they are, as far as names and sizes tell: to read them all takes minutes."""
    return text_sha256(*(f"{image.id} {_size(image)}" for image in images))


def _size(image: DatasetImage) -> int | str:
    try:
        return image.path.stat().st_size
    except OSError:  # a fault of the image, named when it is read
        return "absent"
