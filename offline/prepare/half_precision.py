"""Whether networks whose weights are stored in half precision find what they found before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.config import Settings
from engine.errors import WeightsError
from engine.types import Float64Array, FloatArray, Progress
from offline.datasets import DatasetImage
from offline.metrics.statistics import bootstrap
from offline.store.vectors import features
from stages.assemble import assemble_embedding

IMAGES = 300  # that search each other
MARGIN = 0.01  # of R@1, that may be lost


def require_same_finds(
    full: Settings,
    halved: Settings,
    images: Sequence[DatasetImage],
    cache: Path,
    progress: Progress | None = None,
) -> dict[str, float]:
    """R@1 of images that search the others for their product, by ``full`` and by ``halved``.

    ``IMAGES`` of products with several images, products whole. Raises WeightsError where the
    halved networks find less by more than ``MARGIN``, and not by chance: the 95 % interval of the
    difference, products drawn whole, lies below zero.
    """
    chosen = _searchable(images)
    names = [f"{image.category}/{image.product}" for image in chosen]
    before, after = (
        _correct(features(chosen, assemble_embedding(one), cache, progress).values, names)
        for one in (full, halved)
    )
    found = {"full": float(before.mean()), "half": float(after.mean())}
    gained = bootstrap((after - before).tolist(), seed=0, clusters=names)
    if gained.mean < -MARGIN and gained.high < 0:
        raise WeightsError(
            f"half precision loses products: R@1 {found['half']:.3f} instead of "
            f"{found['full']:.3f} on {len(chosen)} images.",
            remedy="Take the float32 networks that lie in the folders of the trainings.",
        )
    return {**found, "images": float(len(chosen))}


def _searchable(images: Sequence[DatasetImage]) -> list[DatasetImage]:
    products: dict[str, list[DatasetImage]] = {}
    for image in images:
        if image.product is not None:
            products.setdefault(f"{image.category}/{image.product}", []).append(image)
    several = [group for _, group in sorted(products.items()) if len(group) > 1]
    step = max(1, sum(map(len, several)) // IMAGES)
    return [image for group in several[::step] for image in group]


def _correct(rows: FloatArray, names: Sequence[str]) -> Float64Array:
    """(N,) 1 where the nearest of the others, by inner product, is of the same product, else 0."""
    alike = rows @ rows.T
    np.fill_diagonal(alike, -np.inf)
    products = np.array(names)
    correct = products[alike.argmax(axis=1)] == products
    return np.asarray(correct, np.float64)
