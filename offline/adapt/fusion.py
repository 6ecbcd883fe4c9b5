"""The order of first hits that a gallery teaches: similarity, contours, trust and print in one
model.

Photos search the gallery by vectors that were compared without a fit to them. A photo and its first
hits are pairs, as those that ``packsight train reranker`` learns from; what is chosen and judged by
cross-validation is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.adaptation import Part
from engine.errors import PacksightError
from engine.fusion import Fusion
from engine.linear_model import LinearModel, Term, standardised
from engine.protocols import KeypointMatcher, Reranker
from engine.types import Description, Float64Array, Hit
from engine.verification import verified
from offline.adapt.first_hits import Seen, first_hits, judges
from offline.adapt.fit import Fitted
from offline.adapt.folds import FOLDS, HeldOut
from offline.adapt.logistic import grouped_folds
from offline.adapt.matched_once import MatchedOnce
from offline.adapt.reranking.measure import Answers, ordered
from offline.adapt.reranking.models import Hyperparameters, fit
from offline.adapt.reranking.pairs import PairedQuery, Pairs, beyond, paired, pooled
from offline.adapt.reranking.selection import (
    NONE,
    Folds,
    Trial,
    choose,
    cross_chosen,
    hold_out,
    trials,
)
from offline.metrics.statistics import Interval, bootstrap
from stages.assemble import assemble_matcher, assemble_reranker, views_of
from stages.rerank._gallery_fusion import concepts_of, feature_names
from stages.rerank._pair_features import NAMES, VERSION, pair_features
from stages.rerank._print_features import print_features
from stages.rerank._scorer import REACH
from stages.rerank._view_features import view_features

TOP_N = 20  # images of a query that take part
MOST_QUERIES = 500  # describing a new silhouette takes 1.7 ms, and each brings up to 20
# The most cautious first.
TRIED = tuple(Hyperparameters("logistic", strength) for strength in (0.01, 0.1, 1.0, 10.0))
# Of the gallery's own images it is the label, which no photo has.
UNSEEN = NAMES.index("category")
MOST_NAMED = 3
# Learned from 900 studio images of Packbench the order gained 0.010 [0.005, 0.016] among them and
# lost 0.009 [0.003, 0.016] of the MRR of 598 phone photos: their contours are not as clean.
NEEDS_PHOTOS = (
    "it needs photos of known products: contours of the catalogue's own images are cleaner"
)


@dataclass(frozen=True, eq=False)
class Fused:
    """``fusion`` is None where the gallery's own reranker stays."""

    fusion: Fusion | None
    part: Part


def fit_fusion(seen: Seen, fitted: Fitted, seed: int) -> Fused:
    """An order for the gallery in place of its own reranker's: what is learned where that is better
    than the better of this and similarity alone; else similarity alone where that is better than
    the reranker. Where the gallery has keypoints, what is learned weighs print, and the other two
    are followed by its verification. ``fitted`` are the vectors."""
    if not fitted.held_out:
        return _refused(fitted.parts[-1].why)
    if not seen.queries.are_photos:
        return _refused(NEEDS_PHOTOS)
    if (seen.queries.given >= len(seen.photos)).any():
        return _refused("the contours of the photos are not known")
    try:
        settings = seen.gallery.manifest.read_settings()
        views = views_of(settings)
        if sum(views.values()) != seen.vectors.rows.shape[1]:
            views = {}
        order = _Order(assemble_reranker(settings), views, assemble_matcher(settings))
        return _fitted(seen, fitted, order, seed)
    except PacksightError as error:  # without its weights, or without a relevant image in a fold
        return _refused(error.message)


def _refused(why: str) -> Fused:
    return Fused(None, Part(name="fusion", taken=False, why=why))


@dataclass(frozen=True)
class _Order:
    """What puts a gallery's first hits in order, and what a model of them may look at."""

    reranker: Reranker
    views: Mapping[str, int]
    matcher: KeypointMatcher | None

    @property
    def prints(self) -> bool:
        return self.matcher is not None


def _fitted(seen: Seen, fitted: Fitted, order: _Order, seed: int) -> Fused:
    lists = [_lists(seen, fold, order) for fold in judges(seen, fitted, MOST_QUERIES, seed)]
    pairs = pooled([one.pairs for one in lists])
    similar = ordered(pairs, np.concatenate([one.similar for one in lists]))
    own = ordered(pairs, np.concatenate([one.own for one in lists]))
    better = max(similar, own, key=lambda answers: float(answers.reciprocal.mean()))
    folds = _folds(pairs, seed)
    tried = trials(pairs, hold_out(pairs, TRIED, folds, seed))
    learned = cross_chosen(pairs, tried, folds, seed)
    choice = choose(pairs, tried, np.arange(len(pairs.queries)), seed)
    gained, alone = _gain(learned, better, pairs, seed), _gain(similar, own, pairs, seed)
    top_n = max(TOP_N, order.reranker.top_n)
    if choice.taken is not None and gained.low > 0 and _no_lower(learned, better):
        model = _model(pairs, choice.taken, seed)
        why = f"the first {top_n} images by {_strongest(model, pairs, order)}"
        fusion = Fusion(model=model, top_n=top_n, views=order.views, measures=VERSION)
        part = _part(True, why, gained)
    elif alone.low > 0 and _no_lower(similar, own):
        fusion = Fusion(top_n=0)
        why = "by similarity alone: the gallery's own reranker loses"
        part = _part(True, why, alone)
    else:
        return Fused(None, _part(False, "the gallery's own reranker stays", gained))
    return Fused(fusion, part)


