"""What is to be seen of it: scores of both kinds, the ROC curve, thresholds, reliability."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.types import Float64Array
from offline.calibration.acceptance import absent_needed, roc, threshold_at
from offline.calibration.matching import BINS, MatchFit, first_probabilities
from offline.evaluate.no_match.asked import Question, presence
from offline.evaluate.no_match.figures import passed
from offline.metrics.calibration import binned
from offline.metrics.classification import auroc
from offline.report.document import Histogram, Lines, Series, Table

SCORE_BINS = 24
CURVE_POINTS = 200  # of the ROC curve, at most: more cannot be seen
SHARES = (0.01, 0.02, 0.05, 0.10)


def score_histogram(asked: Sequence[Question]) -> Histogram:
    """First hits' scores in three kinds: of present products with the right hit first and with
    a wrong one, and of absent ones. Answers without a hit are left out."""
    scores = np.array([question.score for question in asked])
    there = np.isfinite(scores)
    present = presence(list(asked))
    right = np.array([question.answer.right_first for question in asked])
    kinds = {
        "in the gallery, right one first": present & right,
        "in the gallery, wrong one first": present & ~right,
        "not in the gallery": ~present,
    }
    edges = np.histogram_bin_edges(scores[there] if there.any() else [0.0], SCORE_BINS)
    return Histogram(
        title="Scores of first hits",
        x="score",
        edges=tuple(edges.tolist()),
        counts={
            name: tuple(np.histogram(scores[kind & there], edges)[0].tolist())
            for name, kind in kinds.items()
        },
    )


def roc_lines(asked: Sequence[Question], values: dict[str, Float64Array], share: float) -> Lines:
    """A curve for each of ``values`` (A,), with its area in its name."""
    present = presence(list(asked))
    return Lines(
        title="Accepting products that are there, against those that are not",
        x="absent products accepted",
        y="present products accepted",
        series=tuple(_curve(name, rows[present], rows[~present]) for name, rows in values.items()),
        diagonal=True,
        marks=((f"{share:.0%}", share),),
    )


def threshold_table(asked: Sequence[Question], fit: MatchFit) -> Table:
    """What each share of false accepts costs; measured on products that no fit had seen."""
    firsts = first_probabilities(fit.held_out)
    present = presence(list(asked))
    right = np.array([question.answer.right_first for question in asked])
    absent = int((~present).sum())
    rows = []
    for share in SHARES:
        if absent < absent_needed(share):
            rows.append((f"{share:.0%}", f"needs {absent_needed(share)} absent", *["–"] * 4))
            continue
        match = passed(asked, fit, share)
        open_set = np.where(present, match & right, ~match).mean()
        rows.append(
            (
                f"{share:.0%}",
                f"{threshold_at(firsts[~present], share):.3f}",
                *(
                    f"{value:.3f}"
                    for value in (
                        match[~present].mean(),
                        match[present].mean(),
                        (match & right)[present].mean(),
                        open_set,
                    )
                ),
            )
        )
    return Table(
        title="Thresholds",
        columns=(
            "false accepts asked",
            "probability above",
            "false accepts",
            "true accepts",
            "accepted and right",
            "open-set accuracy",
        ),
        rows=tuple(rows),
        note="Each product is judged by a model and a threshold that were fitted without it.",
    )


def reliability_lines(asked: Sequence[Question], fit: MatchFit) -> Lines:
    """Stated probability of first hits against how often they were the product."""
    right = np.array([question.answer.right_first for question in asked])
    bins = [one for one in binned(first_probabilities(fit.held_out), right, BINS) if one.count]
    return Lines(
        title="Probability of being the same product: stated and true",
        x="stated for the first hit",
        y="share that was the product",
        series=(
            Series(
                name="first hits",
                xs=tuple(one.confidence for one in bins),
                ys=tuple(one.accuracy for one in bins),
            ),
        ),
        diagonal=True,
        note="Answers a bin: "
        + ", ".join(f"{one.low:.1f}–{one.high:.1f}: {one.count}" for one in bins),
    )


def _curve(name: str, present: Float64Array, absent: Float64Array) -> Series:
    found = roc(present, absent)
    count = len(found.thresholds)
    at = np.unique(np.linspace(0, count - 1, min(count, CURVE_POINTS)).round().astype(int))
    return Series(
        name=f"{name}, AUROC {auroc(present, absent):.3f}",
        xs=tuple(found.false_accepts[at].tolist()),
        ys=tuple(found.true_accepts[at].tolist()),
    )
