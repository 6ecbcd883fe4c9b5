"""Trust files made by hand, whose answers are known."""

from __future__ import annotations

from engine.linear_model import LinearModel, Term
from stages.trust._features import NAMES
from stages.trust._model import AGREEMENT, Segmenter, TrustModel


def logistic(names: tuple[str, ...], intercept: float = 0.0, **weights: float) -> LinearModel:
    """Features as they are: means of 0, deviations of 1; no weight but those given."""
    terms = {name: Term(mean=0.0, deviation=1.0, weight=weights.get(name, 0.0)) for name in names}
    return LinearModel(intercept=intercept, terms=terms)


def trust_model(
    *,
    second: bool = True,
    segmenter: Segmenter | None = None,
    threshold: float = 0.5,
    doubtful: tuple[float, float] = (0.4, 0.6),
    border: float = -4.0,
    agreement: float = 6.0,
    names: tuple[str, ...] = NAMES,
) -> TrustModel:
    """Trusts what stays off the border; at a second look, what stays the same."""
    return TrustModel(
        segmenter=segmenter or Segmenter(name="grabcut"),
        right_iou=0.8,
        threshold=threshold,
        doubtful=doubtful,
        first=logistic(names, border=border),
        second=logistic((*names, AGREEMENT), -3.0, agreement=agreement) if second else None,
        data="made by hand",
        figures={"auroc": 0.5},
    )
