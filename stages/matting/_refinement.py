"""Steps that all matting stages share: a window around the product, its size, the known pixels.

Alpha is estimated in a window around the product of at most a given side. A larger one is
estimated small, and the change is enlarged along the image's edges: where nothing changes, the
matte keeps its detail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from engine.types import Box, FloatArray, Matte, RGBImage, UInt8Array
from stages.matting._guided import linear_map
from stages.matting._trimap import PRODUCT_FROM, BandWidths, Trimap, make_trimap, product_size

# (h, w, 3) RGB, (h, w) saliency and their trimap -> (h, w) alpha.
Estimate = Callable[[UInt8Array, FloatArray, Trimap], FloatArray]

Level = TypeVar("Level", np.uint8, np.float32)

# Pixels. Networks that learned from larger crops see mostly padding in a smaller window.
LEAST_WINDOW = 128
MARGIN = 8  # pixels of known background that stay around the band
# For enlarging: windows of five small pixels follow an edge and average noise; the smoothness is
# that of He, Sun and Tang's joint upsampling examples.
UPSAMPLING_RADIUS = 2
UPSAMPLING_SMOOTHNESS = 1e-4


def refine_each(
    images: Sequence[RGBImage],
    mattes: Sequence[Matte],
    widths: BandWidths,
    side: int,
    estimate: Estimate,
) -> list[Matte]:
    """``refined`` for every image: windows around products differ in size, so one by one."""
    return [
        refined(image, matte, widths, side, estimate)
        for image, matte in zip(images, mattes, strict=True)
    ]


def refined(
    image: RGBImage, matte: Matte, widths: BandWidths, side: int, estimate: Estimate
) -> Matte:
    """The matte with its unknown band estimated anew; unchanged where nothing is unknown.

    ``side``: longest side in pixels that ``estimate`` is given. Beyond the band's reach the
    result is 0.
    """
    if product_size(matte.alpha) == 0.0:
        return matte
    x1, y1, x2, y2 = window_of(matte.alpha, widths)
    window = np.s_[y1:y2, x1:x2]
    alpha = _refined_window(image.pixels[window], matte.alpha[window], widths, side, estimate)
    if alpha is None:
        return matte
    whole = np.zeros_like(matte.alpha)
    whole[window] = alpha
    return Matte(whole)


def window_of(alpha: FloatArray, widths: BandWidths) -> Box:
    """Everything that may be product or unknown, with a margin and what lies around it up to
    ``LEAST_WINDOW``, cut to the image."""
    rows, columns = np.nonzero(alpha > min(widths.low, PRODUCT_FROM))
    reach = int(np.ceil(max(1.0, widths.dilate * product_size(alpha)))) + MARGIN
    y1, y2 = _span(int(rows.min()) - reach, int(rows.max()) + 1 + reach, alpha.shape[0])
    x1, x2 = _span(int(columns.min()) - reach, int(columns.max()) + 1 + reach, alpha.shape[1])
    return x1, y1, x2, y2


def _span(start: int, stop: int, length: int) -> tuple[int, int]:
    """Widened to ``LEAST_WINDOW`` on both sides alike and cut to 0 … length."""
    missing = max(0, LEAST_WINDOW - (stop - start))
    return max(0, start - missing // 2), min(length, stop + missing - missing // 2)


def _refined_window(
    pixels: UInt8Array, alpha: FloatArray, widths: BandWidths, side: int, estimate: Estimate
) -> FloatArray | None:
    """None: nothing is unknown, or the product vanishes at the working size."""
    height, width = alpha.shape
    factor = min(1.0, side / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small, rough = _shrunk(pixels, size), _shrunk(alpha, size)
    trimap = make_trimap(rough, widths)
    if not trimap.unknown.any() or product_size(rough) == 0.0:
        return None
    estimated = trimap.imposed_on(estimate(small, rough, trimap))
    if factor == 1.0:
        return estimated
    change = linear_map(small, estimated - rough, UPSAMPLING_RADIUS, UPSAMPLING_SMOOTHNESS)
    return np.asarray(np.clip(alpha + change.applied(pixels), 0.0, 1.0), np.float32)


def _shrunk(values: npt.NDArray[Level], size: tuple[int, int]) -> npt.NDArray[Level]:
    if (values.shape[1], values.shape[0]) == size:
        return values
    shrunk = cv2.resize(np.ascontiguousarray(values), size, interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, values.dtype)
