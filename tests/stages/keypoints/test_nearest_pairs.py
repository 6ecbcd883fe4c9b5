"""Keypoints that are each other's nearest, held against the plain definition."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from engine.keypoints import Keypoints
from engine.types import FloatArray
from stages.keypoints._agreement import CELLS, RATIO, _alike, _blocks, _nearest
from tests.engine.made_keypoints import label


def slow(ours: FloatArray, theirs: FloatArray) -> list[tuple[int, int]]:
    squares = ((theirs[:, None].astype(np.float64) - ours) ** 2).sum(axis=2)
    pairs = []
    for row, line in enumerate(squares):
        nearest = int(line.argmin())
        second = np.delete(line, nearest).min()
        if squares[:, nearest].argmin() == row and line[nearest] < RATIO**2 * second:
            pairs.append((nearest, row))
    return pairs


@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_each_others_nearest_and_pass_the_ratio(seed: int) -> None:
    random = np.random.default_rng(seed)
    # Few values and few numbers: with ties, and pairs that are refused for each reason.
    ours = random.integers(-3, 4, (60, 6)).astype(np.float32)
    theirs = random.integers(-3, 4, (40, 6)).astype(np.float32)
    squares = ((theirs[:, None] - ours) ** 2).sum(axis=2)
    ends = [0, 25, 25, 40]  # three candidates, one without keypoints
    found = [[(int(a), int(b)) for a, b in pairs] for pairs in _nearest(squares, ends)]
    assert found == [slow(ours, theirs[start:end]) for start, end in pairwise(ends)]
    assert found[0] and found[2]


@pytest.mark.parametrize("cells", [1, 2_000, CELLS])
def test_candidates_are_compared_exactly_and_in_their_order(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.keypoints._agreement.CELLS", cells)  # blocks of one, two and all
    query, candidates = label(1), [label(2), Keypoints.none(64), label(1, 1)]
    geometry = query.geometry.astype(np.float64)
    ours = query.descriptors.astype(np.float32)
    alike = list(_alike(geometry, ours, _blocks(candidates, len(query))))
    for one, candidate in zip(alike, candidates, strict=True):
        theirs = candidate.descriptors.astype(np.float32)
        assert one.count == len(slow(ours, theirs) if len(theirs) else [])
    assert len(alike[2].pairs) == len(query)
