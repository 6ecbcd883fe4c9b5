"""Why a learned rerank moved a hit, in words that a curator understands."""

from __future__ import annotations

import numpy as np

from engine.types import Float64Array
from stages.rerank._pair_features import CONCEPTS, NAMES
from stages.rerank._scorer import Scorer

TOLD = 3  # reasons a hit, at most
# A reason that moved a hit by less than this share of the strongest one is not worth a word.
WORTH_TELLING = 0.1

_COLUMNS = {concept: [NAMES.index(name) for name in names] for concept, names in CONCEPTS.items()}


def pulls(
    scorer: Scorer, share: float, rows: Float64Array, held: Float64Array | None = None
) -> Float64Array:
    """(N, C): by how much each concept, in the order of CONCEPTS, raises a row's value.

    Against the same row with the concept's columns held at ``held`` (F,), by default at their
    mean over ``rows``: for a linear model its share of the sum, for trees what they would else
    have said.
    """
    if not len(rows):
        return np.zeros((0, len(CONCEPTS)))
    level = rows.mean(axis=0) if held is None else held
    asked = [rows]
    for columns in _COLUMNS.values():
        without = rows.copy()
        without[:, columns] = level[columns]
        asked.append(without)
    values = scorer.values(np.concatenate(asked), share).reshape(len(asked), len(rows))
    found: Float64Array = (values[0] - values[1:]).T
    return found


def reason(row: Float64Array, before: int, after: int) -> str:
    """``row`` (C,) of ``pulls``: what speaks for a hit that rose, against one that fell; "" for
    one that stayed or where nothing stands out."""
    if before == after:
        return ""
    signed = row if after < before else -row
    strongest = [
        at
        for at in np.argsort(-signed, kind="stable")[:TOLD]
        if signed[at] > WORTH_TELLING * np.abs(row).max()
    ]
    if not strongest:
        return ""
    said = listed([list(CONCEPTS)[at] for at in strongest])
    return f"{'for' if after < before else 'against'} it: {said}"


def listed(words: list[str]) -> str:
    """a, b and c"""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
