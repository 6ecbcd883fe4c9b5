"""Descriptions and entries made of a vector alone, for tests that need no images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.manifest import Manifest
from engine.types import (
    CONTOUR_SIDE,
    CategoryScores,
    Contour,
    Description,
    Embedding,
    Entry,
    MatteQuality,
)


def manifest(dimension: int = 2, fingerprint: str = "f" * 64) -> Manifest:
    return Manifest(fingerprint, dimension, normalised=False)


def described(
    vector: Sequence[float], category: str = "jar", quality: MatteQuality | None = None
) -> Description:
    """A contour of as many rows as the vector's first number (at least one)."""
    mask = np.zeros((CONTOUR_SIDE, CONTOUR_SIDE), np.bool_)
    mask[: 1 + int(abs(vector[0])) % CONTOUR_SIDE] = True
    return Description(
        CategoryScores.certain(category),
        Embedding(np.array(vector, np.float32)),
        Contour.from_mask(mask),
        Contour.from_mask(mask.T.copy()),
        quality or MatteQuality(),
    )


def entry(
    name: str,
    category: str | None = "jar",
    product: str | None = None,
    attributes: Mapping[str, str] | None = None,
    sha256: str | None = None,
) -> Entry:
    return Entry(
        uri=f"/pictures/{name}.jpg",
        sha256=sha256 or f"sha of {name}",
        size=len(name),
        mtime_ns=1,
        product_id=product or name,
        category=category,
        attributes=attributes or {},
    )
