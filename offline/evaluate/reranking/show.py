"""What a report shows of a learned reranker: its coefficients, and what each feature is worth on
the queries that are evaluated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.types import BoolArray, Float64Array
from offline.adapt.reranking.measure import (
    ALL_SHAPE,
    WEIGHTS_MEAN,
    Effect,
    Kind,
    Valued,
    effects,
    kinds,
    ordered,
    retrieved,
)
from offline.adapt.reranking.pairs import Pairs
from offline.evaluate.reranking.pairs import collect
from offline.evaluate.task import DescribedTask
from offline.metrics.statistics import Interval, bootstrap
from offline.report.document import Bars, Block, Series, Table, Text
from stages.rerank._artefact import RerankerArtefact, read_reranker, reranker_path
from stages.rerank._pair_features import MEANINGS
from stages.rerank._scorer import Scorer
from stages.rerank.learned import Options

SHOWN = 15  # features, the strongest ones; a page shows no more bars than that


def reranker_blocks(
    artefact: RerankerArtefact, task: DescribedTask, seed: int = 0
) -> tuple[Block, ...]:
    """Coefficients, effects, and what it does for studio and hand-held images, for masks that
    may be compared and others; what it is, in words, where no query has an answer."""
    pairs = collect(task, artefact.top_n)
    blocks: list[Block] = [Text(text=_words(artefact)), _coefficients(artefact.scorer)]
    if not pairs.queries:
        return tuple(blocks)

    def valued(rows: Float64Array) -> Float64Array:
        return artefact.scorer.values(rows, artefact.share)

    level = np.array(artefact.scorer.means)
    found = effects(pairs, valued, level)
    return (*blocks, _effects(found, len(pairs.queries)), _by_kind(pairs, valued, level, seed))


def system_blocks(task: DescribedTask, seed: int = 0) -> tuple[Block, ...]:
    """``reranker_blocks`` of the reranker that the task's own settings name; none where it is
    not a learned one. Raises WeightsError for a file that cannot be read."""
    chosen = task.settings.rerank
    if chosen.name != "learned":
        return ()
    options = Options.model_validate(dict(chosen.options))
    artefact = read_reranker(reranker_path(options.weights))
    replaced = {"share": options.share, "top_n": options.top_n or None}
    given = {name: value for name, value in replaced.items() if value is not None}
    return reranker_blocks(artefact.model_copy(update=given), task, seed)


def _words(artefact: RerankerArtefact) -> str:
    trusted = (
        "It showed no gain on validation, so that the order of retrieval stands (share 0)."
        if artefact.share == 0
        else f"Its weight in the value that sorts is {artefact.share:.0%}; the rest is the "
        "retrieval's score."
    )
    title = f"Learned reranker of the first {artefact.top_n} images: {artefact.recipe or 'unnamed'}"
    learned = f", learned from {artefact.trained_on}" if artefact.trained_on else ""
    return f"{title}{learned}. {trusted}"


def _coefficients(scorer: Scorer) -> Bars:
    weights = scorer.weights
    strongest = sorted(range(len(weights)), key=lambda at: -abs(weights[at]))[:SHOWN]
    return Bars(
        title="What the learned reranker looks at",
        labels=tuple(scorer.features[at] for at in strongest),
        series=(_series("weight", [weights[at] for at in strongest]),),
        note=f"The {len(strongest)} strongest of {len(weights)}: "
        f"{WEIGHTS_MEAN[scorer.model.kind]}. "
        + "; ".join(f"{scorer.features[at]}: {MEANINGS[scorer.features[at]]}" for at in strongest)
        + ".",
    )


def _effects(found: Sequence[Effect], queries: int) -> Bars:
    return Bars(
        title="What each feature of the learned reranker is worth",
        labels=tuple(one.name for one in found),
        series=(
            _series("R@1", [one.recall for one in found]),
            _series("MRR", [one.reciprocal for one in found]),
        ),
        note=f"How far R@1 and MRR of {queries} queries fall when the feature is held at its mean "
        "for all candidates; below 0 they rise.",
    )


def _by_kind(pairs: Pairs, valued: Valued, level: Float64Array, seed: int) -> Table:
    rows = [
        _row(pairs, valued, level, kind, seed) for kind in kinds(pairs.queries) if kind.lists.any()
    ]
    return Table(
        title="Where the learned reranker helps",
        columns=(
            "queries",
            "number",
            "R@1 before",
            "after",
            "MRR before",
            "after",
            "MRR gained (95 %)",
            "MRR that shape is worth",
        ),
        rows=tuple(rows),
        note="Intervals resample products. The last column: how far MRR falls when all features "
        "of shape are held at their means.",
    )


def _row(
    pairs: Pairs, valued: Valued, level: Float64Array, kind: Kind, seed: int
) -> tuple[str, ...]:
    which = np.flatnonzero(kind.lists)
    before, after = retrieved(pairs).of(which), ordered(pairs, valued(pairs.rows)).of(which)
    gained = _gained(pairs, kind.lists, after.reciprocal - before.reciprocal, seed)
    worth = effects(pairs, valued, level, kind.lists)
    (shape,) = [one.reciprocal for one in worth if one.name == ALL_SHAPE]
    return (
        kind.name,
        str(len(which)),
        f"{before.recall.mean():.3f}",
        f"{after.recall.mean():.3f}",
        f"{before.reciprocal.mean():.3f}",
        f"{after.reciprocal.mean():.3f}",
        f"{gained.mean:+.3f} ({gained.low:+.3f} to {gained.high:+.3f})",
        f"{shape:+.3f}",
    )


def _gained(pairs: Pairs, lists: BoolArray, values: Float64Array, seed: int) -> Interval:
    products = [one.product for one, kept in zip(pairs.queries, lists, strict=True) if kept]
    return bootstrap(values.tolist(), seed=seed, clusters=products)


def _series(name: str, values: Sequence[float]) -> Series:
    return Series(name=name, xs=tuple(map(float, range(len(values)))), ys=tuple(values))
