"""Rerank the first hits by the fusion that a gallery was adapted with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.adaptation import Adaptation, domain_of
from engine.fusion import Fusion
from engine.protocols import Reranker
from engine.types import Description, Hit
from stages.rerank._pair_features import CONCEPTS, NAMES, VERSION, pair_features
from stages.rerank._reasons import Concepts
from stages.rerank._scorer import Coefficients, Scorer
from stages.rerank._view_features import BEHIND, view_features, view_names
from stages.rerank.learned import sorted_by
from stages.rerank.none import NoRerank


class GalleryFusion:
    """As ``Learned``, by the fusion of the adaptation. Vectors are as they are stored: their views
    are centred here."""

    def __init__(self, adaptation: Adaptation, fusion: Fusion) -> None:
        self._adaptation = adaptation
        self._fusion = fusion
        self._scorer = scorer_of(fusion)
        self._concepts = concepts_of(fusion.views)

    @property
    def top_n(self) -> int:
        return self._fusion.top_n

    def rerank(self, query: Description, hits: Sequence[Hit]) -> list[Hit]:
        head, tail = hits[: self.top_n], hits[self.top_n :]
        if not head:
            return list(tail)
        found = pair_features(query, head)
        domains = [domain_of(hit.record.attributes) for hit in head]
        stored = np.stack([hit.record.description.embedding.vector for hit in head])
        views = view_features(
            self._adaptation.centred(query.embedding.vector[None], "photo")[0],
            self._adaptation.centred(stored, domains),
            self._fusion.views,
        )
        found = replace(found, rows=np.concatenate([found.rows, views], axis=1))
        answer = sorted_by(self._scorer, 1.0, query, head, found, self._concepts, "fusion")
        return [hit.at(rank) for rank, hit in enumerate([*answer, *tail], start=1)]


def fused(adaptation: Adaptation) -> Reranker | None:
    """None without a fusion, or for one of features that this Packsight does not measure."""
    fusion = adaptation.fusion
    if fusion is None or fusion.measures != VERSION:
        return None
    if fusion.top_n == 0:
        return NoRerank()
    known = tuple(fusion.model.terms) == feature_names(fusion.views)
    spans = sum(fusion.views.values()) in (0, len(adaptation.catalogue_mean))
    return GalleryFusion(adaptation, fusion) if known and spans else None


def feature_names(views: Mapping[str, int]) -> tuple[str, ...]:
    """The columns that a fusion is fitted to."""
    return (*NAMES, *view_names(views))


def concepts_of(views: Mapping[str, int]) -> Concepts:
    """The columns by subject, every view being one."""
    return {**CONCEPTS, **{view: (view, view + BEHIND) for view in views}}


def scorer_of(fusion: Fusion) -> Scorer:
    terms = fusion.model.terms
    return Scorer(
        features=tuple(terms),
        means=tuple(term.mean for term in terms.values()),
        scales=tuple(term.deviation for term in terms.values()),
        slope=1.0,  # needed, and without effect: the model alone decides
        model=Coefficients(
            intercept=fusion.model.intercept,
            coefficients=tuple(term.weight for term in terms.values()),
        ),
    )