def _folds(pairs: Pairs, seed: int) -> Folds:
    """Of whole products."""
    products = [query.product for query in pairs.queries]
    of_lists = grouped_folds(products, FOLDS, seed)
    fold_of = dict(zip(products, of_lists.tolist(), strict=True))
    return Folds(of_lists, np.array([fold_of.get(name, NONE) for name in pairs.names], np.int64))


def _gain(after: Answers, before: Answers, pairs: Pairs, seed: int) -> Interval:
    products = [query.product for query in pairs.queries]
    return bootstrap((after.precision - before.precision).tolist(), seed=seed, clusters=products)


def _no_lower(after: Answers, before: Answers) -> bool:
    """Whether the first relevant image comes as early, in the mean."""
    return float((after.reciprocal - before.reciprocal).mean()) >= 0


def _part(taken: bool, why: str, gained: Interval) -> Part:
    return Part(
        name="fusion", taken=taken, why=why, gain=gained.mean, low=gained.low, high=gained.high
    )


def _model(pairs: Pairs, trial: Trial, seed: int) -> LinearModel:
    """Fitted to all pairs; what similarity keeps of the value is in the weight of the score."""
    chosen = trial.held_out.chosen
    scorer = fit(chosen, pairs.rows, pairs.right, seed, pairs.features)
    weights = trial.share * np.array(scorer.weights)
    score = pairs.features.index("score")
    weights[score] += (1 - trial.share) * scorer.slope * scorer.scales[score]
    terms = {
        name: Term(mean=mean, deviation=scale, weight=weight)
        for name, mean, scale, weight in zip(
            pairs.features, scorer.means, scorer.scales, weights.tolist(), strict=True
        )
    }
    return LinearModel(intercept=0.0, terms=terms, reach=REACH)


def _strongest(model: LinearModel, pairs: Pairs, order: _Order) -> str:
    """The subjects that vary the value most."""
    terms = model.terms.values()
    near = standardised(
        pairs.rows, [term.mean for term in terms], [term.deviation for term in terms], REACH
    )
    parts = near * [term.weight for term in terms]
    effect = {
        concept: float(parts[:, [pairs.features.index(name) for name in names]].sum(axis=1).std())
        for concept, names in concepts_of(order.views, prints=order.prints).items()
    }
    strongest = sorted(effect, key=lambda concept: -effect[concept])[:MOST_NAMED]
    return ", ".join(strongest)


@dataclass(frozen=True, eq=False)
class _Lists:
    """Of one fold: ``pairs`` in the order of the retrieval, and by which values they are sorted by
    similarity alone and by the gallery's own reranker, both with the verification of print."""

    pairs: Pairs
    similar: Float64Array  # (P,)
    own: Float64Array  # (P,)


def _lists(seen: Seen, fold: HeldOut, order: _Order) -> _Lists:
    pairs, similar, own = [], [], []
    for found in first_hits(seen, fold, max(TOP_N, order.reranker.top_n)):
        query, hits = found.query, found.hits
        listed = _paired(query, hits, found.products.astype(np.str_), str(found.product))
        columns = [listed.rows, view_features(found.centred, found.centred_hits, order.views)]
        by_similarity, by_reranker = hits, order.reranker.rerank(query, hits)
        if order.matcher is not None:
            matcher = MatchedOnce(order.matcher)
            columns.append(print_features(query, hits, matcher).rows)
            by_similarity = verified(query, by_similarity, matcher)
            by_reranker = verified(query, by_reranker, matcher)
        features = feature_names(order.views, prints=order.prints)
        rows = np.concatenate(columns, axis=1)
        pairs.append(replace(listed, rows=rows, features=features))
        similar += _values(hits, by_similarity)
        own += _values(hits, by_reranker)
    return _Lists(pooled(pairs), np.array(similar, np.float64), np.array(own, np.float64))


def _values(hits: Sequence[Hit], answer: Sequence[Hit]) -> list[float]:
    """Aligned with the hits, higher for those that come earlier."""
    placed = {hit.record.id: -float(hit.rank) for hit in answer}
    return [placed[hit.record.id] for hit in hits]


def _paired(
    query: Description, hits: Sequence[Hit], products: npt.NDArray[np.str_], product: str
) -> Pairs:
    """``products`` of all images by similarity, the hits' first."""
    relevant = products == product
    ranks = np.flatnonzero(relevant) + 1
    precision, rank = beyond(ranks, len(hits))
    asked = PairedQuery(
        image="",
        pool="",
        group=product,
        product=product,
        look="",
        flagged=bool(query.quality.doubts),
        trust=query.trust,
        total=len(ranks),
        beyond_precision=precision,
        beyond_rank=rank,
    )
    rows = pair_features(query, hits).rows
    rows[:, UNSEEN] = 0
    return paired(asked, rows, relevant[: len(hits)], products[: len(hits)].tolist())
