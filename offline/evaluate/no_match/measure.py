"""Trials with the product in the gallery and without it, and what is measured on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.types import BoolArray, Float64Array
from offline.adapt.answers import as_answer
from offline.adapt.matching import (
    DEPTH,
    Answer,
    MatchFit,
    accepted,
)
from offline.datasets import DatasetImage
from offline.evaluate.task import DescribedTask
from offline.metrics.classification import auroc
from offline.metrics.statistics import RESAMPLES, bootstrap, resampled
from offline.report.document import Better, Figure, Group
from offline.report.figures import averaged

REFUSED = "right first hits refused"


@dataclass(frozen=True, eq=False)
class Trial:
    """One query and its answer. ``taken_out``: the gallery has its product, and it was left out
    of this answer."""

    query: DatasetImage
    answer: Answer
    taken_out: bool = False

    @property
    def score(self) -> float:
        """Of the first hit; minus infinity where nothing was found."""
        features = self.answer.features
        return float(features[0, 0]) if len(features) else -np.inf


def trials(task: DescribedTask) -> list[Trial]:
    """Of every query with a known product: present, if the gallery has another image of it, and
    absent. In the order of the queries, present first."""
    found = []
    for at, image in enumerate(task.task.queries):
        product = image.product
        if product is None:
            continue
        held = bool(task.products.get(product, frozenset()) - set(task.task.relevance[at].ignored))
        if held:
            hits = task.answer(at, DEPTH, all_matches=True).products
            found.append(Trial(image, as_answer(product, hits, present=True)))
        hits = task.answer(at, DEPTH, without=[product], all_matches=True).products
        found.append(Trial(image, as_answer(product, hits, present=False), taken_out=held))
    return found


def presence(found: Sequence[Trial]) -> BoolArray:
    """(A,) whether the gallery had the product of each."""
    return np.array([trial.answer.present for trial in found], np.bool_)


def correct_first(found: Sequence[Trial]) -> BoolArray:
    """(A,) whether the first hit of each is its product."""
    return np.array([trial.answer.right_first for trial in found], np.bool_)


def passed(found: Sequence[Trial], fit: MatchFit, false_accepts: float) -> BoolArray:
    """(A,) whether each answer counts as a match, judged by fits and thresholds of other folds."""
    return accepted(fit.firsts, presence(found), fit.folds, false_accepts)


def likely(fit: MatchFit) -> Float64Array:
    """(A,) probability of every answer's first hit by a fit without its product."""
    return fit.firsts[fit.folds, np.arange(len(fit.folds))]


def separation(found: Sequence[Trial], values: dict[str, Float64Array], seed: int) -> Group:
    """AUROC by each of ``values`` (A,) of first hits: of present products against absent ones, and
    of first hits that are the product against all others."""
    kinds = {
        "": presence(found),
        ", right first hits": correct_first(found),
    }
    return Group(
        name="present against absent",
        figures=tuple(
            _auroc(f"AUROC of the {name}{kind}", found, rows, positive, seed)
            for kind, positive in kinds.items()
            for name, rows in values.items()
        ),
        meaning="How often the first hit of a product that is in the gallery has the higher value "
        "than that of one which is not, ties by half; 0.5 is chance. For right first hits: how "
        "often one that is the product exceeds one that is not.",
    )


def present_group(
    found: Sequence[Trial], matches: BoolArray, false_accepts: float, seed: int
) -> Group:
    at = f"at {false_accepts:.0%} false accepts"
    kept = [
        (trial, bool(match))
        for trial, match in zip(found, matches, strict=True)
        if trial.answer.present
    ]
    samples: dict[str, list[float | None]] = {
        f"accepted {at}": [float(match) for _, match in kept],
        f"accepted and right {at}": [float(m and q.answer.right_first) for q, m in kept],
        "right first": [float(trial.answer.right_first) for trial, _ in kept],
        f"{REFUSED} {at}": [None if not q.answer.right_first else float(not m) for q, m in kept],
    }
    return _group(
        "products in the gallery",
        [trial for trial, _ in kept],
        samples,
        seed,
        "Photos of products that the gallery has.",
    )


def absent_group(
    name: str,
    found: Sequence[Trial],
    matches: Sequence[bool],
    false_accepts: float,
    seed: int,
    meaning: str,
) -> Group:
    """``found`` are answers about absent products, no two of one query."""
    samples: dict[str, list[float]] = {
        f"false accepts, {false_accepts:.0%} asked": [float(match) for match in matches]
    }
    return _group(name, found, samples, seed, meaning, better="lower")


def open_set_accuracy(found: Sequence[Trial], matches: BoolArray, seed: int) -> Figure:
    """Fraction of correct answers: the product itself first and accepted, or absent and not
    accepted (Scheirer et al.: Toward Open Set Recognition, PAMI 2013)."""
    pairs = zip(found, matches.tolist(), strict=True)
    right = [
        float(match and one.answer.right_first if one.answer.present else not match)
        for one, match in pairs
    ]
    interval = bootstrap(right, seed=seed, clusters=[one.answer.product for one in found])
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
    name: str, found: Sequence[Trial], values: Float64Array, positive: BoolArray, seed: int
) -> Figure:
    if positive.all() or not positive.any():
        return Figure(name=name, value=None, why="there is one kind of answer only")
    clusters = [trial.answer.product for trial in found]
    draws = auroc_draws(values, positive, clusters, seed)
    low, high = np.nanquantile(draws, [0.025, 0.975]).tolist()
    value = auroc(values[positive], values[~positive])
    return Figure(name=name, value=value, low=low, high=high)


def _group(
    name: str,
    found: Sequence[Trial],
    samples: Mapping[str, Sequence[float | None]],
    seed: int,
    meaning: str,
    *,
    better: Better = "higher",
) -> Group:
    """What is ``REFUSED`` is better low."""
    clusters = tuple(trial.answer.product for trial in found)
    return Group(
        name=name,
        figures=tuple(
            averaged(
                what,
                row,
                seed=seed,
                better="lower" if what.startswith(REFUSED) else better,
                clusters=clusters,
            )
            for what, row in samples.items()
        ),
        items=tuple(trial.query.id for trial in found),
        clusters=clusters,
        meaning=meaning,
    )
