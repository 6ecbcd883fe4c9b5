"""Tasks made of vectors alone: no images, no models, rankings that can be read off a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.protocols import Reranker
from engine.types import CategoryScores, Description, MatteQuality, Record
from offline.datasets import DatasetImage, Relevance, RetrievalTask
from offline.datasets.relevance import by_product, same_label
from offline.evaluate.task import DescribedTask
from stages.assemble import assemble
from tests.engine.made_descriptions import described
from tests.offline.evaluate.counting_parts import quick_settings


@dataclass(frozen=True)
class Made:
    """One image: its place on a line, and what it shows. ``scores``: of a query's categories;
    None: certain of its own."""

    at: float
    product: str | None = None
    category: str | None = "jar"
    family: str | None = None
    scores: CategoryScores | None = None
    quality: MatteQuality | None = None

    def image(self, side: str, place: int) -> DatasetImage:
        name = f"{side}/{place}"
        path = Path(f"{side}{place}.png")
        return DatasetImage(name, path, self.category, self.family, self.product)

    @property
    def description(self) -> Description:
        found = described([self.at, 1.0], self.category or "jar", self.quality)
        return found if self.scores is None else replace(found, scores=self.scores)


def scores(**shares: float) -> CategoryScores:
    return CategoryScores(tuple(shares), np.array(list(shares.values()), np.float32))


def made_task(
    queries: Sequence[Made],
    gallery: Sequence[Made],
    *overrides: str,
    reranker: Reranker | None = None,
    relevance: Sequence[Relevance] | None = None,
    unread: Sequence[DatasetImage] = (),
) -> DescribedTask:
    """Relevant is the same product, unless ``relevance`` lists it. Euclidean distances are those
    on the line."""
    asked = tuple(one.image("q", at) for at, one in enumerate(queries))
    held = tuple(one.image("g", at) for at, one in enumerate(gallery))
    answers = same_label(asked, held, by_product) if relevance is None else tuple(relevance)
    settings = quick_settings("rerank.name=none", *overrides)
    parts = assemble(settings)
    descriptions = tuple(one.description for one in queries)
    records = tuple(record(at, one, held[at]) for at, one in enumerate(gallery))
    return DescribedTask(
        task=RetrievalTask("made", asked, held, answers),
        vectors=np.stack([one.embedding.vector for one in descriptions]),
        rows=np.stack([one.description.embedding.vector for one in records]),
        settings=settings,
        normalised=parts.describer.embedder.normalised,
        absent=(0,) * len(asked),
        unread=tuple(unread),
        checksum="c" * 64,
        queries=descriptions,
        gallery=records,
        parts=parts if reranker is None else replace(parts, reranker=reranker),
    )


def record(place: int, made: Made, image: DatasetImage) -> Record:
    return Record(
        id=place,
        sha256=f"sha of {place}",
        product_id=made.product or image.id,
        category=made.category or "jar",
        labelled=made.category is not None,
        uri=image.id,
        attributes={},
        description=made.description,
    )
