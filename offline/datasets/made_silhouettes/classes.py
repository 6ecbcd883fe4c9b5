"""The classes of a set, and the silhouette of any member: white on black, one piece."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from engine.types import BoolArray, UInt8Array
from offline.datasets.made_silhouettes.dimensions import Dimensions
from offline.datasets.made_silhouettes.distortion import Manner, distorted
from offline.datasets.made_silhouettes.families import FAMILIES
from offline.datasets.made_silhouettes.strokes import Part

CLASSES, MEMBERS = 70, 20  # as in MPEG-7's CE-Shape-1 part B

# How much members differ, for all classes alike. Set with the constants of ``distortion`` so that
# overlap and Fourier descriptors score as in MPEG-7; docs/shape.md has the values.
PLAY = 1.0

_WILDEST = 2.2  # beyond it members lose the parts that make them one of their class
_TURNED, _FLIPPED = 0.12, 0.15  # fractions of the classes
_COUSINS = 5 / 14  # fraction of the classes whose family has an earlier class: horse, dog, deer
_LONGER = (150, 420)  # pixels of the shape's longer side
_MARGIN = 0.09  # of that, on every side at most; MPEG-7's images are cut close as well
_LEFT = 0.2  # the least fraction of a shape that a hole leaves
_FRACTION = 4  # binary digits of a pixel in OpenCV's fixed-point coordinates


@dataclass(frozen=True)
class ShapeClass:
    """One class: a family's drawing with the dimensions that ``seed`` and ``index`` fix."""

    name: str
    family: str
    manner: Manner
    seed: int
    index: int


def shape_classes(seed: int, count: int = CLASSES) -> list[ShapeClass]:
    """The classes of a set in a fixed order; another seed gives others."""
    random = np.random.default_rng([seed, 0])
    order = [str(name) for name in random.permutation(sorted(FAMILIES))]
    new = math.ceil(count * (1 - _COUSINS))
    families = [order[at % min(new, len(order))] for at in range(count)]
    made: list[ShapeClass] = []
    for index, family in enumerate(families):
        manner = Manner(
            play=math.exp(random.uniform(math.log(0.4), math.log(2.0))),
            turned=bool(random.uniform() < _TURNED),
            flipped=bool(random.uniform() < _FLIPPED),
        )
        kin = families[:index].count(family)
        made.append(ShapeClass(f"{family}{kin or ''}", family, manner, seed, index))
    return made


def silhouette(shape: ShapeClass, member: int, play: float = PLAY) -> UInt8Array:
    """(H, W) uint8, 255 on the shape; the same for the same class, member and ``play``."""
    own = np.random.default_rng([shape.seed, 2, shape.index, member])
    freely = min(_WILDEST, play * shape.manner.play * math.exp(own.normal(0, 0.25)))
    dimensions = Dimensions(np.random.default_rng([shape.seed, 1, shape.index]), own, freely)
    parts = FAMILIES[shape.family](dimensions)
    return drawn(distorted(parts, shape.manner, freely, own), own)


def drawn(parts: Sequence[Part], member: np.random.Generator) -> UInt8Array:
    """(H, W) uint8, 255 on the largest piece of what the parts leave."""
    corners = np.concatenate([part.points for part in parts if part.solid])
    low, span = corners.min(axis=0), np.ptp(corners, axis=0)
    scale = member.uniform(*_LONGER) / span.max()
    canvas = np.zeros((int(span[1] * scale) + 3, int(span[0] * scale) + 3), np.uint8)
    for part in parts:
        at = ((part.points - low) * scale + 1) * 2**_FRACTION
        _fill(canvas, np.round(at).astype(np.int32), solid=part.solid)
    return _framed(_largest(canvas), member)


def _fill(canvas: UInt8Array, corners: npt.NDArray[np.int32], *, solid: bool) -> None:
    """Draw a part in place; a hole that would leave next to nothing is left out."""
    before = None if solid else canvas.copy()
    cv2.fillPoly(canvas, [corners], 255 if solid else 0, shift=_FRACTION)
    if before is not None and np.count_nonzero(canvas) < _LEFT * np.count_nonzero(before):
        canvas[:] = before


def _largest(canvas: UInt8Array) -> UInt8Array:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(canvas, connectivity=8)
    piece = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    x, y, wide, high = stats[piece][: cv2.CC_STAT_AREA]
    cut: BoolArray = labels[y : y + high, x : x + wide] == piece
    return cut.view(np.uint8) * np.uint8(255)


def _framed(shape: UInt8Array, member: np.random.Generator) -> UInt8Array:
    margins = member.uniform(0.005, _MARGIN, 4) * max(shape.shape)
    top, bottom, left, right = (max(1, round(margin)) for margin in margins)
    return np.pad(shape, ((top, bottom), (left, right)))
