"""How far matching places raise a hit, by what they do among a gallery's own products.

Siblings of one line may share their print: then it raises products that are not relevant, and
weighs less or nothing. Judged by the photos or views that judge the other parts, by vectors that
were compared without a fit to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.adaptation import Part, PrintWeight
from engine.errors import PacksightError
from engine.fusion import Fusion
from engine.keypoints import UNLIKE
from engine.protocols import KeypointMatcher, Reranker
from engine.types import Float64Array
from engine.verification import in_order, matches
from offline.adapt.first_hits import FirstHits, Seen, first_hits, judges
from offline.adapt.fit import Fitted
from offline.adapt.matched_once import MatchedOnce
from offline.metrics.statistics import Interval, bootstrap
from stages.assemble import assemble_matcher, assemble_reranker
from stages.rerank.none import NoRerank

# In place of a higher one that is configured. None above it is tried: views of a product share
# more print than its photos do.
WEIGHTS = (2.0, 1.0, 0.5, 0.0)
MOST_QUERIES = 200  # with 20 images each some seconds, and 100 MB of records at most
NAME = "print"


@dataclass(frozen=True, eq=False)
class Weighed:
    """``weight`` is None where the configured one stays."""

    weight: PrintWeight | None
    part: Part


def fit_print_weight(seen: Seen, fitted: Fitted, fusion: Fusion | None, seed: int) -> Weighed:
    """The configured weight stays unless lower ones are better beyond noise. Of these it is the
    lowest that the best does not beat beyond noise: once it has failed, print has to prove itself.
    ``fusion``: of the same fit."""
    try:
        settings = seen.gallery.manifest.read_settings()
        matcher = assemble_matcher(settings)
        refusal = _refusal(seen, fitted, matcher, fusion)
        if refusal or matcher is None:
            return Weighed(None, Part(name=NAME, taken=False, why=refusal))
        reranker = assemble_reranker(settings) if fusion is None else NoRerank()
        return _fitted(seen, fitted, matcher, reranker, seed)
    except PacksightError as error:  # without weights of a stage, or a damaged image
        return Weighed(None, Part(name=NAME, taken=False, why=error.message))


def _refusal(
    seen: Seen, fitted: Fitted, matcher: KeypointMatcher | None, fusion: Fusion | None
) -> str:
    """Why there is nothing to choose; empty where there is."""
    if matcher is None:
        return "no keypoints are compared"
    if matcher.weight == 0:
        return "weight 0 is configured"
    if fusion is not None and fusion.top_n > 0:
        return "the fusion weighs it"
    if not fitted.held_out:
        return f"weight {matcher.weight:g} stays: {fitted.parts[-1].why}"
    if (seen.queries.given >= len(seen.photos)).any():
        return f"weight {matcher.weight:g} stays: the print of the photos is not known"
    return ""


def _fitted(
    seen: Seen, fitted: Fitted, matcher: KeypointMatcher, reranker: Reranker, seed: int
) -> Weighed:
    own = matcher.weight
    weights = [own, *(weight for weight in WEIGHTS if weight < own)]
    found = [
        (query.product, _precisions(query, matcher, reranker, weights))
        for fold in judges(seen, fitted, MOST_QUERIES, seed)
        for query in first_hits(seen, fold, max(matcher.checked, reranker.top_n))
    ]
    products = [str(product) for product, _ in found]
    at, gained = _chosen(np.stack([precisions for _, precisions in found]), products, seed)
    taken = gained.low > 0
    other = f"{weights[at]:g}"
    words = f"{other} in place of {own:g}" if taken else f"{own:g} stays, {other} is no better"
    judged = "photos" if seen.queries.are_photos else "views"
    part = Part(
        name=NAME,
        taken=taken,
        why=f"weight {words}, by {judged} of {len(set(products))} products",
        gain=gained.mean,
        low=gained.low,
        high=gained.high,
    )
    taught = PrintWeight(
        weight=weights[at], instead_of=own, least=matcher.least, checked=matcher.checked
    )
    return Weighed(taught if taken else None, part)


def _chosen(values: Float64Array, products: Sequence[str], seed: int) -> tuple[int, Interval]:
    """Of the columns (q, weights) behind the first, and its gain over that: the last of those that
    are better than it beyond noise and that the best is not; else the best."""

    def gain(after: int, before: int) -> Interval:
        difference = values[:, after] - values[:, before]
        return bootstrap(difference.tolist(), seed=seed, clusters=products)

    gains = {at: gain(at, 0) for at in range(1, values.shape[1])}
    better = [at for at, one in gains.items() if one.low > 0]
    best = max(better or gains, key=lambda at: round(gains[at].mean, 9))
    for at in reversed(better):
        if at == best or gain(best, at).low <= 0:
            return at, gains[at]
    return best, gains[best]


def _precisions(
    query: FirstHits, matcher: KeypointMatcher, reranker: Reranker, weights: Sequence[float]
) -> Float64Array:
    """Average precision by each weight (W,)."""
    hits = reranker.rerank(query.query, query.hits)
    relevant = query.products == query.product
    place = {hit.record.id: at for at, hit in enumerate(query.hits)}
    reranked = [place[hit.record.id] for hit in hits]
    head = range(min(matcher.checked, len(hits)))
    matched = matches(query.query, hits[: len(head)], MatchedOnce(matcher))
    alike = [UNLIKE] * len(head) if matched is None else matched
    found = []
    for weight in weights:
        first, _ = in_order(alike, head, matcher.least, weight)
        order = [*(reranked[at] for at in first), *reranked[len(head) :]]
        ranks = np.flatnonzero(np.append(relevant[order], relevant[len(order) :])) + 1
        found.append((np.arange(1, len(ranks) + 1) / ranks).mean() if len(ranks) else 0.0)
    return np.array(found)
