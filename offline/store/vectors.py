"""Embeddings of images by the parts that serve, each made once and kept.

Below the cache folder, cutouts are kept by the fingerprint of the stages that cut out, vectors
by that of these and the embedder with its whitening, and both by the content of the image and
the part of it that may be looked at. A killed run goes on where it stopped; a second one waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.blobs import Blob, Blobs
from engine.errors import WeightsError
from engine.images import ImageLimits
from engine.protocols import Embedder
from engine.types import BoolArray, Cutout, FloatArray, Progress
from offline.datasets import DatasetImage
from offline.store.cutouts import CutoutCache
from offline.store.images import HashedImage, hash_images, key_of
from stages.assemble import EmbeddingParts

BATCH = 32  # images cut, embedded and written at a time: what a kill may cost


@dataclass(frozen=True, eq=False)
class Features:
    """Aligned with the images. ``values`` (N, D) are zeros and ``hashes`` empty where an image
    is not ``readable``; ``faults`` give the reasons, a sentence each."""

    values: FloatArray
    readable: BoolArray  # (N,)
    hashes: tuple[str, ...]  # sha256 of the files
    faults: tuple[str, ...]


def features(
    images: Sequence[DatasetImage],
    parts: EmbeddingParts,
    cache: Path,
    progress: Progress | None = None,
) -> Features:
    """One row an image, in order.

    Raises StageError and WeightsError where a part fails, ConfigError where the cache cannot be
    written. A file that is absent or no image stops nothing.
    """
    hashed = hash_images(images, parts.threads)
    samples: dict[str, HashedImage] = {}
    places: dict[str, list[int]] = {}
    for place, one in enumerate(hashed):
        if isinstance(one, HashedImage):
            samples[key_of(one)] = one
            places.setdefault(key_of(one), []).append(place)
    faults = [one for one in hashed if isinstance(one, str)]

    def make(keys: list[str]) -> Iterator[dict[str, Blob]]:
        return _made([samples[key] for key in keys], parts, cache, faults, progress)

    values = np.zeros((len(images), parts.embedder.dimension), np.float32)
    readable = np.zeros(len(images), np.bool_)
    for key, blob in vector_store(parts, cache).filled(samples, make):
        values[places[key]], readable[places[key]] = blob.array, True
    hashes = tuple(one.sha256 if isinstance(one, HashedImage) else "" for one in hashed)
    return Features(values, readable, hashes, tuple(dict.fromkeys(faults)))


def vector_store(parts: EmbeddingParts, cache: Path) -> Blobs:
    """(D,) float32 by ``key_of``."""
    return Blobs(cache / f"vectors-{parts.fingerprint[:16]}", "vectors")


def _made(
    samples: Sequence[HashedImage],
    parts: EmbeddingParts,
    cache: Path,
    faults: list[str],
    progress: Progress | None,
) -> Iterator[dict[str, Blob]]:
    limits = ImageLimits.of(parts.settings.images)
    cutouts = CutoutCache(cache, parts.cutting_fingerprint, limits)
    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        kept, unread = cutouts.fill(batch, parts.cutting, parts.threads)
        faults += unread
        cut = [sample for sample in batch if key_of(sample) in kept.rows]
        if cut:
            images = [kept.cutout(row) for row in kept.positions(cut)]
            rows = embedded(images, parts.embedder)
            yield {key_of(one): Blob(row) for one, row in zip(cut, rows, strict=True)}
        if progress is not None:
            progress(start + len(batch), len(samples))


def embedded(cutouts: Sequence[Cutout], embedder: Embedder) -> FloatArray:
    """(N, D). Raises WeightsError for vectors that are not finite: they are not kept."""
    rows = embedder.embed(cutouts)
    if not bool(np.isfinite(rows).all()):
        raise WeightsError(
            "the embedder gave features that are not finite.",
            remedy="Its weights may be damaged: packsight weights verify",
        )
    return rows
