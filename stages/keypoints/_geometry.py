"""Which pairs of keypoints that look alike also lie alike.

Inliers of a homography, by MAGSAC (Barath, Noskova, Ivashechkin, Matas, "MAGSAC++, a Fast, Reliable
and Accurate Robust Estimator", CVPR 2020).
"""

from __future__ import annotations

import cv2
import numpy as np

from engine.keypoints import NO_MATCH, KeypointMatch, Keypoints, TentativeMatch
from engine.types import BoolArray, Float64Array, FloatArray, IntArray

# How far from where the transform puts it a place may lie, in fractions of the longer side: 8
# pixels of 480. A label is bent, a homography is not.
TOLERANCE = 8 / 480
STEPS = 500  # of MAGSAC at most
FEWEST = 4  # places that determine a homography
SHRINKS = 0.01  # a transform that shrinks areas by more, or grows them, is degenerate
UNIT = 480.0  # OpenCV's estimators expect pixels
_TO_UNITS, _FROM_UNITS = np.diag([UNIT, UNIT, 1.0]), np.diag([1 / UNIT, 1 / UNIT, 1.0])


def tentative_match(
    query: Keypoints, candidate: Keypoints, pairs: IntArray, alike: int, *, mirrored: bool = False
) -> TentativeMatch:
    """Of (n, 2) rows of query and candidate, by whatever matcher they were found; ``alike``: how
    many looked alike, these or more; ``mirrored``: the query shows the candidate the wrong way
    round."""
    at_most = len(pairs) if len(pairs) >= FEWEST else 0
    found: list[KeypointMatch] = []  # once, by less than ``functools.cache`` takes for each hit

    def verify() -> KeypointMatch:
        if not found:
            found.append(_verified(query, candidate, pairs, alike, mirrored=mirrored))
        return found[0]

    return TentativeMatch(at_most, verify)


def _verified(
    query: Keypoints, candidate: Keypoints, pairs: IntArray, alike: int, *, mirrored: bool
) -> KeypointMatch:
    if len(pairs) < FEWEST:
        return NO_MATCH
    ours, theirs = query.places[pairs[:, 0]], candidate.places[pairs[:, 1]]
    # MAGSAC refuses a reflection.
    shown = ours * np.array((-1, 1), np.float32) if mirrored else ours
    homography, inside = _homography(theirs, shown)
    if homography is None or not (SHRINKS < abs(np.linalg.det(homography[:2, :2])) < 1 / SHRINKS):
        return NO_MATCH
    kept = np.flatnonzero(inside)
    share = len(kept) / alike
    # One place may have several keypoints, of other sizes or directions.
    rounded = np.rint(theirs[kept] * UNIT / 2).astype(np.float32)
    # As one complex number each: to compare rows takes three times as long.
    _, first = np.unique(rounded.view(np.complex64)[:, 0], return_index=True)
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
    scaled = np.asarray(_FROM_UNITS @ found @ _TO_UNITS, np.float64)
    return scaled, np.asarray(inside, np.bool_).reshape(-1)


def _area(places: FloatArray) -> float:
    """Of the convex hull of (n, 2)."""
    return float(cv2.contourArea(cv2.convexHull(np.ascontiguousarray(places))))
