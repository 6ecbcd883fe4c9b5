"""The demo's pictures: a small rendered packaging catalogue and photos that are not in it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

# Chosen by kind (a vessel, a make-up case, a closure) before any search was run.
DEMO_QUERIES = (
    "bottle-03-lotion-pump-sage__oak.jpg",
    "compact-02-round-rose-gold__marble.jpg",
    "cap-pump-02-lotion-black__linen.jpg",
)


def catalogue() -> Path:
    """The folder to ingest: category / product / view.jpg, with attributes.csv."""
    return _here() / "catalogue"


def queries() -> list[Path]:
    """The demo's three photos, of different categories; none is in the catalogue."""
    return [_here() / "queries" / name for name in DEMO_QUERIES]


def _here() -> Path:
    return Path(str(files(__name__)))
