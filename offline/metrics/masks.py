"""Segmentation metrics of a matte against the true one: overlap, edges, matting errors, structure.

Mattes are (H, W) float32 in [0, 1], 1 = product. IoU and the boundary F are of the mattes cut at
0.5, the matting errors of every grey level; all of these are symmetric in their two mattes.
F-beta and the S-measure cut the true matte alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from engine.types import BoolArray, Float64Array, FloatArray, UInt8Array
from offline.metrics.statistics import RESAMPLES, Interval, resampled

# Where a matte becomes a mask.
CUT = 0.5

# IoU from which a mask counts as correct. Of the photos in Packbench, 59 % of the masks by U²-Netp
# lie above this and 29 % below 0.6: contours that may be compared, and hands, tables and pieces.
CORRECT_IOU = 0.8

# Pixels by which a boundary may lie beside the true one.
BOUNDARY_TOLERANCE = 2

# Rhemann et al.: "convolving with first-order Gaussian derivative filters with variance sigma",
# 1.4 in their evaluation. The filter ends where the Gaussian falls below 0.01, as in the
# evaluation code that the matting literature shares (Xu et al., Deep Image Matting, CVPR 2017).
GRADIENT_SIGMA = 1.4
GRADIENT_TAIL = 0.01

# Pixels around the true edge in which matting is compared: the widest blur of a 256-pixel image of
# Packbench. A segmenter's wholesale errors stay out of it.
EDGE_RADIUS = 5

# A level that an 8-bit file would hold as 0 or 255 is no mixed pixel.
MIXED = 0.5 / 255.0

# Achanta et al., equation 6: weighs precision over recall. A matte is cut at its 256 levels.
BETA_SQUARED = 0.3
LEVELS = 256

# Weight of the object term of the S-measure against the region term: the paper's.
S_ALPHA = 0.5

Curve = Float64Array  # (256,)
Slices = tuple[slice, slice]


@dataclass(frozen=True)
class MaskScores:
    """Of one image, or means over images. IoU and boundary F lie in [0, 1], higher is better; the
    others are errors."""

    iou: float  # at 0.5
    mae: float
    boundary_f: float  # at 2 pixels
    sad: float  # in thousands
    mse: float
    gradient: float  # in thousands


def mask_scores(
    predicted: FloatArray, true: FloatArray, region: BoolArray | None = None
) -> MaskScores:
    """The metrics of one matte.

    ``region`` (H, W) restricts MAE, SAD, MSE and the gradient error to its pixels, as matting is
    compared in the unknown part of a trimap; IoU and the boundary F are always of the whole
    image. Raises ValueError where the shapes differ.
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
    """The mean of every metric over images. Raises ValueError without any."""
    if not scores:
        raise ValueError("a mean needs at least one image")
    return MaskScores(*np.mean([astuple(one) for one in scores], axis=0).tolist())


def iou(predicted: FloatArray, true: FloatArray) -> float:
    """|A ∩ B| / |A ∪ B| of the masks at 0.5, in [0, 1] (Jaccard 1912); 1.0 where both are empty."""
    one, other = _masks(predicted, true)
    union = int(np.count_nonzero(one | other))
    return int(np.count_nonzero(one & other)) / union if union else 1.0


def mae(predicted: FloatArray, true: FloatArray, region: BoolArray | None = None) -> float:
    """Mean of |predicted - true|, in [0, 1]; 0.0 in an empty region."""
    return _mean(np.abs(_difference(predicted, true, region)))


def mse(predicted: FloatArray, true: FloatArray, region: BoolArray | None = None) -> float:
    """Mean of (predicted - true)² (Rhemann et al., CVPR 2009), in [0, 1]; 0.0 without a pixel."""
    return _mean(np.square(_difference(predicted, true, region)))


def sad(predicted: FloatArray, true: FloatArray, region: BoolArray | None = None) -> float:
    """Sum of |predicted - true| / 1000, in thousands of pixels (Rhemann et al., CVPR 2009).

    It grows with the image: compare it among images of one size only.
    """
    return float(np.abs(_difference(predicted, true, region)).sum()) / 1000.0


