"""The explanations of a reranker: where a hit moved, and which features moved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.types import Float64Array, Hit
from stages.rerank._pair_features import CONCEPTS
from stages.rerank._scorer import Scorer

# By subject, the features that belong to it.
Concepts = Mapping[str, Sequence[str]]

MOST_REASONS = 3  # of one hit
# A reason with less than this fraction of the strongest one's effect is not named.
LEAST_EFFECT = 0.1


def moved(before: int, after: int) -> str:
    """Places of images: hits are products, so their ranks may be smaller."""
    if before == after:
        return f"its image stays at place {after}"
    return f"its image went from place {before} to {after}"


def explained(hit: Hit, why: str, iou: float | None) -> Hit:
    """The hit with one more reason behind those of earlier stages."""
    return replace(hit, iou=iou, why=f"{hit.why}; {why}" if hit.why else why)


def pulls(
    scorer: Scorer, share: float, rows: Float64Array, concepts: Concepts = CONCEPTS
) -> Float64Array:
    """(N, C): by how much each of the concepts raises a row's value.

    Against the same row with the concept's columns at their mean over ``rows``: for a linear model
    the concept's part of the sum, for trees the difference in value.
    """
    if not len(rows):
        return np.zeros((0, len(concepts)))
    level = rows.mean(axis=0)
    altered = [rows]
    for names in concepts.values():
        columns = [scorer.features.index(name) for name in names]
        without = rows.copy()
        without[:, columns] = level[columns]
        altered.append(without)
    values = scorer.values(np.concatenate(altered), share).reshape(len(altered), len(rows))
    found: Float64Array = (values[0] - values[1:]).T
    return found


def reason(row: Float64Array, before: int, after: int, concepts: Concepts = CONCEPTS) -> str:
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
    words = [list(concepts)[at] for at in strongest]
    listed = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return f"{'for' if after < before else 'against'} it: {listed}"
