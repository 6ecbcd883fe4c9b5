"""From SSD300's raw heads to detections: default boxes, decoding, non-maximum suppression.

Liu, Anguelov, Erhan, Szegedy, Reed, Fu, Berg: SSD: Single Shot MultiBox Detector, ECCV 2016, with
the numbers of torchvision's ``ssd300_vgg16``. Boxes are in fractions of the image's sides, so that
they fit it at any size.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.types import FloatArray

Boxes = npt.NDArray[np.float64]  # (N, 4)

SIDE = 300  # pixels of the input


@dataclass(frozen=True)
class FeatureMap:
    """One of the maps that boxes are predicted from."""

    cells: int  # along each side
    step: int  # pixels of the input between cells
    ratios: tuple[int, ...]  # aspect ratios besides 1


# Liu et al., section 2.2, as torchvision has them for 300 x 300.
FEATURE_MAPS = (
    FeatureMap(38, 8, (2,)),
    FeatureMap(19, 16, (2, 3)),
    FeatureMap(10, 32, (2, 3)),
    FeatureMap(5, 64, (2, 3)),
    FeatureMap(3, 100, (2,)),
    FeatureMap(1, 300, (2,)),
)
# Side of a box as a fraction of the image's: one a map, one more for the last geometric mean.
SCALES = (0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05)
DEFAULT_BOXES = 8732

# Offsets are learned in units of these variances' inverses; width and height cannot grow further
# than by this logarithm (both torchvision's BoxCoder).
OFFSET_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
LARGEST_LOG = math.log(1000.0 / 16)

# torchvision's defaults at evaluation: per class, then over all classes.
NMS_OVERLAP = 0.45
CANDIDATES = 400
DETECTIONS = 200


@dataclass(frozen=True, eq=False)
class Detections:
    """The detections of one image, best first."""

    boxes: Boxes  # (K, 4) x1, y1, x2, y2 in [0, 1]
    scores: FloatArray  # (K,)
    labels: npt.NDArray[np.int64]  # (K,) from 1; 0 is the background

    def only(self, labels: tuple[int, ...]) -> Detections:
        """Those of the given labels; all where none is given."""
        kept = np.isin(self.labels, labels) if labels else np.ones(len(self.labels), np.bool_)
        return Detections(self.boxes[kept], self.scores[kept], self.labels[kept])


def detect(heads: FloatArray, least_score: float) -> Detections:
    """One image's raw heads (8732, 4 + C), offsets then logits with the background first.

    Keeps what scores above ``least_score`` after non-maximum suppression within each class.
    Equal scores keep the order of class and default box.
    """
    boxes = decode(heads[:, :4].astype(np.float64), default_boxes())
    scores = softmax(heads[:, 4:])
    classes = [
        _of_class(boxes, scores[:, label], label, least_score)
        for label in range(1, scores.shape[1])
    ]
    together = Detections(
        np.concatenate([part.boxes for part in classes]),
        np.concatenate([part.scores for part in classes]),
        np.concatenate([part.labels for part in classes]),
    )
    best = np.argsort(-together.scores, kind="stable")[:DETECTIONS]
    return Detections(together.boxes[best], together.scores[best], together.labels[best])


@functools.cache
def default_boxes() -> Boxes:
    """(8732, 4) centre x, centre y, width, height: map by map, row by row, cell by cell."""
    rows = [
        (x, y, width, height)
        for number, feature_map in enumerate(FEATURE_MAPS)
        for y, x in _centres(feature_map)
        for width, height in _shapes(feature_map, SCALES[number], SCALES[number + 1])
    ]
    boxes = np.array(rows, np.float64)
    boxes[:, 2:] = np.clip(boxes[:, 2:], 0.0, 1.0)
    boxes.flags.writeable = False
    return boxes


def _centres(feature_map: FeatureMap) -> list[tuple[float, float]]:
    places = [(cell + 0.5) * feature_map.step / SIDE for cell in range(feature_map.cells)]
    return list(itertools.product(places, places))


def _shapes(feature_map: FeatureMap, scale: float, next_scale: float) -> list[tuple[float, float]]:
    """Width and height: two squares, then each ratio lying and standing."""
    between = math.sqrt(scale * next_scale)
    shapes = [(scale, scale), (between, between)]
    for ratio in feature_map.ratios:
        long, short = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
        shapes += [(long, short), (short, long)]
    return shapes


def decode(offsets: Boxes, defaults: Boxes) -> Boxes:
    """(N, 4) x1, y1, x2, y2 within the image, from learned offsets to default boxes."""
    scaled = offsets / np.array(OFFSET_WEIGHTS)
    centres = defaults[:, :2] + scaled[:, :2] * defaults[:, 2:]
    halves = 0.5 * defaults[:, 2:] * np.exp(np.minimum(scaled[:, 2:], LARGEST_LOG))
    corners = np.concatenate([centres - halves, centres + halves], axis=1)
    return np.asarray(np.clip(corners, 0.0, 1.0), np.float64)


def softmax(logits: FloatArray) -> FloatArray:
    """(N, C) float32, rows sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def suppress(boxes: Boxes, overlap: float = NMS_OVERLAP) -> list[int]:
    """Greedy non-maximum suppression of boxes, best first: the positions of those that are kept.

    A box is dropped when its IoU with a kept one exceeds ``overlap``. OpenCV's ``NMSBoxes`` does
    not give the same: it rounds overlaps to float32 and drops boxes without area.
    """
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    alive = np.ones(len(boxes), np.bool_)
    kept = []
    for place in range(len(boxes)):
        if not alive[place]:
            continue
        kept.append(place)
        low = np.maximum(boxes[place, :2], boxes[:, :2])
        high = np.minimum(boxes[place, 2:], boxes[:, 2:])
        shared = np.prod(np.maximum(high - low, 0.0), axis=1)
        # As a product, for two boxes without any area have no ratio.
        alive &= shared <= overlap * (areas[place] + areas - shared)
    return kept


def _of_class(boxes: Boxes, scores: FloatArray, label: int, least_score: float) -> Detections:
    likely = np.flatnonzero(scores > least_score)
    likely = likely[np.argsort(-scores[likely], kind="stable")][:CANDIDATES]
    kept = likely[suppress(boxes[likely])]
    return Detections(boxes[kept], scores[kept], np.full(len(kept), label, np.int64))
