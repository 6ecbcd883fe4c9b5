"""Groups of figures: how well scores part present from absent, and what a threshold lets pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.types import BoolArray, Float64Array
from offline.calibration.matching import MatchFit, accepted, first_probabilities
from offline.evaluate.no_match.asked import Question, presence
from offline.metrics.classification import auroc
from offline.metrics.statistics import RESAMPLES, bootstrap, resampled
from offline.report.document import Better, Figure, Group
from offline.report.figures import averaged


def passed(asked: Sequence[Question], fit: MatchFit, false_accepts: float) -> BoolArray:
    """(A,) whether each answer counts as a match, judged by fits and thresholds of other folds."""
    present = presence(list(asked))
    return accepted(first_probabilities(fit.held_out), present, fit.folds, false_accepts)


def parting(asked: Sequence[Question], values: dict[str, Float64Array], seed: int) -> Group:
    """AUROC by each of ``values`` (A,) of first hits: of present products against absent ones, and
    of first hits that are the product against all others."""
    kinds = {
        "": presence(list(asked)),
        ", right first hits": np.array([one.answer.right_first for one in asked], np.bool_),
    }
    return Group(
        name="present against absent",
        figures=tuple(
            _auroc(f"AUROC of the {name}{kind}", asked, rows, positive, seed)
            for kind, positive in kinds.items()
            for name, rows in values.items()
        ),
        meaning="How often the first hit of a product that is in the gallery has the higher value "
        "than that of one which is not, ties by half; 0.5 is chance. For right first hits: how "
        "often one that is the product exceeds one that is not.",
    )


def present_group(
    asked: Sequence[Question], matches: BoolArray, false_accepts: float, seed: int
) -> Group:
    at = f"at {false_accepts:.0%} false accepts"
    kept = [
        (question, bool(match))
        for question, match in zip(asked, matches, strict=True)
        if question.answer.present
    ]
    samples = {
        f"accepted {at}": [float(match) for _, match in kept],
        f"accepted and right {at}": [float(m and q.answer.right_first) for q, m in kept],
        "right first": [float(question.answer.right_first) for question, _ in kept],
    }
    return _group(
        "products in the gallery",
        [question for question, _ in kept],
        samples,
        seed,
        "Photos of products that the gallery has.",
    )


def absent_group(
    name: str,
    asked: Sequence[Question],
    matches: Sequence[bool],
    false_accepts: float,
    seed: int,
    meaning: str,
) -> Group:
    """``asked`` are answers about absent products, no two of one query."""
    samples = {f"false accepts, {false_accepts:.0%} asked": [float(match) for match in matches]}
    return _group(name, asked, samples, seed, meaning, better="lower")


def open_set_accuracy(asked: Sequence[Question], matches: BoolArray, seed: int) -> Figure:
    """Share of answers that are right: the product itself first and accepted, or absent and not
    accepted (Scheirer et al.: Toward Open Set Recognition, PAMI 2013)."""
    pairs = zip(asked, matches.tolist(), strict=True)
    right = [
        float(match and one.answer.right_first if one.answer.present else not match)
        for one, match in pairs
    ]
    interval = bootstrap(right, seed=seed, clusters=[one.answer.product for one in asked])
    return Figure(
        name="open-set accuracy", value=interval.mean, low=interval.low, high=interval.high
    )


def auroc_draws(
    values: Float64Array, positive: BoolArray, clusters: Sequence[str], seed: int
) -> Float64Array:
    """(R,) the AUROC of every bootstrap resample of the answers, drawn by cluster; NaN where a
    resample has one side only."""
    high, low = values[positive], values[~positive]
    order = np.argsort(low, kind="stable")
    below = np.searchsorted(low[order], high, side="left")
    up_to = np.searchsorted(low[order], high, side="right")
    draws = []
    for times in resampled(len(values), seed=seed, resamples=RESAMPLES, clusters=clusters):
        won = np.zeros((len(times), len(low) + 1))
        won[:, 1:] = np.cumsum(times[:, ~positive][:, order], axis=1)
        share = (times[:, positive] * (won[:, below] + won[:, up_to]) / 2).sum(axis=1)
        pairs = times[:, positive].sum(axis=1) * won[:, -1]
        draws.append(np.where(pairs > 0, share / np.maximum(pairs, 1), np.nan))
    return np.concatenate(draws)


def _auroc(
    name: str, asked: Sequence[Question], values: Float64Array, positive: BoolArray, seed: int
) -> Figure:
    if positive.all() or not positive.any():
        return Figure(name=name, value=None, why="there is one kind of answer only")
    clusters = [question.answer.product for question in asked]
    draws = auroc_draws(values, positive, clusters, seed)
    low, high = np.nanquantile(draws, [0.025, 0.975]).tolist()
    value = auroc(values[positive], values[~positive])
    return Figure(name=name, value=value, low=low, high=high)


def _group(
    name: str,
    asked: Sequence[Question],
    samples: dict[str, list[float]],
    seed: int,
    meaning: str,
    *,
    better: Better = "higher",
) -> Group:
    clusters = tuple(question.answer.product for question in asked)
    return Group(
        name=name,
        figures=tuple(
            averaged(what, row, seed=seed, better=better, clusters=clusters)
            for what, row in samples.items()
        ),
        items=tuple(question.query.id for question in asked),
        clusters=clusters,
        meaning=meaning,
    )