def gradient_error(
    predicted: FloatArray, true: FloatArray, region: BoolArray | None = None
) -> float:
    """Sum of (|∇ predicted| - |∇ true|)² / 1000, at least 0.

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
    """2 P R / (P + R) of the boundary's precision and recall, of the masks at 0.5, in [0, 1].

    Perazzi, Pont-Tuset, McWilliams, Van Gool, Gross, Sorkine-Hornung: A Benchmark Dataset and
    Evaluation Methodology for Video Object Segmentation, CVPR 2016 (their F). Precision is the
    fraction of the predicted boundary within ``tolerance`` pixels (Euclidean) of the true one,
    recall the reverse; as in their code the two may match several to one. A mask that fills the
    image has no more boundary than an empty one. No boundary on both sides: 1.0; on one: 0.0.
    """
    one, other = (boundary(mask) for mask in _masks(predicted, true))
    if not (one.any() and other.any()):
        return float(one.any() == other.any())
    precision = float(_dilated(other, tolerance)[one].mean())
    recall = float(_dilated(one, tolerance)[other].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(mask: BoolArray) -> BoolArray:
    """(H, W) bool: pixels that differ from the one to the right, below, or right and below.

    One pixel wide, and none along the frame: what leaves the image has no edge there.
    """
    near = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    here = near[:-1, :-1]
    edge = (here ^ near[:-1, 1:]) | (here ^ near[1:, :-1]) | (here ^ near[1:, 1:])
    return np.asarray(edge, np.bool_)


def unknown_band(true: FloatArray, radius: int) -> BoolArray:
    """(H, W) bool: within ``radius`` pixels of a mixed pixel or of the mask's boundary.

    The region in which matting is compared: everywhere else a trimap decides.
    """
    mixed = (true > MIXED) & (true < 1.0 - MIXED)
    return _dilated(np.asarray(mixed | boundary(true >= CUT), np.bool_), radius)


@dataclass(frozen=True, eq=False)
class CutCurve:
    """One image, or a mean over some: (256,) each, entry t for the mask alpha >= t / 255."""

    precision: Curve  # 0 where nothing is predicted
    recall: Curve

    @property
    def f_beta(self) -> Curve:
        """(256,), 0 where both are 0."""
        return f_beta(self.precision, self.recall)


def cut_curve(predicted: FloatArray, true: FloatArray) -> CutCurve | None:
    """Of (H, W) mattes in [0, 1]; None where the true mask is empty, which has no recall.

    Alpha is rounded to 256 levels, as a mask file holds it, and not stretched to [0, 1] as some
    benchmarks do: that would make a mask out of an empty matte's noise. Raises ValueError where
    the shapes differ and for what lies outside [0, 1].
    """
    if predicted.shape != true.shape:
        raise ValueError(f"mattes of two shapes: {predicted.shape} and {true.shape}")
    if not bool(((predicted >= 0) & (predicted <= 1)).all()):  # also refuses NaN
        raise ValueError("a matte must lie in [0, 1]")
    levels = np.rint(np.asarray(predicted, np.float64) * (LEVELS - 1)).astype(np.int64)
    mask = true >= CUT
    if not mask.any():
        return None
    hits = _at_least(levels[mask])
    predicted_pixels = _at_least(levels.ravel())
    return CutCurve(hits / np.maximum(predicted_pixels, 1), hits / hits[0])


def f_beta(precision: Curve, recall: Curve) -> Curve:
    """(1 + β²) P R / (β² P + R), β² = 0.3; 0 where precision and recall are.

    Achanta, Hemami, Estrada, Süsstrunk: Frequency-tuned Salient Region Detection, CVPR 2009,
    equation 6. Over all cuts: how well the grey levels of a matte rank product before background.
    """
    below = BETA_SQUARED * precision + recall
    above = (1 + BETA_SQUARED) * precision * recall
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def max_f_beta(curve: CutCurve) -> float:
    """At the cut that is best for it: for one image, the best that its matte could give."""
    return float(curve.f_beta.max())


def mean_curve(curves: Sequence[CutCurve]) -> CutCurve:
    """Precision and recall averaged over images, cut by cut. ValueError without any."""
    if not curves:
        raise ValueError("a mean needs at least one image")
    return CutCurve(
        np.mean([curve.precision for curve in curves], axis=0),
        np.mean([curve.recall for curve in curves], axis=0),
    )


def set_max_f_beta(
    curves: Sequence[CutCurve],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    clusters: Sequence[Hashable] | None = None,
) -> Interval:
    """Max F-beta of a whole set, as salient-object benchmarks report it: one cut for all images.

    F-beta of the mean precision and the mean recall at every cut, and the highest of them (Borji,
    Cheng, Jiang, Li: Salient Object Detection: A Benchmark, IEEE TIP 2015). The mean over images
    of ``max_f_beta`` is another metric: there every image has a cut of its own.
    The 95 % interval is of images resampled with replacement (percentiles), with their best cut
    chosen anew each time; images of one cluster together. Raises ValueError without images.
    """
    centre = max_f_beta(mean_curve(curves))
    precision = np.stack([curve.precision for curve in curves])  # (N, 256)
    recall = np.stack([curve.recall for curve in curves])
    found = []
    for times in resampled(len(curves), seed=seed, resamples=resamples, clusters=clusters):
        weights = times / times.sum(axis=1, keepdims=True)
        found.append(f_beta(weights @ precision, weights @ recall).max(axis=1))
    low, high = np.quantile(np.concatenate(found), [0.025, 0.975])
    return Interval(centre, float(low), float(high))


def _at_least(levels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(256,) how many are >= t, for every level t."""
    counts = np.bincount(levels, minlength=LEVELS)
    return np.cumsum(counts[::-1])[::-1]


