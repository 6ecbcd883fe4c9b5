"""Eyeglass-style sets: gallery/CLASS/view.jpg and query/CLASS/view.jpg, one class a product.

As frames of glasses are photographed in a shop: some pictures of every model are the gallery, the
others are asked of it, by model. The protocol ``product`` asks all queries of the whole gallery.
Sets of CATEGORY/PRODUCT/view.jpg are ``folders``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from engine.errors import ConfigError
from offline.datasets.listed import ListedDataset
from offline.datasets.readers._files import folders_in, pictures_at
from offline.datasets.relevance import by_product, label_task
from offline.datasets.types import Picture

EXPECTS = "gallery/ and query/ with a folder of pictures a product"

SIDES = {"gallery": "gallery", "queries": "query"}  # folders by split
A_PICTURE = "*/*"  # gallery/CLASS/view.jpg, seen from gallery/


def recognises(root: Path) -> bool:
    """Whether the two folders are all there is, and pictures lie one folder deep in them."""
    sides = folders_in(root)
    return {side.name for side in sides} == set(SIDES.values()) and all(
        pictures_at(side, A_PICTURE) and not pictures_at(side, f"{A_PICTURE}/*") for side in sides
    )


def read(root: Path) -> ListedDataset:
    """Open it. Raises ConfigError where a side is absent or no query's product is in the
    gallery."""
    parts = {split: list(_pictures(root, root / name)) for split, name in SIDES.items()}
    for split, name in SIDES.items():
        if not parts[split]:
            raise ConfigError(
                f"{root / name}: no pictures there.", remedy=f"The data set needs {EXPECTS}."
            )
    queries, gallery = parts["queries"], parts["gallery"]
    held = {picture.product for picture in gallery}
    if not any(query.product in held for query in queries):
        raise ConfigError(
            f"{root}: no product of query/ is in gallery/.",
            remedy="Name the folders of both sides by the same products.",
        )
    task = partial(label_task, "eyeglasses product", queries, gallery, by_product)
    return ListedDataset("eyeglasses", root, parts, {"product": task})


def _pictures(root: Path, folder: Path) -> Iterator[Picture]:
    for path in pictures_at(folder, A_PICTURE):
        yield Picture(path.relative_to(root).as_posix(), path, product=path.parent.name)
