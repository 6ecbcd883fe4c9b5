"""Describing parts that are quick, count their calls, and can be made to fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.config import Settings, load
from engine.types import Cutout, FloatArray
from stages.assemble import EmbeddingParts, assemble_embedding
from tests.drawn_catalogue import QUICK


@dataclass
class CountingEmbedder:
    """The mean colour of every cutout, and how many there were; ``spoil`` alters the rows."""

    embedded: int = 0
    spoil: Callable[[FloatArray], FloatArray] = field(default=lambda rows: rows)
    dimension: int = 3
    normalised: bool = False

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        self.embedded += len(cutouts)
        rows = [cutout.pixels.mean(axis=(0, 1)) for cutout in cutouts]
        return self.spoil(np.array(rows, np.float32).reshape(len(cutouts), 3))


def quick_settings(*more: str) -> Settings:
    return load(Settings(), env={}, flags=[*QUICK, *more])


def counting_parts(embedder: CountingEmbedder, name: str = "a") -> EmbeddingParts:
    real = assemble_embedding(quick_settings())
    return EmbeddingParts(
        real.cutting, embedder, real.cutting_fingerprint, name * 64, real.settings, threads=1
    )
