"""How vectors are compared, as a fit holds it, and the means of both sides."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engine.types import FloatArray
from offline.adapt.judging import Vectors

# A mean of n photos is drawn towards that of the catalogue as by this many of its images.
PRIOR_PHOTOS = 3


@dataclass(frozen=True, eq=False)
class Space:
    """How vectors are compared: (x - mean of its domain) scale projection. None: as described."""

    catalogue_mean: FloatArray
    photo_mean: FloatArray
    projection: FloatArray | None = None
    scale: FloatArray | None = None  # (D,)

    def centred(self, vectors: Vectors) -> FloatArray:
        """(N, D)."""
        found = np.asarray(vectors.rows - self.catalogue_mean, np.float32)
        if (photos := vectors.photos).any():
            found[photos] = vectors.rows[photos] - self.photo_mean
        return found

    def compared(self, vectors: Vectors) -> Vectors:
        """Not brought to length 1."""
        rows = self.centred(vectors)
        if self.scale is not None:
            rows *= self.scale
        found = rows if self.projection is None else rows @ self.projection
        return replace(vectors, rows=np.asarray(found, np.float32))


def means_of(gallery: Vectors, photos: Vectors) -> Space:
    """Of all images, for no label takes part; every product counts alike. ``photos``: all, also
    those that the gallery holds."""
    images = gallery.chosen(~gallery.photos)
    catalogue = _mean_over_products(images if len(images) else gallery)
    if not len(photos):
        return Space(catalogue, catalogue)
    weight = len(photos) / (len(photos) + PRIOR_PHOTOS)
    mixed = weight * photos.rows.mean(axis=0) + (1 - weight) * catalogue
    return Space(catalogue, mixed.astype(np.float32))


def uncentred(size: int) -> Space:
    """Of vectors (N, size) as they were described."""
    zero = np.zeros(size, np.float32)
    return Space(zero, zero)


def _mean_over_products(vectors: Vectors) -> FloatArray:
    _, members, counts = np.unique(vectors.products, return_inverse=True, return_counts=True)
    weights = 1 / counts[members]
    mean = (weights[:, None] * vectors.rows).sum(axis=0) / weights.sum()
    return np.asarray(mean, np.float32)
