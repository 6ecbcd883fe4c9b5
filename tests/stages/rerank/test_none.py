"""The stage that leaves the order of retrieval alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.types import Description, Hit
from stages.context import BuildContext
from stages.rerank import none


def test_the_order_stays_and_ranks_count_from_1(
    described: Callable[..., Description], found: Callable[..., Hit]
) -> None:
    empty = described(np.zeros((16, 16), np.bool_))
    hits = [found(id_, 0.5, empty) for id_ in (9, 4, 6)]
    answer = none.build(none.Options(), BuildContext()).rerank(empty, hits)
    assert [(h.record.id, h.rank) for h in answer] == [(9, 1), (4, 2), (6, 3)]
