"""A system that describes drawn packages quickly, with the task of a few of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from offline.datasets import DatasetImage
from offline.datasets.relevance import by_product, label_task
from offline.evaluate.describing import describe_task
from offline.evaluate.task import DescribedTask
from tests.drawn_catalogue import write_catalogue
from tests.offline.evaluate.counting_parts import quick_settings


@dataclass(frozen=True)
class Small:
    images: tuple[DatasetImage, ...]  # with categories and products
    task: DescribedTask


def small_system(folder: Path) -> Small:
    files = write_catalogue(folder / "pictures")
    images = tuple(
        DatasetImage(
            str(path.relative_to(folder)),
            path,
            category=path.parts[-3],
            product="/".join(path.parts[-3:-1]),
        )
        for path in files
    )
    task = label_task("drawn", images, images, by_product)
    return Small(images, describe_task(task, quick_settings(), folder / "cache"))
