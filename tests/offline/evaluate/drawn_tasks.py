"""Retrieval tasks without files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from offline.datasets import Picture, Relevance, RetrievalTask

Answer = tuple[Sequence[int], Sequence[int]]  # relevant, ignored


def pictures(side: str, count: int) -> tuple[Picture, ...]:
    return tuple(Picture(f"{side}/{at}", Path(f"{side}{at}.jpg")) for at in range(count))


def task(answers: Sequence[Answer], gallery: int) -> RetrievalTask:
    """One query an answer; no query is in the gallery."""
    relevance = tuple(Relevance(tuple(good), tuple(junk)) for good, junk in answers)
    return RetrievalTask("drawn", pictures("q", len(answers)), pictures("g", gallery), relevance)
