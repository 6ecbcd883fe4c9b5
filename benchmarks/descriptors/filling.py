"""Features of many descriptors at once: a backbone runs once an image, view and scale, and all
poolings read its maps. They land where `packsight evaluate` keeps and finds its own."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from engine.blobs import Blob
from engine.errors import ConfigError
from engine.images import ImageLimits
from engine.types import FloatArray, Progress
from offline.datasets import DatasetImage
from offline.store.cutouts import CutoutCache, Cutouts
from offline.store.images import Hashed, HashedImage, hash_images, key_of
from offline.store.vectors import embedded, vector_store
from stages._preprocess import required_spec
from stages._session import OnnxSession
from stages.assemble import EmbeddingParts
from stages.context import BuildContext
from stages.embed.onnx import OnnxEmbedder, Options

BATCH = 16
REMEMBERED = 8  # batches, of all views and scales of one set of images


def hashed(image: DatasetImage) -> HashedImage:
    """ConfigError for a file that cannot be read."""
    (found,) = hash_images([image])
    if isinstance(found, str):
        raise ConfigError(found)
    return found


class Remembering(OnnxSession):
    """Gives the same cutouts again for the same images."""

    def __init__(self, path: Path, *, threads: int) -> None:
        super().__init__(path, threads=threads)
        self._held: OrderedDict[bytes, list[FloatArray]] = OrderedDict()

    def run_all(self, batch: FloatArray, outputs: Sequence[int]) -> list[FloatArray]:
        key = hashlib.blake2b(np.ascontiguousarray(batch).data, digest_size=16).digest()
        key += str(batch.shape).encode()
        if key not in self._held:
            self._held[key] = super().run_all(batch, range(len(self.output_names)))
            while len(self._held) > REMEMBERED:
                self._held.popitem(last=False)
        return [self._held[key][output] for output in outputs]


def sharing_backbones(parts: Sequence[EmbeddingParts]) -> list[EmbeddingParts]:
    """The same parts; those that embed by one ONNX file share its session."""
    sessions: dict[Path, Remembering] = {}
    return [_shared(one, sessions) for one in parts]


def _shared(parts: EmbeddingParts, sessions: dict[Path, Remembering]) -> EmbeddingParts:
    stage = parts.settings.embed
    if stage.name != "onnx":
        return parts
    options = Options.model_validate(dict(stage.options))
    found = BuildContext().weights(options.weights)
    if found.path not in sessions:
        sessions[found.path] = Remembering(found.path, threads=parts.threads)
    spec = required_spec(found, "embed weights")
    return replace(parts, embedder=OnnxEmbedder(options, sessions[found.path], spec))


def fill(
    samples: Sequence[Hashed],
    parts: Sequence[EmbeddingParts],
    cache: Path,
    progress: Progress | None = None,
) -> None:
    """Make what is not there yet. All parts cut out in the same way. ConfigError for images
    that cannot be read."""
    first = parts[0]
    cutouts, faults = CutoutCache(
        cache, first.cutting_fingerprint, ImageLimits.of(first.settings.images)
    ).fill(samples, first.cutting, first.threads)
    if faults:
        raise ConfigError(f"{len(faults)} images cannot be measured. {faults[0]}")
    wanted = list({key_of(one): one for one in samples}.values())
    distinct = list({one.fingerprint: one for one in parts}.values())
    for start in range(0, len(wanted), BATCH):
        batch = {key_of(one): one for one in wanted[start : start + BATCH]}
        for one in distinct:
            for _ in vector_store(one, cache).filled(batch, partial(_made, batch, cutouts, one)):
                pass
        if progress is not None:
            progress(min(start + BATCH, len(wanted)), len(wanted))


def _made(
    samples: dict[str, Hashed], cutouts: Cutouts, parts: EmbeddingParts, keys: list[str]
) -> list[dict[str, Blob]]:
    images = [cutouts.cutout(row) for row in cutouts.positions(samples[key] for key in keys)]
    rows = embedded(images, parts.embedder)
    return [{key: Blob(row) for key, row in zip(keys, rows, strict=True)}]
