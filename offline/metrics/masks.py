"""How good a mask is: overlap, edge and matting errors against an exact matte.

Mattes are (H, W) float32 in [0, 1], 1 = product. IoU and the boundary F see them cut at 0.5; the
other measures see every grey level. All of them are symmetric in their two mattes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import cv2
import numpy as np
import numpy.typing as npt

from engine.types import BoolArray, FloatArray, UInt8Array

# Where a matte becomes a mask.
CUT = 0.5

# Pixels by which a boundary may lie beside the true one.
BOUNDARY_TOLERANCE = 2

# Rhemann et al.: "convolving with first-order Gaussian derivative filters with variance sigma",
# 1.4 in their evaluation. The filter ends where the Gaussian falls below 0.01, as in the
# evaluation code that the matting literature shares (Xu et al., Deep Image Matting, CVPR 2017).
GRADIENT_SIGMA = 1.4
GRADIENT_TAIL = 0.01

# A level that an 8-bit file would hold as 0 or 255 is no mixed pixel.
MIXED = 0.5 / 255.0


@dataclass(frozen=True)
class MaskScores:
    """One picture, or the mean of some. Higher is better for the first and the third only."""

    iou: float  # at 0.5
    mae: float
    boundary_f: float  # at 2 pixels
    sad: float  # in thousands
    mse: float
    gradient: float  # in thousands


def mask_scores(
    predicted: FloatArray, true: FloatArray, region: BoolArray | None = None
) -> MaskScores:
    """All measures of one matte.

    ``region`` (H, W) restricts MAE, SAD, MSE and the gradient error to its pixels, as matting is
    compared in the unknown part of a trimap; IoU and the boundary F are always of the whole
    picture. Raises ValueError where the shapes differ.
    """
    return MaskScores(
        iou(predicted, true),
        mae(predicted, true, region),
        boundary_f(predicted, true),
        sad(predicted, true, region),
        mse(predicted, true, region),
        gradient_error(predicted, true, region),
    )


def mean_scores(scores: Sequence[MaskScores]) -> MaskScores:
    """The mean of every measure over pictures. Raises ValueError without any."""
    if not scores:
        raise ValueError("a mean needs at least one picture")
    return MaskScores(*np.mean([astuple(one) for one in scores], axis=0).tolist())


def iou(predicted: FloatArray, true: FloatArray) -> float:
    """Intersection over union of the masks at 0.5; 1.0 where both are empty: both are right."""
    one, other = _masks(predicted, true)
    union = int(np.count_nonzero(one | other))
    return int(np.count_nonzero(one & other)) / union if union else 1.0


def mae(predicted: FloatArray, true: FloatArray, region: BoolArray | None = None) -> float:
    """Mean absolute error; 0.0 in an empty region."""
    return _mean(np.abs(_difference(predicted, true, region)))


def mse(predicted: FloatArray, true: FloatArray, region: BoolArray | None = None) -> float:
    """Mean squared error (Rhemann et al., CVPR 2009); 0.0 in an empty region."""
    return _mean(np.square(_difference(predicted, true, region)))


def sad(predicted: FloatArray, true: FloatArray, region: BoolArray | None = None) -> float:
    """Sum of absolute differences in thousands of pixels (Rhemann et al., CVPR 2009).

    It grows with the picture: compare it among pictures of one size only.
    """
    return float(np.abs(_difference(predicted, true, region)).sum()) / 1000.0


def gradient_error(
    predicted: FloatArray, true: FloatArray, region: BoolArray | None = None
) -> float:
    """Sum of squared differences of the gradient's length, in thousands.

    Rhemann, Rother, Wang, Gelautz, Kohli, Rott: A Perceptually Motivated Online Benchmark for
    Image Matting, CVPR 2009, section 4, with q = 2: the mattes are filtered with derivatives of
    a Gaussian of sigma 1.4. Each filter has Euclidean length 1 and the frame's border is
    repeated, as in the evaluation code that the matting literature shares.
    """
    _check(predicted, true, region)
    difference = _gradient_length(predicted) - _gradient_length(true)
    return float(np.square(_inside(difference, region)).sum(dtype=np.float64)) / 1000.0


def boundary_f(
    predicted: FloatArray, true: FloatArray, tolerance: int = BOUNDARY_TOLERANCE
) -> float:
    """Harmonic mean of the boundary's precision and recall, of the masks at 0.5.

    Perazzi, Pont-Tuset, McWilliams, Van Gool, Gross, Sorkine-Hornung: A Benchmark Dataset and
    Evaluation Methodology for Video Object Segmentation, CVPR 2016 (measure F). Precision is the
    share of the predicted boundary within ``tolerance`` pixels (Euclidean) of the true one,
    recall the reverse; as in their code the two may match several to one. A mask that fills the
    picture has no more boundary than an empty one. No boundary on both sides: 1.0; on one: 0.0.
    """
    one, other = (boundary(mask) for mask in _masks(predicted, true))
    if not (one.any() and other.any()):
        return float(one.any() == other.any())
    precision = float(_dilated(other, tolerance)[one].mean())
    recall = float(_dilated(one, tolerance)[other].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(mask: BoolArray) -> BoolArray:
    """(H, W) bool: pixels that differ from the one to the right, below, or right and below.

    One pixel wide, and none along the frame: what leaves the picture has no edge there.
    """
    near = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    here = near[:-1, :-1]
    edge = (here ^ near[:-1, 1:]) | (here ^ near[1:, :-1]) | (here ^ near[1:, 1:])
    return np.asarray(edge, np.bool_)


def unknown_band(true: FloatArray, radius: int) -> BoolArray:
    """(H, W) bool: within ``radius`` pixels of a mixed pixel or of the mask's boundary.

    The region in which matting is compared: everywhere else a trimap would have told.
    """
    mixed = (true > MIXED) & (true < 1.0 - MIXED)
    return _dilated(np.asarray(mixed | boundary(true >= CUT), np.bool_), radius)


def _masks(predicted: FloatArray, true: FloatArray) -> tuple[BoolArray, BoolArray]:
    _check(predicted, true, None)
    return np.asarray(predicted >= CUT, np.bool_), np.asarray(true >= CUT, np.bool_)


def _difference(predicted: FloatArray, true: FloatArray, region: BoolArray | None) -> FloatArray:
    _check(predicted, true, region)
    return _inside(predicted - true, region)


def _inside(values: FloatArray, region: BoolArray | None) -> FloatArray:
    return values if region is None else values[region]


def _mean(values: FloatArray) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else 0.0


def _gradient_length(alpha: FloatArray) -> FloatArray:
    """(H, W): length of the Gaussian gradient."""
    smooth, slope = _gaussian_filters()
    plane = np.ascontiguousarray(alpha, np.float32)
    border = cv2.BORDER_REPLICATE
    along_x = cv2.sepFilter2D(plane, cv2.CV_32F, slope, smooth, borderType=border)
    along_y = cv2.sepFilter2D(plane, cv2.CV_32F, smooth, slope, borderType=border)
    return np.asarray(np.hypot(along_x, along_y), np.float32)


def _gaussian_filters(sigma: float = GRADIENT_SIGMA) -> tuple[FloatArray, FloatArray]:
    """A Gaussian and its derivative, (9,) each, of Euclidean length 1: so is their product."""
    height = math.sqrt(2 * math.pi) * sigma
    reach = math.ceil(sigma * math.sqrt(-2 * math.log(height * GRADIENT_TAIL)))
    place = np.arange(-reach, reach + 1, dtype=np.float64)
    bell = np.exp(-(place**2) / (2 * sigma**2))
    slope = -place * bell
    return _unit(bell), _unit(slope)


def _unit(values: npt.NDArray[np.float64]) -> FloatArray:
    return np.asarray(values / np.linalg.norm(values), np.float32)


def _dilated(mask: BoolArray, radius: int) -> BoolArray:
    """Everything within ``radius`` pixels (Euclidean) of the mask."""
    steps = np.arange(-radius, radius + 1) ** 2
    disc: UInt8Array = (steps[:, None] + steps[None, :] <= radius**2).astype(np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc) > 0, np.bool_)


def _check(predicted: FloatArray, true: FloatArray, region: BoolArray | None) -> None:
    shapes = {array.shape for array in (predicted, true, region) if array is not None}
    if len(shapes) != 1 or predicted.ndim != 2:
        raise ValueError(f"mattes and region must be of one shape (H, W), not {sorted(shapes)}")
