"""Validation in numbers: without and with the rerank, over all queries and a protocol at a time."""

from __future__ import annotations

import numpy as np

from engine.types import BoolArray
from offline.evaluate.reranking.orders import Answers, retrieved
from offline.evaluate.reranking.pairs import Pairs
from offline.train.reranker.choosing import difference, gain
from stages.rerank._artefact import ALL, Quality, Validation


def validated(pairs: Pairs, after: Answers, seed: int) -> tuple[Validation, ...]:
    """All queries first, then every protocol where there are several."""
    before = retrieved(pairs)
    pools = np.array([one.pool for one in pairs.asked], np.str_)
    masks = {ALL: np.ones(len(pools), np.bool_)}
    if len(set(pools.tolist())) > 1:
        masks |= {name: pools == name for name in dict.fromkeys(pools.tolist())}
    return tuple(
        _validation(pairs, name, mask, (before, after), seed) for name, mask in masks.items()
    )


def _validation(
    pairs: Pairs, pool: str, mask: BoolArray, answers: tuple[Answers, Answers], seed: int
) -> Validation:
    before, after = answers
    which = np.flatnonzero(mask)
    asked = [pairs.asked[at] for at in which.tolist()]
    interval = difference(gain(before, after)[which], asked, seed)
    return Validation(
        pool=pool,
        queries=len(which),
        before=quality(before.of(which)),
        after=quality(after.of(which)),
        gain=(interval.mean, interval.low, interval.high),
    )


def quality(answers: Answers) -> Quality:
    return Quality(
        recall=float(answers.recall.mean()),
        reciprocal=float(answers.reciprocal.mean()),
        precision=float(answers.precision.mean()),
    )
