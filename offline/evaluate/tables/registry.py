"""Which tables there are, what data each needs and which flags it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from engine.config import unknown_key
from engine.errors import ConfigError
from offline.evaluate.provenance import provenance
from offline.evaluate.tables.layout import Made, Request
from offline.report.document import Report

DATA = "data"  # among what a layout takes: it is made of several data sets


@dataclass(frozen=True)
class Layout:
    """``takes``: the flags that mean something to it, besides those of every table."""

    title: str
    needs: str
    takes: frozenset[str]
    make: str  # module:function


_CLASSES = frozenset({"classifier", "split"})
_BACKBONES = frozenset({"embedder", "protocol"})
_LABELLED = "images with categories in splits, such as Packbench, GroceryStore or folders"
_PRODUCTS = "queries and a gallery with products, such as gallery/ and query/, or Packbench"

LAYOUTS = {
    "waqas-1": Layout(
        "Precision, recall, F1 and support of each class (Waqas et al., CMC 2023, Table 1)",
        _LABELLED,
        _CLASSES,
        "offline.evaluate.tables.classification:report_table",
    ),
    "waqas-2": Layout(
        "Accuracy of each class by (TP + TN) / all, its average and variance "
        "(Waqas et al., CMC 2023, Table 2)",
        _LABELLED,
        _CLASSES,
        "offline.evaluate.tables.classification:accuracy_table",
    ),
    "eyeglasses-1": Layout(
        "Feature time, similarity, AP@10, P@10, R@10, F1, RR of single queries by backbone "
        "(the eyeglass study, Table 1)",
        _PRODUCTS,
        _BACKBONES | {"shown"},
        "offline.evaluate.tables.eyeglasses:single_table",
    ),
    "eyeglasses-2": Layout(
        "Feature time, similarity, AP@10, P@10, R@10, F1, RR by backbone, averaged over queries "
        "(the eyeglass study, Table 2)",
        _PRODUCTS,
        _BACKBONES | {"timed"},
        "offline.evaluate.tables.eyeglasses:average_table",
    ),
    "sop": Layout(
        "P@5, R@5, top-1 and top-5 of product search",
        "Stanford Online Products (Ebay_test.txt and its images), or other products",
        _BACKBONES,
        "offline.evaluate.tables.retrieval:product_search_table",
    ),
    "oxford-paris": Layout(
        "mAP by set and difficulty (Philbin et al., CVPR 2007; Radenović et al., CVPR 2018)",
        "Oxford5k, Paris6k (gt files) or the revisited ones (gnd_*.pkl)",
        frozenset({"embedder", DATA}),
        "offline.evaluate.tables.retrieval:landmarks_table",
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
    module, function = layout.make.split(":")
    make = cast("Callable[[Request], Made]", getattr(import_module(module), function))
    return make(request)


def report_of(layout: Layout, made: Made, *, seed: int) -> Report:
    """The tables are blocks of all systems together; each system has its figures."""
    return Report(
        title=layout.title,
        provenance=provenance(made.dataset, made.checksum, made.images, seed=seed),
        systems=made.systems,
        blocks=made.tables,
    )


def listed() -> str:
    """All tables, with the data that each needs and the flags that it takes."""
    width = max(map(len, LAYOUTS))
    lines = []
    for name, layout in LAYOUTS.items():
        flags = ", ".join(f"--{flag}" for flag in sorted(layout.takes - {DATA}))
        several = "; several --data" if DATA in layout.takes else ""
        lines += [
            f"{name:{width}}  {layout.title}",
            f"{'':{width}}  of {layout.needs}; takes {flags}{several}",
        ]
    return "\n".join(lines)
