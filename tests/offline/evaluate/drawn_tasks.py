"""Retrieval tasks without files, and rankings of them that only need distances."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.types import FloatArray
from offline.datasets import Picture, Relevance, RetrievalTask
from offline.evaluate.ranking import Ranking, rank

Answer = tuple[Sequence[int], Sequence[int]]  # relevant, ignored


def pictures(side: str, count: int) -> tuple[Picture, ...]:
    return tuple(Picture(f"{side}/{at}", Path(f"{side}{at}.jpg")) for at in range(count))


def task(answers: Sequence[Answer], gallery: int) -> RetrievalTask:
    """One query an answer; no query is in the gallery."""
    relevance = tuple(Relevance(tuple(good), tuple(junk)) for good, junk in answers)
    return RetrievalTask("drawn", pictures("q", len(answers)), pictures("g", gallery), relevance)


def on_a_line(distances: Sequence[float]) -> Ranking:
    """One query at 0 and a gallery at these distances from it."""
    gallery: FloatArray = np.array(distances, np.float32)[:, None]
    return rank(np.zeros((1, 1), np.float32), gallery)
