"""Which images of GroceryStoreDataset are catalogue and which are queries.

Klasson, Zhang, Kjellström: A Hierarchical Grocery Store Image Dataset with Visual and Semantic
Labels, WACV 2019. Only ``Packages`` is used: cartons and pots, photographed in shops.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError

# Clean product images and hand-held photos; together they are the catalogue.
CATALOGUE = ("iconic-images-and-descriptions/Packages", "train/Packages")
QUERIES = "val/Packages"
TRAIN = "train/Packages"
# Neighbouring numbers are often the same shelf seconds later: the last third of a product's
# images is nearer to what a new visit to the shop brings than every third one would be.
HELD_OUT = 3
SPLITS = ("validation", "val")


@dataclass(frozen=True)
class Query:
    """A photo and what it shows; ``product`` as the ingest names it from the folders."""

    path: Path
    product: str
    category: str


def catalogue_folders(data: Path) -> list[Path]:
    """The folders to ingest; raises ConfigError when they are not there."""
    return [_there(data / part) for part in CATALOGUE]


def queries(data: Path, split: str) -> list[Query]:
    """``val``: all of val/; ``validation``: the last third of every product in train/.

    Raises ConfigError when the folder is not there.
    """
    root = _there(data / (QUERIES if split == "val" else TRAIN))
    photos = [_query(path, root) for path in sorted(root.rglob("*.jpg"))]
    if split == "val":
        return photos
    by_product: dict[str, list[Query]] = {}
    for query in photos:
        by_product.setdefault(query.product, []).append(query)
    return [query for group in by_product.values() for query in group[_kept(len(group)) :]]


def _kept(count: int) -> int:
    """How many of a product's images stay in the catalogue."""
    return count - count // HELD_OUT


def _there(folder: Path) -> Path:
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: no such folder.",
            remedy="Give the root of GroceryStoreDataset (the folder that holds train/).",
        )
    return folder


def _query(path: Path, root: Path) -> Query:
    category, *product = path.relative_to(root).parts[:-1]
    return Query(path.absolute(), "/".join([category, *product]), category)
