"""Mending a binary mask: holes, crumbs and a soft edge."""

from __future__ import annotations

import cv2
import numpy as np

from engine.types import BoolArray, FloatArray, UInt8Array

# A piece of a tenth of the largest may be a cap that lies beside the product; less is dirt.
KEPT_FRACTION = 0.1


def fill_holes(mask: BoolArray) -> BoolArray:
    """Everything that the background cannot reach from outside the frame, 4-connected."""
    outside = np.pad(~mask, 1, constant_values=True).view(np.uint8)
    _, labels = cv2.connectedComponents(outside, connectivity=4)
    return np.asarray(labels[1:-1, 1:-1] != labels[0, 0], np.bool_)


def drop_crumbs(mask: BoolArray, fraction: float = KEPT_FRACTION) -> BoolArray:
    """Keep the 8-connected pieces of at least ``fraction`` of the largest one."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    areas[0] = 0.0
    kept = (areas >= fraction * areas.max()) & (areas > 0)
    return np.asarray(kept[labels], np.bool_)


def smooth(mask: BoolArray, radius: int) -> BoolArray:
    """Close gaps and then open spurs of up to ``radius`` pixels."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    padded: UInt8Array = np.pad(mask, 2 * radius, mode="edge").astype(np.uint8)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disc)
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, disc)
    inner = slice(2 * radius, -2 * radius)
    return np.asarray(opened[inner, inner], np.bool_)


def soft_alpha(mask: BoolArray, size: tuple[int, int]) -> FloatArray:
    """(H, W) float32 at size = (width, height); the edge falls off over about two cells."""
    edge = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)
    alpha = cv2.resize(edge, size, interpolation=cv2.INTER_LINEAR)
    return np.clip(np.asarray(alpha, np.float32), 0.0, 1.0)
