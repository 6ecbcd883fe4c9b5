"""The guided filter with a colour guide: an output that is locally linear in the image.

He, Sun and Tang, Guided Image Filtering, TPAMI 2013, equations 14 to 16 and 19 to 21; the
enlarging of the linear map in place of its output is He and Sun, Fast Guided Filter, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from engine.types import FloatArray, UInt8Array

Planes = npt.NDArray[np.float64]  # (H, W) or (H, W, C)


@dataclass(frozen=True, eq=False)
class LinearMap:
    """alpha = sum over channels of slope * guide + offset, a pixel."""

    slope: Planes  # (H, W, 3)
    offset: Planes  # (H, W)

    def applied(self, guide: UInt8Array) -> FloatArray:
        """(H', W'), for a guide (H', W', 3) of any size: the map is stretched to it."""
        size = (guide.shape[1], guide.shape[0])
        slope, offset = self.slope, self.offset
        if offset.shape != guide.shape[:2]:
            slope, offset = (np.asarray(cv2.resize(p, size), np.float64) for p in (slope, offset))
        return np.asarray((slope * _unit(guide)).sum(axis=2) + offset, np.float32)


def guided_filter(
    guide: UInt8Array, values: FloatArray, radius: int, smoothness: float
) -> FloatArray:
    """``values`` (H, W) filtered with the edges of ``guide`` (H, W, 3) RGB.

    ``radius``: windows have 2 r + 1 pixels a side. ``smoothness``: the paper's epsilon, for
    guides in [0, 1]: edges of less contrast than its root are smoothed over.
    """
    filtered = linear_map(guide, values, radius, smoothness).applied(guide)
    return np.clip(filtered, 0.0, 1.0)


def linear_map(guide: UInt8Array, values: FloatArray, radius: int, smoothness: float) -> LinearMap:
    """The map of every pixel: the mean of the ridge regressions of all windows that hold it."""
    colours, target = _unit(guide), values.astype(np.float64)
    window = _Window(values.shape, radius)
    mean, mean_target = window.mean(colours), window.mean(target)
    outer: Planes = colours[..., :, None] * colours[..., None, :]
    covariance = window.mean(outer.reshape(*values.shape, 9)).reshape(outer.shape)
    covariance = covariance - mean[..., :, None] * mean[..., None, :]
    shared = window.mean(colours * target[..., None]) - mean * mean_target[..., None]
    ridge = covariance + smoothness * np.eye(3)
    slope = np.asarray(np.linalg.solve(ridge, shared[..., None])[..., 0], np.float64)
    offset = mean_target - (slope * mean).sum(axis=2)
    return LinearMap(window.mean(slope), window.mean(offset))


class _Window:
    """Means over square windows; those over the rim average the pixels that there are."""

    def __init__(self, shape: tuple[int, ...], radius: int) -> None:
        self._side = (2 * radius + 1, 2 * radius + 1)
        self._pixels = self._sum(np.ones(shape))

    def mean(self, planes: Planes) -> Planes:
        total = self._sum(planes)
        return total / (self._pixels[..., None] if planes.ndim == 3 else self._pixels)

    def _sum(self, planes: Planes) -> Planes:
        sums = cv2.boxFilter(
            np.ascontiguousarray(planes),
            cv2.CV_64F,
            self._side,
            normalize=False,
            borderType=cv2.BORDER_CONSTANT,
        )
        return np.asarray(sums, np.float64).reshape(planes.shape)


def _unit(guide: UInt8Array) -> Planes:
    return guide.astype(np.float64) / 255.0
