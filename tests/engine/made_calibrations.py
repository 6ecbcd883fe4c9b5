"""A calibration as a fit would write it, for tests that need no photos."""

from __future__ import annotations

from typing import Literal

from engine.match_calibration import MatchCalibration, MatchFigures, MatchModel


def model(
    intercept: float, score: float, margin: float, first: float, reach: float = 1e3
) -> MatchModel:
    return MatchModel(
        lowest_score=-reach,
        widest_margin=reach,
        intercept=intercept,
        score=score,
        margin=margin,
        first=first,
    )


def calibration(
    identity: str = "same search",
    threshold: float = 0.25,
    images: int = 10,
    source: Literal["photos", "views"] = "photos",
) -> MatchCalibration:
    """P = 1 / (1 + exp(3 - 6 * score)): 1/2 at a score of 1/2, the margin left aside."""
    return MatchCalibration(
        identity=identity,
        model=model(-3.0, 6.0, 0.0, 0.0),
        threshold=threshold,
        false_accepts=0.05,
        figures=MatchFigures(
            present=40,
            absent=60,
            products=50,
            auroc=0.9,
            false_accepts=0.04,
            true_accepts=0.7,
            right_first=0.8,
            ece_first=0.05,
            ece_all=0.01,
        ),
        source=source,
        images=images,
        created="2026-11-21T12:00:00+00:00",
        written_by="packsight 0",
    )
