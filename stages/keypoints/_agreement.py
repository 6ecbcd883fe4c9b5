"""Which keypoints of two images look alike.

Keypoints that are each other's nearest, nearer than the second by Lowe's ratio (IJCV 2004); of
these the largest group of about one change of size and direction, after the weak geometric
consistency of Jégou, Douze, Schmid ("Hamming Embedding and Weak Geometric Consistency for Large
Scale Image Search", ECCV 2008). ``stages.keypoints._geometry`` finds those that also lie alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from engine.keypoints import KeypointMatch, Keypoints, TentativeMatch
from engine.parallel import one_blas_thread
from engine.types import Float64Array, FloatArray, IntArray
from stages.keypoints._geometry import FEWEST, tentative_match

RATIO = 0.9
# A group's members change size within these octaves of its centre, and turn within these radians:
# a label on a bottle turns away at its sides.
OCTAVES, RADIANS = 0.7, 0.5
# With this many times as many places as may match by chance a match is no mirrored one: borders and
# letters that are their own mirror images gave six of twelve mirrored labels two to six times.
SURE = 8
# Squared distances that are computed at once, so that they stay in the processor's cache: 512 KiB.
CELLS = 2**17


@one_blas_thread()
def tentative_matches(
    query: Keypoints, candidates: Sequence[Keypoints], mirror: FloatArray, least: int
) -> list[TentativeMatch]:
    """Aligned with the candidates. Unless the likeliest of them matches beyond doubt, the mirrored
    query is compared too, and the better of both counts."""
    geometry = query.geometry.astype(np.float64)
    blocks = _blocks(candidates, len(query))
    straight = _alike(geometry, query.descriptors.astype(np.float32), blocks)
    found = [
        tentative_match(query, one, pairs.pairs, pairs.count)
        for one, pairs in zip(candidates, straight, strict=True)
    ]
    likeliest = max(found, key=lambda one: one.at_most, default=None)
    if likeliest is None or (
        likeliest.at_most >= SURE * least and likeliest.verify().inliers >= SURE * least
    ):
        return found
    geometry[:, 3] = np.pi - geometry[:, 3]
    turned = _alike(geometry, query.descriptors * mirror, blocks)
    return [
        _better(one, tentative_match(query, candidate, pairs.pairs, pairs.count, mirrored=True))
        for one, candidate, pairs in zip(found, candidates, turned, strict=True)
    ]


def _better(one: TentativeMatch, other: TentativeMatch) -> TentativeMatch:
    """Of one candidate: the match of more places."""
    first, second = sorted((one, other), key=lambda it: -it.at_most)

    def verify() -> KeypointMatch:
        match = first.verify()
        if second.at_most <= match.inliers:
            return match
        return max(match, second.verify(), key=lambda it: it.inliers)

    return TentativeMatch(first.at_most, verify)


@dataclass(frozen=True, eq=False)
class _Alike:
    """``pairs`` (n, 2): rows of query and candidate, of one change of size and direction;
    ``count``: how many looked alike before that."""

    pairs: IntArray
    count: int


@dataclass(frozen=True, eq=False)
class _Block:
    """Some candidates; ``rows`` (n, D + 2): their descriptors, one candidate below the other, each
    with its square and 1; ``ends``: where each candidate's begin, and the last one's end."""

    candidates: Sequence[Keypoints]
    rows: FloatArray
    ends: Sequence[int]


def _blocks(candidates: Sequence[Keypoints], columns: int) -> list[_Block]:
    """Several candidates in one, where each has so few keypoints that calls would take longest."""
    blocks, start = [], 0
    while start < len(candidates):
        count, end = len(candidates[start]), start + 1
        while end < len(candidates) and (count + len(candidates[end])) * columns <= CELLS:
            count += len(candidates[end])
            end += 1
        chosen = candidates[start:end]
        rows = np.concatenate([one.descriptors for one in chosen]).astype(np.float32)
        ones = np.ones((len(rows), 1), np.float32)
        ends = [0, *accumulate(map(len, chosen))]
        blocks.append(_Block(chosen, np.concatenate([rows, _squares(rows), ones], axis=1), ends))
        start = end
    return blocks


def _alike(
    geometry: Float64Array, descriptors: FloatArray, blocks: Sequence[_Block]
) -> Iterator[_Alike]:
    """One a candidate; the query's geometry (K, 4) and descriptors (K, D)."""
    # |a|² - 2ab + |b|² as one product: whole numbers below 2^24, so exact in float32.
    ones = np.ones((len(descriptors), 1), np.float32)
    ours = np.concatenate([-2 * descriptors, ones, _squares(descriptors)], axis=1).T.copy()
    for block in blocks:
        found = _nearest(block.rows @ ours, block.ends)
        for one, pairs in zip(block.candidates, found, strict=True):
            yield _Alike(_of_one_turn(geometry, one.geometry, pairs), len(pairs))


def _squares(rows: FloatArray) -> FloatArray:
    """(K, 1)."""
    squares: FloatArray = np.einsum("kd,kd->k", rows, rows)[:, None]
    return squares


def _nearest(squares: FloatArray, ends: Sequence[int]) -> Iterator[IntArray]:
    """Of each candidate (n, 2) pairs of (K' of the candidate, K of the query) squared distances,
    its rows of ``squares``: each other's nearest, and nearer than the candidate's second by
    ``RATIO``."""
    count, others = squares.shape
    near, nearest = np.zeros(count, np.bool_), np.zeros(count, np.int64)
    if count and others >= 2:
        every = np.arange(count)
        nearest = squares.argmin(axis=1)
        best = squares[every, nearest]
        squares[every, nearest] = np.inf
        near = best < RATIO**2 * squares.min(axis=1)
        squares[every, nearest] = best
    for start, end in pairwise(ends):
        kept = np.flatnonzero(near[start:end])
        columns = nearest[start:end][kept]
        if len(kept):
            # Of few columns: a minimum down all of them would take longer than the product.
            mutual = squares[start:end, columns].argmin(axis=0) == kept
            kept, columns = kept[mutual], columns[mutual]
        yield np.stack([columns, kept], axis=1)


def _of_one_turn(ours: Float64Array, theirs: FloatArray, pairs: IntArray) -> IntArray:
    """The pairs about the change of size and direction that most of them share."""
    if len(pairs) < FEWEST:
        return pairs[:0]
    ours, theirs = ours[pairs[:, 0]], theirs[pairs[:, 1]].astype(np.float64)
    octaves = np.log2(ours[:, 2] / theirs[:, 2])
    turns = ours[:, 3] - theirs[:, 3]
    apart = np.abs((turns[:, None] - turns + np.pi) % (2 * np.pi) - np.pi)
    near = (np.abs(octaves[:, None] - octaves) < OCTAVES) & (apart < RADIANS)
    kept: IntArray = pairs[near[near.sum(axis=1).argmax()]]
    return kept
