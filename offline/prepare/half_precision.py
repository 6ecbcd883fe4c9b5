"""Whether networks whose weights are stored in half precision find what they found before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.config import Settings
from engine.errors import WeightsError
from engine.types import Progress
from offline.datasets import DatasetImage
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
    halved networks find less by more than ``MARGIN``.
    """
    chosen = _searchable(images)
    found = {
        name: _recall(features(chosen, assemble_embedding(one), cache, progress).values, chosen)
        for name, one in (("full", full), ("half", halved))
    }
    if found["half"] < found["full"] - MARGIN:
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


def _recall(
    rows: np.ndarray[tuple[int, int], np.dtype[np.float32]], images: Sequence[DatasetImage]
) -> float:
    """Of each against all others, by inner product."""
    alike = rows @ rows.T
    np.fill_diagonal(alike, -np.inf)
    names = np.array([f"{image.category}/{image.product}" for image in images])
    return float((names[alike.argmax(axis=1)] == names).mean())
