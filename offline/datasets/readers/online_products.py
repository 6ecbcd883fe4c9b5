"""Stanford Online Products: 120,053 images of 22,634 products from a market place.

Oh Song, Xiang, Jegelka, Savarese: Deep Metric Learning via Lifted Structured Feature Embedding,
CVPR 2016. Train and test hold different products. In the retrieval protocol ``test`` every test
image is a query against all others; its own place in the gallery is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from offline.datasets.listed import ListedDataset
from offline.datasets.relevance import by_product, label_task
from offline.datasets.types import DatasetImage
from offline.ingest.tables import inside, read_lines, whole_number

EXPECTS = "Ebay_train.txt and Ebay_test.txt, as Stanford Online Products has them"

LISTS = {"train": "Ebay_train.txt", "test": "Ebay_test.txt"}
HEADER = ["image_id", "class_id", "super_class_id", "path"]
FOLDER_ENDING = "_final"  # bicycle_final/111085122871_0.JPG is a bicycle


def recognises(root: Path) -> bool:
    return any((root / name).is_file() for name in LISTS.values())


def read(root: Path) -> ListedDataset:
    """Open it. A list that is not there is a split that is not there."""
    files = {split: root / name for split, name in LISTS.items()}
    parts = {split: list(_listed(root, file)) for split, file in files.items() if file.is_file()}
    test = parts.get("test", [])
    name = "online_products test"
    tasks = {"test": partial(label_task, name, test, test, by_product)} if test else {}
    return ListedDataset("online_products", root, parts, tasks)


def _listed(root: Path, file: Path) -> Iterator[DatasetImage]:
    lines = read_lines(file)
    place, header = next(lines, (None, ""))
    if place is not None and header.split() != HEADER:
        raise place.fault(f"the header is {header!r}", f"It must be: {' '.join(HEADER)}.")
    for place, line in lines:
        cells = line.split(maxsplit=3)
        if len(cells) != 4:
            raise place.fault(f"not `{' '.join(HEADER)}`", "Is the file cut off?")
        _, product, category, path = cells
        name = inside(path, place)
        whole_number(product, "class_id", place)
        whole_number(category, "super_class_id", place)
        yield DatasetImage(name, root / name, category=_category(name, category), product=product)


def _category(name: str, number: str) -> str:
    """The name of the super class is that of the folder; without folders it is the number."""
    folders = PurePosixPath(name).parts[:-1]
    return folders[0].removesuffix(FOLDER_ENDING) if folders else number
