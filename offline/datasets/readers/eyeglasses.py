"""Eyeglass-style sets: gallery/CLASS/view.jpg and query/CLASS/view.jpg, one class a product.

As frames of glasses are photographed in a shop: some images of every model are the gallery, the
others the queries, by model. In the protocol ``product`` all queries search the whole gallery.
Sets of CATEGORY/PRODUCT/view.jpg are ``folders``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from engine.errors import ConfigError
from offline.datasets.listed import ListedDataset
from offline.datasets.readers._files import folders_in, images_in, images_within
from offline.datasets.relevance import by_product, label_task
from offline.datasets.types import DatasetImage

EXPECTS = "gallery/ and query/ with a folder of images a product"

FOLDERS = {"gallery": "gallery", "queries": "query"}  # folders by split
DEPTH = 2  # gallery/CLASS/view.jpg, seen from gallery/


def recognises(root: Path) -> bool:
    """Whether all images lie in the two folders, one folder deep in them."""
    ours = [root / name for name in FOLDERS.values()]
    folders = folders_in(root)
    return (
        set(ours) <= set(folders)
        and all(images_in(folder, DEPTH) and not images_in(folder, DEPTH + 1) for folder in ours)
        and not any(any(images_within(other, DEPTH)) for other in set(folders) - set(ours))
    )


def read(root: Path) -> ListedDataset:
    """Open it. Raises ConfigError where one of the two is empty or no query's product is in the
    gallery."""
    parts = {split: list(_images(root, root / name)) for split, name in FOLDERS.items()}
    for split, name in FOLDERS.items():
        if not parts[split]:
            raise ConfigError(
                f"{root / name}: no images there.", remedy=f"The data set needs {EXPECTS}."
            )
    queries, gallery = parts["queries"], parts["gallery"]
    known = {image.product for image in gallery}
    if not any(query.product in known for query in queries):
        raise ConfigError(
            f"{root}: no product of query/ is in gallery/.",
            remedy="Name the folders in both by the same products.",
        )
    task = partial(label_task, "eyeglasses product", queries, gallery, by_product)
    return ListedDataset("eyeglasses", root, parts, {"product": task})


def _images(root: Path, folder: Path) -> Iterator[DatasetImage]:
    for path in images_in(folder, DEPTH):
        yield DatasetImage(path.relative_to(root).as_posix(), path, product=path.parent.name)
