"""Queries by the rightness of their candidates alone; their features are drawn."""

from __future__ import annotations

import numpy as np

from offline.adapt.reranking.pairs import PairedQuery, Pairs
from stages.rerank._pair_features import NAMES


def drawn_pairs(lists: list[list[bool]], beyond: list[list[int]], seed: int = 0) -> Pairs:
    """Queries by the relevance of their candidates, and the ranks of relevant ones behind them."""
    random = np.random.default_rng(seed)
    right = np.array([one for candidates in lists for one in candidates], np.bool_)
    queries = []
    for at, (candidates, ranks) in enumerate(zip(lists, beyond, strict=True)):
        before = sum(candidates)
        precisions = [(before + n) / rank for n, rank in enumerate(ranks, start=1)]
        first = 1 / ranks[0] if ranks else 0.0
        queries.append(
            PairedQuery(
                f"q{at}",
                "a",
                f"g{at}",
                f"p{at}",
                "studio",
                at % 2 == 0,
                None,
                before + len(ranks),
                sum(precisions),
                first,
            )
        )
    return Pairs(
        random.normal(size=(len(right), len(NAMES))),
        right,
        np.repeat(np.arange(len(lists)), [len(one) for one in lists]),
        np.zeros(len(right), np.int64),
        ("g",),
        tuple(queries),
    )
