"""The report's section on "not in this catalogue"."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from offline.calibration.matching import FOLDS, MatchFit, first_probabilities, fit_matching
from offline.evaluate.evidence import Evidence
from offline.evaluate.no_match.asked import Question, presence, questions
from offline.evaluate.no_match.blocks import (
    reliability_lines,
    roc_lines,
    score_histogram,
    threshold_table,
)
from offline.evaluate.no_match.figures import (
    absent_group,
    open_set_accuracy,
    parting,
    passed,
    present_group,
)
from offline.report.document import Block, Figure, Group, Section

STAGE: Final = "no-match"


def no_match_section(evidence: Evidence, false_accepts: float = 0.05, seed: int = 0) -> Section:
    """Scores of present and absent products, and what a calibration makes of them.

    Every query whose product is in the gallery is asked twice, the second time with its product
    taken out; queries of products that the gallery has not are absent ones too. Where there are
    too few to fit a calibration, the scores alone are judged and a note says so; where one kind is
    missing, there is nothing to part and the section has no figures.
    """
    asked = questions(evidence)
    present = presence(asked)
    if not present.any():  # every query is asked without its product: absent ones are there
        note = "No query shows a product that the gallery has: there is nothing to tell apart."
        return Section(stage=STAGE, groups=(), notes=(note,))
    values = {"score": np.array([question.score for question in asked])}
    fit, notes = _fit(asked, false_accepts, seed)
    groups: list[Group] = []
    blocks: list[Block] = [score_histogram(asked)]
    if fit is not None:
        values["probability"] = first_probabilities(fit.held_out)
        groups = _groups(asked, fit, false_accepts, seed)
        blocks += [threshold_table(asked, fit), reliability_lines(asked, fit)]
    apart = parting(asked, values, seed)
    blocks.insert(1, roc_lines(asked, values, false_accepts))
    return Section(
        stage=STAGE,
        groups=(apart, *groups),
        blocks=tuple(blocks),
        notes=(*_notes(evidence, asked), *notes),
    )


def _fit(
    asked: list[Question], false_accepts: float, seed: int
) -> tuple[MatchFit | None, tuple[str, ...]]:
    try:
        return fit_matching([one.answer for one in asked], false_accepts, seed), ()
    except ConfigError as error:
        return None, (f"No calibration: {error.message}",)


def _groups(asked: list[Question], fit: MatchFit, false_accepts: float, seed: int) -> list[Group]:
    matches = passed(asked, fit, false_accepts)
    absent = [
        (one, bool(match))
        for one, match in zip(asked, matches, strict=True)
        if not one.answer.present
    ]
    kinds = {
        "products taken out": "Photos of products that the gallery has, asked with all pictures of "
        "the product taken out.",
        "products not in the gallery": "Photos of products that the gallery never had.",
    }
    groups = [present_group(asked, matches, false_accepts, seed)]
    for (name, meaning), taken_out in zip(kinds.items(), (True, False), strict=True):
        mine = [pair for pair in absent if pair[0].taken_out == taken_out]
        if mine:
            who, accepted = zip(*mine, strict=True)
            groups.append(absent_group(name, who, accepted, false_accepts, seed, meaning))
    return [*groups, _calibrated(asked, fit, matches, seed)]


def _calibrated(
    asked: list[Question], fit: MatchFit, matches: npt.NDArray[np.bool_], seed: int
) -> Group:
    figures = fit.figures
    return Group(
        name="calibration",
        figures=(
            open_set_accuracy(asked, matches, seed),
            Figure(name="ECE of first hits", value=figures.ece_first, better="lower"),
            Figure(name="ECE of all hits", value=figures.ece_all, better="lower"),
        ),
        meaning="The probability of being the same product, cross-validated by product.",
    )


def _notes(evidence: Evidence, asked: list[Question]) -> list[str]:
    strange = sum(not one.answer.present and not one.taken_out for one in asked)
    held = int(presence(asked).sum())
    notes = [
        f"{held} photos of products in the gallery, each asked also with its product taken out; "
        f"{strange} of products that the gallery has not. Routed and reranked as a query.",
        "A photo's category was voted or predicted with its product in the gallery.",
        f"Models and thresholds are cross-validated: {FOLDS} folds, products kept together.",
    ]
    nothing = sum(not len(one.answer.features) for one in asked if not one.answer.present)
    if nothing:
        notes.append(
            f"{nothing} absent answers are empty, for the searched categories hold no other "
            "product: they are refused without a score to judge, which flatters every figure here."
        )
    unnamed = sum(picture.product is None for picture in evidence.task.queries)
    if unnamed:
        notes.append(f"{unnamed} queries do not say which product they show and are left out.")
    return notes
