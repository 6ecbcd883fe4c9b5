"""The one data set class: images by split, as a reader has listed them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.errors import ConfigError
from offline.datasets.types import DatasetImage, RetrievalTask

Task = Callable[[], RetrievalTask]  # built on demand
_T = TypeVar("_T")


@dataclass(frozen=True)
class ListedDataset:
    """A ``Dataset`` of images by split. Splits without images are dropped.

    Raises ConfigError when no image is left and when an id is given to two images.
    """

    name: str
    root: Path
    parts: Mapping[str, Sequence[DatasetImage]]
    tasks: Mapping[str, Task]

    def __post_init__(self) -> None:
        parts = {split: tuple(images) for split, images in self.parts.items() if images}
        if not parts:
            raise ConfigError(
                f"{self.root}: the {self.name} data set has no images.",
                remedy="Its lists or folders are empty: unpack or generate it again.",
            )
        object.__setattr__(self, "parts", parts)
        _refuse_doubles(self)

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.parts)

    @property
    def protocols(self) -> tuple[str, ...]:
        return tuple(self.tasks)

    def images(self, split: str) -> tuple[DatasetImage, ...]:
        return tuple(_named(self, "split", split, self.parts))

    def retrieval(self, protocol: str) -> RetrievalTask:
        return _named(self, "retrieval protocol", protocol, self.tasks)()


def _named(dataset: ListedDataset, what: str, name: str, known: Mapping[str, _T]) -> _T:
    if name not in known:
        valid = ", ".join(known) or "none"
        raise ConfigError(
            f"{dataset.root}: the {dataset.name} data set has no {what} {name!r}.",
            remedy=f"It has: {valid}.",
        )
    return known[name]


def _refuse_doubles(dataset: ListedDataset) -> None:
    seen: dict[str, DatasetImage] = {}
    for images in dataset.parts.values():
        within: set[str] = set()
        for image in images:
            if seen.setdefault(image.id, image) != image or image.id in within:
                raise ConfigError(
                    f"{dataset.root}: the {dataset.name} data set lists {image.id} twice.",
                    remedy="Remove one of the two from its list.",
                )
            within.add(image.id)
