"""A task's queries, each asked of the gallery as it is and with its product taken out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.search import IMAGES_A_PRODUCT, group_by_product
from engine.types import Hit
from offline.calibration.asking import as_answer
from offline.calibration.matching import DEPTH, Answer
from offline.datasets import Picture
from offline.evaluate.evidence import Evidence


@dataclass(frozen=True, eq=False)
class Question:
    """One query and the answer to it. ``taken_out``: the gallery has its product, and it was
    left out of this answer."""

    query: Picture
    answer: Answer
    taken_out: bool = False

    @property
    def score(self) -> float:
        """Of the first hit; minus infinity where nothing was found."""
        features = self.answer.features
        return float(features[0, 0]) if len(features) else -np.inf


def questions(evidence: Evidence) -> list[Question]:
    """Of every query that says which product it shows: present, if the gallery has another
    picture of it, and absent. In the order of the queries, present first."""
    shelves: dict[str, set[int]] = {}
    for record in evidence.gallery:
        shelves.setdefault(record.product_id, set()).add(record.id)
    found = []
    for at, picture in enumerate(evidence.task.queries):
        if picture.product is None:
            continue
        ignored = evidence.task.relevance[at].ignored
        held = bool(shelves.get(picture.product, set()) - set(ignored))
        if held:
            found.append(Question(picture, _answer(evidence, at, picture.product, ())))
        absent = _answer(evidence, at, picture.product, (picture.product,))
        found.append(Question(picture, absent, taken_out=held))
    return found


def presence(asked: list[Question]) -> npt.NDArray[np.bool_]:
    """(A,) whether the gallery had the product of each."""
    return np.array([question.answer.present for question in asked], np.bool_)


def _answer(evidence: Evidence, query: int, product: str, without: Collection[str]) -> Answer:
    hits = _retrieved(evidence, query, without)
    ranked = evidence.parts.reranker.rerank(evidence.queries[query], hits)
    return as_answer(product, group_by_product(ranked), present=not without)


def _retrieved(evidence: Evidence, query: int, without: Collection[str]) -> list[Hit]:
    """Enough images for the reranker and for ``DEPTH`` products, as ``engine.search`` fetches."""
    fetch = max(evidence.parts.reranker.top_n, DEPTH * IMAGES_A_PRODUCT)
    while True:
        hits = evidence.candidates(query, fetch, without=without)
        if len(hits) < fetch or len({hit.record.product_id for hit in hits}) >= DEPTH:
            return hits
        fetch *= 2
