"""The demo catalogue: every product as a full set of parameters, seven or more a category."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from offline.datasets.demo.closures import Parts
from offline.datasets.demo.line_caps import CAPS
from offline.datasets.demo.line_makeup import MAKEUP
from offline.datasets.demo.line_vessels import VESSELS
from offline.datasets.demo.materials import TRADE_NAMES


@dataclass(frozen=True)
class Product:
    category: str
    slug: str  # bottle-01-boston-amber
    name: str
    parts: Parts
    volume_ml: float | None  # brimful, of vessels

    @property
    def material(self) -> str:
        return TRADE_NAMES[self.parts[0].material.finish]

    @property
    def colour(self) -> str:
        return self.parts[0].material.colour

    @property
    def height_mm(self) -> float:
        heights = [part.mesh.vertices[:, 2] for part in self.parts]
        return float(max(z.max() for z in heights) - min(z.min() for z in heights))


def products() -> Iterator[Product]:
    """Vessels, make-up, caps; the number in the slug is the row in its category's table."""
    for category, vessels in VESSELS.items():
        for number, (slug, name, shape) in enumerate(vessels, 1):
            parts, volume = shape()
            yield Product(category, f"{category}-{number:02}-{slug}", name, parts, volume)
    for category, rows in {**MAKEUP, **CAPS}.items():
        for number, (slug, name, build) in enumerate(rows, 1):
            yield Product(category, f"{category}-{number:02}-{slug}", name, build(), None)
