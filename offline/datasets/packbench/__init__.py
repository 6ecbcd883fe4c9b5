"""Packbench: a rendered packaging benchmark with exact ground truth (extra ``render``).

The preset ``tiny`` is shipped, so that the demo and the tests need no renderer.
"""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

DEMO_CATEGORIES = ("bottle", "compact", "cap-pump")  # a vessel, a make-up case, a closure


def shipped() -> Path:
    """The folder of the shipped benchmark, as ``packsight data packbench`` wrote it."""
    return Path(str(files(__name__))) / "tiny"


def catalogue() -> Path:
    """The shipped folder to ingest: category / product / view.jpg, with attributes.csv."""
    return shipped() / "catalogue"


def demo_queries() -> list[Path]:
    """Three shipped photos of catalogue products: the first of each of DEMO_CATEGORIES."""
    with (shipped() / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "queries"]
    present = [row for row in rows if row["in_catalogue"] == "true"]
    firsts = (next(row for row in present if row["category"] == c) for c in DEMO_CATEGORIES)
    return [shipped() / row["path"] for row in firsts]
