"""Evidence made of vectors alone: no pictures, no models, rankings that can be read off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.protocols import Reranker
from engine.types import CategoryScores, Description, MatteQuality, Record
from offline.datasets import Picture, RetrievalTask
from offline.datasets.relevance import by_product, same_label
from offline.evaluate.evidence import Evidence
from stages.assemble import assemble
from tests.engine.made_descriptions import described
from tests.offline.evaluate.counting_parts import quick_settings


@dataclass(frozen=True)
class Made:
    """One picture: its place on a line, and what it shows. ``scores``: of a query's categories;
    None: certain of its own."""

    at: float
    product: str | None = None
    category: str | None = "jar"
    family: str | None = None
    scores: CategoryScores | None = None
    quality: MatteQuality | None = None

    def picture(self, side: str, place: int) -> Picture:
        name = f"{side}/{place}"
        path = Path(f"{side}{place}.png")
        return Picture(name, path, self.category, self.family, self.product)

    @property
    def description(self) -> Description:
        found = described([self.at, 1.0], self.category or "jar", self.quality)
        return found if self.scores is None else replace(found, scores=self.scores)


def scores(**shares: float) -> CategoryScores:
    return CategoryScores(tuple(shares), np.array(list(shares.values()), np.float32))


def made_evidence(
    queries: Sequence[Made],
    gallery: Sequence[Made],
    *overrides: str,
    reranker: Reranker | None = None,
) -> Evidence:
    """Asked by product. Euclidean distances are those on the line."""
    asked = tuple(one.picture("q", at) for at, one in enumerate(queries))
    held = tuple(one.picture("g", at) for at, one in enumerate(gallery))
    task = RetrievalTask("made", asked, held, same_label(asked, held, by_product))
    settings = quick_settings("rerank.name=none", *overrides)
    parts = assemble(settings)
    return Evidence(
        task=task,
        queries=tuple(one.description for one in queries),
        gallery=tuple(record(at, one, held[at]) for at, one in enumerate(gallery)),
        settings=settings,
        parts=parts if reranker is None else replace(parts, reranker=reranker),
        absent=tuple(0 for _ in queries),
        unread=(),
        checksum="c" * 64,
        faults=(),
    )


def record(place: int, made: Made, picture: Picture) -> Record:
    return Record(
        id=place,
        sha256=f"sha of {place}",
        product_id=made.product or picture.id,
        category=made.category or "jar",
        labelled=made.category is not None,
        uri=picture.id,
        attributes={},
        description=made.description,
    )
