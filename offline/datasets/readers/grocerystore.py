"""GroceryStoreDataset: shop photos of 81 classes, with one clean image of each.

Klasson, Zhang, Kjellström: A Hierarchical Grocery Store Image Dataset with Visual and Semantic
Labels, WACV 2019. The coarse class is the category, the fine class the product. Every split and
protocol is also there for one group alone, such as ``val/Packages``. In retrieval the photos
of ``val`` (or ``test``) search the iconic images and ``train``, by product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from offline.datasets.listed import ListedDataset, Task
from offline.datasets.relevance import by_product, label_task
from offline.datasets.types import DatasetImage
from offline.ingest.tables import inside, read_lines, read_table, whole_number

EXPECTS = "classes.csv and train.txt, val.txt or test.txt, as GroceryStoreDataset has them"

CLASSES = "classes.csv"
LISTS = {"train": "train.txt", "val": "val.txt", "test": "test.txt"}
ICONIC = "iconic"
QUERY_SPLITS = ("val", "test")
# Columns of classes.csv.
FINE, FINE_ID = "Class Name (str)", "Class ID (int)"
COARSE, COARSE_ID = "Coarse Class Name (str)", "Coarse Class ID (int)"
ICON = "Iconic Image Path (str)"


@dataclass(frozen=True)
class _Class:
    name: str
    coarse: str
    coarse_id: int


def recognises(root: Path) -> bool:
    return (root / CLASSES).is_file() and any((root / name).is_file() for name in LISTS.values())


def read(root: Path) -> ListedDataset:
    """Open it. Lists that are not there are splits that are not there."""
    classes: dict[int, _Class] = {}
    parts = {ICONIC: list(_iconic(root, classes))}
    for split, name in LISTS.items():
        if (root / name).is_file():
            parts[split] = list(_listed(root, split, classes))
    grouped = {**parts, **_by_group(parts)}
    return ListedDataset("grocerystore", root, grouped, _tasks(grouped))


def _iconic(root: Path, classes: dict[int, _Class]) -> Iterator[DatasetImage]:
    """The clean images; fills ``classes`` on the way."""
    for row in read_table(root / CLASSES, (FINE, FINE_ID, COARSE, COARSE_ID, ICON)):
        number = whole_number(row.cells[FINE_ID], FINE_ID, row.place)
        if number in classes:
            raise row.place.fault(f"{FINE_ID} {number} occurs twice")
        coarse_id = whole_number(row.cells[COARSE_ID], COARSE_ID, row.place)
        classes[number] = _Class(row.text(FINE), row.text(COARSE), coarse_id)
        # The list's paths are absolute, with the data set as the root.
        name = inside(row.text(ICON).lstrip("/"), row.place)
        yield _image(root, name, classes[number], "studio")


def _listed(root: Path, split: str, classes: dict[int, _Class]) -> Iterator[DatasetImage]:
    for place, line in read_lines(root / LISTS[split]):
        cells = [cell.strip() for cell in line.rsplit(",", 2)]
        if len(cells) != 3:
            raise place.fault("not `path, fine class, coarse class`", "Is the file cut off?")
        name, (fine, coarse) = inside(cells[0], place), cells[1:]
        known = classes.get(whole_number(fine, "the fine class", place))
        if known is None or known.coarse_id != whole_number(coarse, "the coarse class", place):
            raise place.fault(f"classes {fine}, {coarse} are not a row of {CLASSES}")
        if PurePosixPath(name).parts[:1] != (split,):
            raise place.fault(f"{name!r} is not in {split}/")
        yield _image(root, name, known, "phone")


def _image(root: Path, name: str, known: _Class, look: str) -> DatasetImage:
    return DatasetImage(name, root / name, category=known.coarse, product=known.name, look=look)


def _by_group(parts: dict[str, list[DatasetImage]]) -> dict[str, list[DatasetImage]]:
    """Splits of one group: paths are SPLIT/GROUP/..., and groups are Fruit, Packages, ..."""
    grouped: dict[str, list[DatasetImage]] = {}
    for split, images in parts.items():
        for image in images:
            folders = PurePosixPath(image.id).parts[1:-1]
            if folders:
                grouped.setdefault(f"{split}/{folders[0]}", []).append(image)
    return dict(sorted(grouped.items()))


def _tasks(parts: dict[str, list[DatasetImage]]) -> dict[str, Task]:
    tasks: dict[str, Task] = {}
    for split, queries in parts.items():
        base, slash, group = split.partition("/")
        searched = (ICONIC + slash + group, "train" + slash + group)
        gallery = [image for name in searched for image in parts.get(name, ())]
        if base in QUERY_SPLITS and queries and gallery:
            task = f"grocerystore {split}"
            tasks[split] = partial(label_task, task, queries, gallery, by_product)
    return tasks