def s_measure(predicted: FloatArray, true: FloatArray) -> float:
    """S-measure in [0, 1]: 0.5 S_object + 0.5 S_region, how far the structure of a mask is correct.

    Fan, Cheng, Liu, Li, Borji: Structure-measure: A New Way to Evaluate Foreground Maps, ICCV 2017.
    Where the paper leaves a choice, as in the code that its authors published: variances divide by
    N - 1, and the four regions meet at the true mask's centroid, whose pixel belongs to the first.
    Mattes are (H, W) in [0, 1], the true one is cut at 0.5. Where the true mask is empty,
    1 - the mean of the predicted matte; where it is the whole image, that mean. Raises ValueError
    where the shapes differ and for what is not finite.
    """
    if predicted.shape != true.shape or predicted.ndim != 2:
        raise ValueError(f"mattes must be of one shape, not {predicted.shape} and {true.shape}")
    alpha, mask = np.asarray(predicted, np.float64), np.asarray(true >= CUT, np.bool_)
    if not np.isfinite(alpha).all():
        raise ValueError("a matte must be finite")
    if not mask.any():
        return 1.0 - float(alpha.mean())
    if mask.all():
        return float(alpha.mean())
    both = S_ALPHA * _objects(alpha, mask) + (1 - S_ALPHA) * _regions(alpha, mask)
    return max(0.0, both)


def _objects(alpha: Float64Array, mask: BoolArray) -> float:
    """S_o: product and background, each as a whole, weighted by their fractions."""
    fraction = float(mask.mean())
    return fraction * _object(alpha[mask]) + (1 - fraction) * _object(1.0 - alpha[~mask])


def _object(values: Float64Array) -> float:
    """O_FG or O_BG with lambda = 0.5: bright and even is 1."""
    mean = float(values.mean())
    return 2 * mean / (mean * mean + 1.0 + math.sqrt(_spread(values)))


def _regions(alpha: Float64Array, mask: BoolArray) -> float:
    """S_r: structural similarity of four regions, weighted by their areas."""
    truth = mask.astype(np.float64)
    return sum(
        alpha[part].size / alpha.size * _similarity(alpha[part], truth[part])
        for part in _quarters(mask)
    )


def _quarters(mask: BoolArray) -> Iterator[Slices]:
    """Around the centroid, rounded half up; those without a pixel are left out."""
    rows, columns = np.nonzero(mask)
    down, across = (math.floor(float(places.mean()) + 0.5) + 1 for places in (rows, columns))
    height, width = mask.shape
    for upper, lower in ((0, down), (down, height)):
        for left, right in ((0, across), (across, width)):
            if upper < lower and left < right:
                yield slice(upper, lower), slice(left, right)


def _similarity(alpha: Float64Array, truth: Float64Array) -> float:
    """SSIM (Wang et al., IEEE TIP 2004) without its constants: 1 for two even regions, whatever
    their levels, and 0 where just one of them is even."""
    one, other = float(alpha.mean()), float(truth.mean())
    spread = _spread(alpha) + _spread(truth)
    together = float(((alpha - one) * (truth - other)).sum()) / max(alpha.size - 1, 1)
    above, below = 4 * one * other * together, (one * one + other * other) * spread
    if above != 0.0:
        return above / below
    return 1.0 if below == 0.0 else 0.0


def _spread(values: Float64Array) -> float:
    """Variance over N - 1; 0 of a single value."""
    return float(values.var(ddof=1)) if values.size > 1 else 0.0


@dataclass(frozen=True)
class Metric:
    """``of`` (predicted, true) mattes of one image; None where the image does not count."""

    name: str
    better: Literal["higher", "lower"]
    of: Callable[[FloatArray, FloatArray], float | None]


def mse_at_edges(predicted: FloatArray, true: FloatArray) -> float:
    """``mse`` within 5 pixels of the true edge, where matting is compared."""
    return mse(predicted, true, unknown_band(true, EDGE_RADIUS))


def sad_at_edges(predicted: FloatArray, true: FloatArray) -> float:
    """``sad`` within 5 pixels of the true edge, in thousands of pixels."""
    return sad(predicted, true, unknown_band(true, EDGE_RADIUS))


def own_cut_f_beta(predicted: FloatArray, true: FloatArray) -> float | None:
    """``max_f_beta`` of one image; None where the true mask is empty."""
    curve = cut_curve(predicted, true)
    return None if curve is None else max_f_beta(curve)


# The metrics by the names that reports give them: a new one is a function above and a row here.
METRICS = (
    Metric("IoU", "higher", iou),
    Metric("boundary F", "higher", boundary_f),
    Metric("S-measure", "higher", s_measure),
    Metric("max F-beta, own cut", "higher", own_cut_f_beta),
    Metric("MAE", "lower", mae),
    Metric("MSE", "lower", mse),
    Metric("SAD (thousands)", "lower", sad),
    Metric("gradient error (thousands)", "lower", gradient_error),
    Metric("MSE at edges", "lower", mse_at_edges),
    Metric("SAD at edges (thousands)", "lower", sad_at_edges),
)


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
