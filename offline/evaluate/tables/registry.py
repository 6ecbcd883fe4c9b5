"""Which tables there are, what data each needs and which flags it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from engine.config import unknown_key
from engine.errors import ConfigError
from offline.evaluate.tables.layout import Made, Request

DATA = "data"  # among what a layout takes: it is made of several data sets


@dataclass(frozen=True)
class Layout:
    """``takes``: the flags that mean something to it, besides those of every table."""

    title: str
    needs: str
    takes: frozenset[str]
    module: str


_CLASSES = frozenset({"classifier", "split"})
_TRUNKS = frozenset({"embedder", "protocol"})
_LABELLED = "pictures with categories in splits, such as Packbench, GroceryStore or folders"
_PRODUCTS = "queries and a gallery with products, such as gallery/ and query/, or Packbench"

LAYOUTS = {
    "waqas-1": Layout(
        "Precision, recall, F1 and support of each class (Waqas et al., CMC 2023, Table 1)",
        _LABELLED,
        _CLASSES,
        "offline.evaluate.tables.class_report",
    ),
    "waqas-2": Layout(
        "Accuracy of each class by (TP + TN) / all, its average and variance "
        "(Waqas et al., CMC 2023, Table 2)",
        _LABELLED,
        _CLASSES,
        "offline.evaluate.tables.class_accuracy",
    ),
    "eyeglasses-1": Layout(
        "Feature time, similarity, AP@10, P@10, R@10, F1, RR of single queries by trunk "
        "(the eyeglass study, Table 1)",
        _PRODUCTS,
        _TRUNKS | {"shown"},
        "offline.evaluate.tables.single_queries",
    ),
    "eyeglasses-2": Layout(
        "Feature time, similarity, AP@10, P@10, R@10, F1, RR by trunk, averaged over queries "
        "(the eyeglass study, Table 2)",
        _PRODUCTS,
        _TRUNKS | {"timed"},
        "offline.evaluate.tables.average_queries",
    ),
    "sop": Layout(
        "P@5, R@5, top-1 and top-5 of product search",
        "Stanford Online Products (Ebay_test.txt and its pictures), or other products",
        _TRUNKS,
        "offline.evaluate.tables.product_search",
    ),
    "oxford-paris": Layout(
        "mAP by set and difficulty (Philbin et al., CVPR 2007; Radenović et al., CVPR 2018)",
        "Oxford5k, Paris6k (gt files) or the revisited ones (gnd_*.pkl)",
        frozenset({"embedder", DATA}),
        "offline.evaluate.tables.landmarks",
    ),
}


def layout_of(name: str) -> Layout:
    """By name; ConfigError with the valid ones."""
    if name not in LAYOUTS:
        raise unknown_key("packsight evaluate table", name, LAYOUTS, "table")
    return LAYOUTS[name]


def make_table(name: str, request: Request) -> Made:
    """Raises ConfigError for data that does not fit and for an unknown name, StageError and
    WeightsError where a part fails."""
    layout = layout_of(name)
    if len(request.data) != 1 and DATA not in layout.takes:
        raise ConfigError(f"{name} is made of one data set, not of {len(request.data)}.")
    make = cast("Callable[[Request], Made]", import_module(layout.module).make)
    return make(request)
