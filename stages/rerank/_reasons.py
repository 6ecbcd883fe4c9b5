"""The explanations of a reranker: where a hit moved, and which features moved it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.types import Float64Array, Hit
from stages.rerank._pair_features import CONCEPTS, NAMES
from stages.rerank._scorer import Scorer

MOST_REASONS = 3  # of one hit
# A reason with less than this fraction of the strongest one's effect is not named.
LEAST_EFFECT = 0.1

_COLUMNS = {concept: [NAMES.index(name) for name in names] for concept, names in CONCEPTS.items()}


def moved(before: int, after: int) -> str:
    """Ranks of images: the page counts products, so its ranks may be smaller."""
    return f"stays image {after}" if before == after else f"image {before} became {after}"


def explained(hit: Hit, why: str, iou: float | None) -> Hit:
    """The hit with one more reason behind those of earlier stages."""
    return replace(hit, iou=iou, why=f"{hit.why}; {why}" if hit.why else why)


def pulls(scorer: Scorer, share: float, rows: Float64Array) -> Float64Array:
    """(N, C): by how much each concept, in the order of CONCEPTS, raises a row's value.

    Against the same row with the concept's columns at their mean over ``rows``: for a linear model
    the concept's part of the sum, for trees the difference in value.
    """
    if not len(rows):
        return np.zeros((0, len(CONCEPTS)))
    level = rows.mean(axis=0)
    altered = [rows]
    for columns in _COLUMNS.values():
        without = rows.copy()
        without[:, columns] = level[columns]
        altered.append(without)
    values = scorer.values(np.concatenate(altered), share).reshape(len(altered), len(rows))
    found: Float64Array = (values[0] - values[1:]).T
    return found


def reason(row: Float64Array, before: int, after: int) -> str:
    """``row`` (C,) of ``pulls``: the concepts that raised a hit, or lowered it; "" for one that
    stayed or where nothing stands out."""
    if before == after:
        return ""
    signed = row if after < before else -row
    strongest = [
        at
        for at in np.argsort(-signed, kind="stable")[:MOST_REASONS]
        if signed[at] > LEAST_EFFECT * np.abs(row).max()
    ]
    if not strongest:
        return ""
    words = [list(CONCEPTS)[at] for at in strongest]
    listed = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return f"{'for' if after < before else 'against'} it: {listed}"
