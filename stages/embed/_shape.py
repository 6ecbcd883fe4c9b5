"""The shape of a mask in a few dozen numbers: profiles, moments and ratios."""

from __future__ import annotations

import cv2
import numpy as np

from engine.types import BoolArray, FloatArray, UInt8Array

PROFILE_BINS = 16
SIZE = 2 * PROFILE_BINS + 7 + 3
# Hu's first moment of a disc is 1 / (2 pi); logarithms below this floor are rounding noise.
HU_FLOOR = 1e-10


def mask_shape(alpha: FloatArray) -> FloatArray:
    """(S, S) matte -> (SIZE,) float32, every entry in about [0, 1]; zeros for an empty matte.

    Widths by height and heights by width of the mask's box, both as fractions of the box's
    longer side; the seven invariants of Hu ("Visual pattern recognition by moment invariants",
    IRE 1962) as logarithms; aspect, extent (fraction of the box) and solidity (fraction of the
    convex hull). Position in the frame changes nothing, size only as far as cells are coarse.
    """
    mask = alpha > 0.5
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros(SIZE, np.float32)
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    parts = (_profiles(box), _hu(box), _ratios(box))
    return np.concatenate(parts).astype(np.float32)


def _profiles(box: BoolArray) -> FloatArray:
    """(2 * PROFILE_BINS,): widths from top to bottom, then heights from left to right."""
    longer = max(box.shape)
    return np.concatenate(
        [_resampled(box.sum(axis=1) / longer), _resampled(box.sum(axis=0) / longer)]
    )


def _resampled(profile: FloatArray) -> FloatArray:
    """Means over PROFILE_BINS equal stretches, whatever the profile's length."""
    column = profile.astype(np.float32).reshape(-1, 1)
    fine = np.repeat(column, PROFILE_BINS, axis=0)
    return np.asarray(fine.reshape(PROFILE_BINS, -1).mean(axis=1), np.float32)


def _hu(box: BoolArray) -> FloatArray:
    """(7,): minus log10 of every invariant's magnitude, over 10, 0 at 1 and 1 at the floor."""
    filled: UInt8Array = box.astype(np.uint8)
    moments = np.asarray(cv2.HuMoments(cv2.moments(filled, binaryImage=True)), np.float64)
    logs: FloatArray = (-np.log10(np.abs(moments.reshape(-1)) + HU_FLOOR) / 10).astype(np.float32)
    return logs


def _ratios(box: BoolArray) -> FloatArray:
    """(3,): width over width plus height, extent, solidity."""
    height, width = box.shape
    area = float(box.sum())
    # The first and the last pixel of a row: those between them are within the hull.
    rows = np.flatnonzero(box.any(axis=1))
    ends = box[rows].argmax(axis=1), width - 1 - box[rows, ::-1].argmax(axis=1)
    points = np.concatenate([np.stack([columns, rows], 1) for columns in ends]).astype(np.int32)
    # The hull runs through pixel centres: half a pixel is missing all round.
    hull = cv2.convexHull(points)
    hull_area = cv2.contourArea(hull) + cv2.arcLength(hull, True) / 2 + 1
    solidity = min(1.0, area / hull_area)
    return np.array([width / (width + height), area / (height * width), solidity], np.float32)
