"""Which keypoints of two images look alike, and which of these also lie alike.

Keypoints that are each other's nearest, nearer than the second by Lowe's ratio (IJCV 2004); of
these the largest group of about one change of size and direction, after the weak geometric
consistency of Jégou, Douze, Schmid ("Hamming Embedding and Weak Geometric Consistency for Large
Scale Image Search", ECCV 2008); of these the inliers of a homography, by MAGSAC (Barath, Noskova,
Ivashechkin, Matas, "MAGSAC++, a Fast, Reliable and Accurate Robust Estimator", CVPR 2020).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

import cv2
import numpy as np

from engine.keypoints import NO_MATCH, KeypointMatch, Keypoints, TentativeMatch
from engine.types import BoolArray, Float64Array, FloatArray, IntArray

RATIO = 0.9
# A group's members change size within these octaves of its centre, and turn within these radians:
# a label on a bottle turns away at its sides.
OCTAVES, RADIANS = 0.7, 0.5
# How far from where the transform puts it a place may lie, in fractions of the longer side: 8
# pixels of 480. A label is bent, a homography is not.
TOLERANCE = 8 / 480
STEPS = 500  # of MAGSAC at most
FEWEST = 4  # places that determine a homography
SHRINKS = 0.01  # a transform that shrinks areas by more, or grows them, is degenerate
UNIT = 480.0  # OpenCV's estimators expect pixels


def tentative_matches(
    query: Keypoints, candidates: Sequence[Keypoints], mirror: FloatArray, least: int
) -> list[TentativeMatch]:
    """Aligned with the candidates. Where the likeliest of them has less than twice ``least``
    places, the mirrored query is compared too, and the better of both counts."""
    geometry = query.geometry.astype(np.float64)
    straight = _alike(geometry, query.descriptors.astype(np.float32), candidates)
    found = [_tentative(query, one, pairs) for one, pairs in zip(candidates, straight, strict=True)]
    # Verified, since letters that are their own mirror images look alike in any print.
    likeliest = max(found, key=lambda one: one.at_most, default=None)
    if likeliest is None or (
        likeliest.at_most >= 2 * least and likeliest.verify().inliers >= 2 * least
    ):
        return found
    geometry[:, 3] = np.pi - geometry[:, 3]
    turned = _alike(geometry, query.descriptors * mirror, candidates)
    return [
        _better(one, _tentative(query, candidate, pairs, mirrored=True))
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


def _alike(
    geometry: Float64Array, descriptors: FloatArray, candidates: Sequence[Keypoints]
) -> Iterator[_Alike]:
    """One a candidate; the query's geometry (K, 4) and descriptors (K, D)."""
    # |a|² - 2ab + |b|² as one product: whole numbers below 2^24, so exact in float32.
    ones = np.ones((len(descriptors), 1), np.float32)
    ours = np.concatenate([-2 * descriptors, ones, _squares(descriptors)], axis=1).T.copy()
    for one in candidates:
        rows = one.descriptors.astype(np.float32)
        rows = np.concatenate([rows, _squares(rows), np.ones((len(one), 1), np.float32)], axis=1)
        pairs = _nearest(rows @ ours)
        yield _Alike(_of_one_turn(geometry, one.geometry, pairs), len(pairs))


def _squares(rows: FloatArray) -> FloatArray:
    """(K, 1)."""
    squares: FloatArray = np.einsum("kd,kd->k", rows, rows)[:, None]
    return squares


def _nearest(squares: FloatArray) -> IntArray:
    """(n, 2) pairs of (K' of the candidate, K of the query) squared distances: each other's
    nearest, and nearer than the candidate's second by ``RATIO``."""
    count, others = squares.shape
    if count == 0 or others < 2:
        return np.empty((0, 2), np.int64)
    every = np.arange(count)
    nearest = squares.argmin(axis=1)
    best = squares[every, nearest]
    squares[every, nearest] = np.inf
    kept = np.flatnonzero(best < RATIO**2 * squares.min(axis=1))
    squares[every, nearest] = best
    # Of few columns: a minimum down all of them would take longer than the product.
    kept = kept[squares[:, nearest[kept]].argmin(axis=0) == kept]
    return np.stack([nearest[kept], kept], axis=1)


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


def _tentative(
    query: Keypoints, candidate: Keypoints, alike: _Alike, *, mirrored: bool = False
) -> TentativeMatch:
    at_most = len(alike.pairs) if len(alike.pairs) >= FEWEST else 0
    verify = partial(_verified, query, candidate, alike, mirrored=mirrored)
    return TentativeMatch(at_most, cache(verify))


def _verified(
    query: Keypoints, candidate: Keypoints, alike: _Alike, *, mirrored: bool
) -> KeypointMatch:
    if len(alike.pairs) < FEWEST:
        return NO_MATCH
    ours, theirs = query.places[alike.pairs[:, 0]], candidate.places[alike.pairs[:, 1]]
    # MAGSAC refuses a reflection.
    shown = ours * np.array((-1, 1), np.float32) if mirrored else ours
    homography, inside = _homography(theirs, shown)
    if homography is None or not (SHRINKS < abs(np.linalg.det(homography[:2, :2])) < 1 / SHRINKS):
        return NO_MATCH
    kept = np.flatnonzero(inside)
    share = len(kept) / alike.count
    # One place may have several keypoints, of other sizes or directions.
    _, first = np.unique(np.rint(theirs[kept] * UNIT / 2), axis=0, return_index=True)
    kept = kept[np.sort(first)]
    if len(kept) < FEWEST:
        return NO_MATCH
    moved = cv2.perspectiveTransform(theirs[kept][None].astype(np.float64), homography)[0]
    return KeypointMatch(
        places=np.concatenate([ours[kept], theirs[kept]], axis=1),
        share=share,
        area=min(1.0, _area(ours[kept]) / max(_area(query.places), 1e-9)),
        residual=float(np.median(np.linalg.norm(moved - shown[kept], axis=1))),
        mirrored=mirrored,
    )


def _homography(theirs: FloatArray, ours: FloatArray) -> tuple[Float64Array | None, BoolArray]:
    """(3, 3) from their places to ours, in fractions of the longer sides, and its inliers."""
    found, inside = cv2.findHomography(
        theirs.astype(np.float64) * UNIT,
        ours.astype(np.float64) * UNIT,
        cv2.USAC_MAGSAC,
        TOLERANCE * UNIT,
        maxIters=STEPS,
    )
    if found is None or not np.isfinite(found).all():
        return None, np.zeros(len(ours), np.bool_)
    scale = np.diag([UNIT, UNIT, 1.0])
    return np.linalg.inv(scale) @ found @ scale, np.asarray(inside, np.bool_).reshape(-1)


def _area(places: FloatArray) -> float:
    """Of the convex hull of (n, 2)."""
    return float(cv2.contourArea(cv2.convexHull(np.ascontiguousarray(places))))
