"""The report's section on "not in this catalogue"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from engine.errors import ConfigError
from engine.types import BoolArray, Float64Array
from offline.adapt.acceptance import absent_needed, roc, threshold_at
from offline.adapt.matching import (
    BINS,
    FOLDS,
    MatchFit,
    first_probabilities,
    fit_matching,
)
from offline.evaluate.no_match.measure import (
    Trial,
    absent_group,
    correct_first,
    likely,
    open_set_accuracy,
    passed,
    presence,
    present_group,
    separation,
    trials,
)
from offline.evaluate.task import DescribedTask
from offline.metrics.calibration import binned
from offline.metrics.classification import auroc
from offline.report.document import Block, Figure, Group, Histogram, Lines, Section, Series, Table

STAGE: Final = "no-match"
SCORE_BINS = 24
CURVE_POINTS = 200  # of the ROC curve, at most: more cannot be seen
FRACTIONS = (0.01, 0.02, 0.05, 0.10)


def no_match_section(task: DescribedTask, false_accepts: float = 0.05, seed: int = 0) -> Section:
    """Scores of present and absent products, and what a calibration makes of them.

    Every query whose product is in the gallery is searched twice, the second time with its product
    taken out; queries of products that the gallery has not are absent ones too. Where there are
    too few to fit a calibration, the scores alone are evaluated, with a note; where one kind is
    missing, there is nothing to separate and the section has no values.
    """
    found = trials(task)
    present = presence(found)
    if not present.any():  # every query is searched without its product: absent ones are there
        note = "No query shows a product that the gallery has: there is nothing to tell apart."
        return Section(stage=STAGE, groups=(), notes=(note,))
    values = {"score": np.array([trial.score for trial in found])}
    fit, notes = _fit(found, false_accepts, seed)
    groups: list[Group] = []
    blocks: list[Block] = [score_histogram(found)]
    if fit is not None:
        values["probability"] = likely(fit)
        groups = _groups(found, fit, false_accepts, seed)
        blocks += [threshold_table(found, fit), reliability_lines(found, fit)]
    apart = separation(found, values, seed)
    blocks.insert(1, roc_lines(found, values, false_accepts))
    return Section(
        stage=STAGE,
        groups=(apart, *groups),
        blocks=tuple(blocks),
        notes=(*_notes(task, found), *notes),
    )


def _fit(
    found: Sequence[Trial], false_accepts: float, seed: int
) -> tuple[MatchFit | None, tuple[str, ...]]:
    try:
        return fit_matching([one.answer for one in found], false_accepts, seed), ()
    except ConfigError as error:
        return None, (f"No calibration: {error.message}",)


def _groups(found: Sequence[Trial], fit: MatchFit, false_accepts: float, seed: int) -> list[Group]:
    matches = passed(found, fit, false_accepts)
    absent = [
        (one, bool(match))
        for one, match in zip(found, matches, strict=True)
        if not one.answer.present
    ]
    kinds = {
        "products taken out": "Photos of products that the gallery has, searched with all "
        "images of the product taken out.",
        "products not in the gallery": "Photos of products that the gallery never had.",
    }
    groups = [present_group(found, matches, false_accepts, seed)]
    for (name, meaning), taken_out in zip(kinds.items(), (True, False), strict=True):
        mine = [pair for pair in absent if pair[0].taken_out == taken_out]
        if mine:
            of_kind, accepted = zip(*mine, strict=True)
            groups.append(absent_group(name, of_kind, accepted, false_accepts, seed, meaning))
    return [*groups, _calibrated(found, fit, matches, seed)]


def _calibrated(found: Sequence[Trial], fit: MatchFit, matches: BoolArray, seed: int) -> Group:
    figures = fit.figures
    return Group(
        name="calibration",
        figures=(
            open_set_accuracy(found, matches, seed),
            Figure(name="ECE of first hits", value=figures.ece_first, better="lower"),
            Figure(name="ECE of all hits", value=figures.ece_all, better="lower"),
        ),
        meaning="The probability of being the same product, cross-validated by product.",
    )


def _notes(task: DescribedTask, found: Sequence[Trial]) -> list[str]:
    unheld = sum(not one.answer.present and not one.taken_out for one in found)
    held = int(presence(found).sum())
    notes = [
        f"{held} photos of products in the gallery, each searched also with its product taken out; "
        f"{unheld} of products that the gallery has not. Routed and reranked as a query.",
        "A photo's category was voted or predicted with its product in the gallery.",
        f"Models and thresholds are cross-validated: {FOLDS} folds, products kept together.",
    ]
    projected = task.adaptation is not None and task.adaptation.projection is not None
    if projected and not task.without_product:
        notes.append(
            "The projection was fitted with the products that are left out, which makes absent "
            "ones easier to refuse."
        )
    nothing = sum(not len(one.answer.features) for one in found if not one.answer.present)
    if nothing:
        notes.append(
            f"{nothing} absent answers are empty, for the searched categories hold no other "
            "product: they are refused without a score to judge, which flatters every metric here."
        )
    unnamed = sum(image.product is None for image in task.task.queries)
    if unnamed:
        notes.append(f"{unnamed} queries have no product and are left out.")
    return notes


def score_histogram(found: Sequence[Trial]) -> Histogram:
    """First hits' scores in three kinds: of present products with the correct hit first and with
    an incorrect one, and of absent ones. Answers without a hit are left out."""
    scores = np.array([trial.score for trial in found])
    there = np.isfinite(scores)
    present = presence(found)
    right = correct_first(found)
    kinds = {
        "in the gallery, correct first": present & right,
        "in the gallery, incorrect first": present & ~right,
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


def roc_lines(found: Sequence[Trial], values: dict[str, Float64Array], share: float) -> Lines:
    """A curve for each of ``values`` (A,), with its area in its name."""
    present = presence(found)
    return Lines(
        title="Accepting products that are there, against those that are not",
        x="absent products accepted",
        y="present products accepted",
        series=tuple(_curve(name, rows[present], rows[~present]) for name, rows in values.items()),
        diagonal=True,
        marks=((f"{share:.0%}", share),),
    )


def threshold_table(found: Sequence[Trial], fit: MatchFit) -> Table:
    """What each fraction of false accepts costs; measured on products that no fit had seen."""
    firsts = first_probabilities(fit.model, [one.answer for one in found])
    present = presence(found)
    right = correct_first(found)
    absent = int((~present).sum())
    rows = []
    for share in FRACTIONS:
        if absent < absent_needed(share):
            rows.append((f"{share:.0%}", f"needs {absent_needed(share)} absent", *["–"] * 4))
            continue
        match = passed(found, fit, share)
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
            "false accepts allowed",
            "probability above",
            "false accepts",
            "true accepts",
            "accepted and correct",
            "open-set accuracy",
        ),
        rows=tuple(rows),
        note="Each product is judged by a model and a threshold that were fitted without it.",
    )


def reliability_lines(found: Sequence[Trial], fit: MatchFit) -> Lines:
    """Stated probability of first hits against how often they were the product."""
    right = correct_first(found)
    bins = [one for one in binned(likely(fit), right, BINS) if one.count]
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
