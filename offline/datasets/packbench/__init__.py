"""Packbench: a rendered packaging benchmark with exact ground truth (extra ``render``).

The preset ``tiny`` is shipped as one archive, so that the demo and the tests need no renderer.
"""

from __future__ import annotations

from pathlib import Path

from offline.datasets.packbench.archive import unpacked

# Chosen to show what happens, and not by lot, when `classic` was the default, which finds the first
# alone: `compact` finds all three, and 22 of all 30 photos of shipped products.
DEMO_QUERIES = ("stick/stick-f00-p00", "compact/compact-f01-p01", "cap-pump/cap-pump-f00-p00")


def shipped() -> Path:
    """The folder of the shipped benchmark, as ``packsight data packbench`` wrote it.

    Unpacked into the user's cache by the first call; see ``archive.unpacked``.
    """
    return unpacked()


def catalogue() -> Path:
    """The shipped folder to ingest: category / product / view.jpg, with attributes.csv."""
    return shipped() / "catalogue"


def demo_queries() -> list[Path]:
    """Three shipped photos of catalogue products: of a vessel, a make-up case and a closure."""
    return [shipped() / "queries" / product / "photo1.jpg" for product in DEMO_QUERIES]
