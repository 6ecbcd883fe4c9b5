"""Retrieval tasks without files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from offline.datasets import DatasetImage, Relevance, RetrievalTask

Answer = tuple[Sequence[int], Sequence[int]]  # relevant, ignored


def images(side: str, count: int) -> tuple[DatasetImage, ...]:
    return tuple(DatasetImage(f"{side}/{at}", Path(f"{side}{at}.jpg")) for at in range(count))


def task(answers: Sequence[Answer], gallery: int) -> RetrievalTask:
    """One query an answer; no query is in the gallery."""
    relevance = tuple(Relevance(tuple(good), tuple(junk)) for good, junk in answers)
    return RetrievalTask("drawn", images("q", len(answers)), images("g", gallery), relevance)
