"""Adaptations of vectors of two numbers, for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.adaptation import Adaptation, AdaptationReport, Part
from engine.category_head import CategoryHead
from engine.probabilities import UnknownRule


def adaptation(
    *,
    catalogue_mean: Sequence[float] = (1, 1),
    photo_mean: Sequence[float] = (2, 1),
    projection: Sequence[Sequence[float]] | None = ((1, 0, 1), (0, 2, 1)),
    products: int = 3,
    scale: Sequence[float] | None = None,
    head: CategoryHead | None = None,
) -> Adaptation:
    return Adaptation(
        np.array(catalogue_mean, np.float32),
        np.array(photo_mean, np.float32),
        None if projection is None else np.array(projection, np.float32),
        AdaptationReport(
            created="2026-01-01T00:00:00+00:00",
            written_by="a test",
            images=9,
            products=products,
            photos=0,
            queries=9,
            before=0.25,
            after=0.5,
            parts=(Part(name="centring", taken=True, why="x", gain=0.25, low=0.1, high=0.4),),
        ),
        None if scale is None else np.array(scale, np.float32),
        head=head,
    )


def head(
    *,
    names: Sequence[str] = ("jar", "cap", "tin"),
    weights: Sequence[Sequence[float]] = ((2, -1, 0), (0, 1, -3)),
    temperature: float = 1.0,
    vote_weight: float = 0.0,
    unknown: UnknownRule | None = None,
    least: float | None = None,
    of_photos: bool = True,
) -> CategoryHead:
    """Of vectors of as many numbers as ``weights`` has rows."""
    rows = np.array(weights, np.float32)
    bias = np.linspace(0.5, 0, len(names), dtype=np.float32)
    return CategoryHead(
        tuple(names), rows, bias, temperature, vote_weight, unknown, least, of_photos
    )
