"""Rerank the first hits by a value that `packsight train reranker` learned from labelled pairs.

Similarity of the images, category, overlap, course and width of the contours, proportions and the
trust in both masks, combined by logistic regression or boosted trees: late fusion by a learned
score, as in Liu, "Learning to Rank for Information Retrieval", 2009, chapter 2
(pointwise).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

from engine.errors import ConfigError, WeightsError
from engine.types import DOUBTS, Description, Hit
from stages.context import BuildContext
from stages.options import StageOptions, in_words
from stages.rerank._artefact import AGAIN, RerankerArtefact, read_reranker, reranker_path
from stages.rerank._gate import fault_of
from stages.rerank._pair_features import CONCEPTS, NAMES, VERSION, PairFeatures, pair_features
from stages.rerank._reasons import Concepts, explained, moved, pulls, reason
from stages.rerank._scorer import Scorer


class Options(StageOptions):
    """``weights``: the file, or ``rerank_classic``, which comes with the package and fits profile
    ``classic``. ``top_n`` and ``share`` replace the file's own; a ``share`` of 0 keeps
    the order of the retrieval. ``any_description``: accept a file that learned from descriptions by
    other parts, or from another metric of search."""

    weights: str = Field(min_length=1)
    top_n: int | None = Field(None, ge=0)
    share: float | None = Field(None, ge=0, le=1)
    any_description: bool = False


class Learned:
    """Orders hits by the learned value, descending; ties keep the order of retrieval.

    A mask that raises a flag is not compared, and its hit's ``iou`` is None; by the similarity of
    the images and by its category such a hit may still change its place. ``score`` and
    ``distance`` stay those of the retrieval.
    """

    def __init__(self, artefact: RerankerArtefact, options: Options) -> None:
        self._scorer = artefact.scorer
        self._share = artefact.share if options.share is None else options.share
        self._top_n = artefact.top_n if options.top_n is None else options.top_n

    @property
    def top_n(self) -> int:
        return self._top_n

    def rerank(self, query: Description, hits: Sequence[Hit]) -> list[Hit]:
        head, tail = list(hits[: self.top_n]), list(hits[self.top_n :])
        found = pair_features(query, head)
        answer = sorted_by(self._scorer, self._share, query, head, found)
        return [hit.at(rank) for rank, hit in enumerate([*answer, *tail], start=1)]


def sorted_by(
    scorer: Scorer,
    share: float,
    query: Description,
    hits: Sequence[Hit],
    found: PairFeatures,
    concepts: Concepts = CONCEPTS,
    name: str = "learned reranker",
) -> list[Hit]:
    """The hits by the learned value, each with its reasons, ranks as they were; ``found`` are their
    features, as the scorer's. ``name`` stands before the reasons."""
    # sorted() is stable, so that ties keep the order of retrieval.
    values = scorer.values(found.rows, share).tolist()
    order = sorted(range(len(hits)), key=lambda place: -values[place])
    if share == 0:  # equal scores would do, rounded ones need not
        order = list(range(len(hits)))
    pulled = pulls(scorer, share, found.rows, concepts)
    answer = []
    for place, at in enumerate(order, start=1):
        because = reason(pulled[at], at + 1, place, concepts)
        why = _why(query, hits[at], (name, moved(at + 1, place), because))
        answer.append(explained(hits[at], why, _iou(found, at)))
    return answer


def _why(query: Description, hit: Hit, reasons: Sequence[str]) -> str:
    fault = fault_of(query, hit.record.description, DOUBTS)
    parts = [
        *reasons,
        fault and f"contours not compared: {fault}",
    ]
    return ", ".join(part for part in parts if part)


def _iou(found: PairFeatures, at: int) -> float | None:
    return float(found.overlaps[at]) if found.comparable[at] else None


def build(options: Options, context: BuildContext) -> Learned:
    """Raises WeightsError for a file that is absent, damaged or of other features, ConfigError
    for one that learned from descriptions unlike those here."""
    path = reranker_path(options.weights)
    artefact = read_reranker(path)
    if (artefact.scorer.features, artefact.measures) != (NAMES, VERSION):
        raise WeightsError(
            f"{path}: learned from other features than this Packsight measures.", remedy=AGAIN
        )
    if not options.any_description:
        _check_description(artefact, context, path)
    # Opens the trees' session, so that the first query need not wait for it.
    artefact.scorer.log_odds(np.zeros((1, len(NAMES))))
    context.used[options.weights] = artefact.identity
    return Learned(artefact, options)


def _check_description(artefact: RerankerArtefact, context: BuildContext, path: Path) -> None:
    remedy = (
        "Use those settings, train one with these: packsight train reranker, or set "
        "rerank.any_description = true."
    )
    if context.described and artefact.described not in ("", *context.described):
        wanted = in_words(artefact.described_by) or artefact.described
        raise ConfigError(
            f"{path}: learned from images that other parts described: {wanted}.", remedy=remedy
        )
    if context.metric and artefact.metric not in ("", context.metric):
        raise ConfigError(
            f"{path}: learned from a search by {artefact.metric}, not {context.metric}.",
            remedy=remedy,
        )
