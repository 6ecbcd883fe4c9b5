"""Rerank the first hits by the fusion that a gallery was adapted with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.adaptation import Adaptation, domain_of
from engine.fusion import Fusion
from engine.protocols import KeypointMatcher, Reranker
from engine.types import Description, Hit
from engine.verification import explained
from stages.rerank._pair_features import CONCEPTS, NAMES, VERSION, pair_features
from stages.rerank._print_features import CONCEPT as PRINT
from stages.rerank._print_features import NAMES as PRINTS
from stages.rerank._print_features import print_features
from stages.rerank._reasons import Concepts
from stages.rerank._scorer import Coefficients, Scorer
from stages.rerank._view_features import BEHIND, view_features, view_names
from stages.rerank.learned import sorted_by
from stages.rerank.none import NoRerank


class GalleryFusion:
    """As ``Learned``, by the fusion of the adaptation. Vectors are as they are stored: their views
    are centred here. With a ``matcher`` it weighs print, and hits get their ``match``."""

    def __init__(
        self, adaptation: Adaptation, fusion: Fusion, matcher: KeypointMatcher | None = None
    ) -> None:
        self._adaptation = adaptation
        self._fusion = fusion
        self._matcher = matcher
        self._scorer = scorer_of(fusion)
        self._concepts = concepts_of(fusion.views, prints=matcher is not None)

    @property
    def top_n(self) -> int:
        return self._fusion.top_n

    def rerank(self, query: Description, hits: Sequence[Hit]) -> list[Hit]:
        head, tail = list(hits[: self.top_n]), hits[self.top_n :]
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
        columns = [found.rows, views]
        if self._matcher is not None:
            printed = print_features(query, head, self._matcher)
            columns.append(printed.rows)
            pairs = zip(head, printed.matches, strict=True)
            head = [replace(hit, match=match) for hit, match in pairs]
        found = replace(found, rows=np.concatenate(columns, axis=1))
        answer = sorted_by(self._scorer, 1.0, query, head, found, self._concepts, "fusion")
        if self._matcher is not None:
            answer = [explained(hit, self._matcher.least) for hit in answer]
        return [hit.at(rank) for rank, hit in enumerate([*answer, *tail], start=1)]


def fused(adaptation: Adaptation, matcher: KeypointMatcher | None) -> Reranker | None:
    """None without a fusion, for one of features that this Packsight does not measure, and for one
    that weighs print where nothing compares it."""
    fusion = adaptation.fusion
    if fusion is None or fusion.measures != VERSION:
        return None
    if fusion.top_n == 0:
        return NoRerank()
    if sum(fusion.views.values()) not in (0, len(adaptation.catalogue_mean)):
        return None
    terms = tuple(fusion.model.terms)
    if terms == feature_names(fusion.views):
        return GalleryFusion(adaptation, fusion)
    compared = matcher is not None and matcher.checked > 0
    if compared and terms == feature_names(fusion.views, prints=True):
        return GalleryFusion(adaptation, fusion, matcher)
    return None


def feature_names(views: Mapping[str, int], *, prints: bool = False) -> tuple[str, ...]:
    """The columns that a fusion is fitted to, with those of ``prints`` where it weighs them."""
    return (*NAMES, *view_names(views), *(PRINTS if prints else ()))


def concepts_of(views: Mapping[str, int], *, prints: bool = False) -> Concepts:
    """The columns by subject, every view being one."""
    of_print = {PRINT: PRINTS} if prints else {}
    return {**CONCEPTS, **{view: (view, view + BEHIND) for view in views}, **of_print}


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
