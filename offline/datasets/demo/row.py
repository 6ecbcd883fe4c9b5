"""One row of a product line: what the tables of the demo catalogue consist of."""

from __future__ import annotations

from collections.abc import Callable

from offline.datasets.demo.closures import Parts

Row = tuple[str, str, Callable[[], Parts]]  # slug, name, how to build it
VesselRow = tuple[str, str, Callable[[], tuple[Parts, float]]]  # the same with its brimful ml
