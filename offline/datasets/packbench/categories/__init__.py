"""The 15 categories, one file each: the file's name is the category's, with - for _."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from offline.datasets.packbench.parameters import Category

CATEGORIES = (
    "bottle",
    "compact",
    "jar",
    "palette",
    "powder",
    "roll-on",
    "stick",
    "puff",
    "spatula",
    "cap-dropper",
    "cap-general",
    "cap-one-touch",
    "cap-press",
    "cap-pump",
    "cap-sharp",
)


@cache
def category(name: str) -> Category:
    """The category of this name; a KeyError names no user's mistake: callers know the 15."""
    if name not in CATEGORIES:
        raise KeyError(f"no category {name!r}; there are: {', '.join(CATEGORIES)}")
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    made: Category = module.CATEGORY
    return made
