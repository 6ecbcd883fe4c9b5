"""Test-time augmentation: a photo described by the mean over itself and five altered versions.

Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NIPS 2012, section 4.1, averaged what a network says of shifted and mirrored crops; here the
vectors are averaged. The altered versions are fixed, so that a photo has one vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from engine.describe import Describer
from engine.protocols import Embedder
from engine.types import Cutout, FloatArray, UInt8Array
from engine.vectors import unit_rows

# By about what a hand-held photo differs from a studio picture once its product is cut out and
# centred: a tilt, the width of the margin, the light.
TURN = 8.0  # degrees, either way
ZOOM = 1.1
GAIN = 1.15
VIEWS = 6


def views_of(cutout: Cutout) -> list[Cutout]:
    """The cutout itself, mirrored, turned left and right, zoomed in and brightened.

    Pixels and alpha are altered alike. What a turn uncovers has the cutout's border colour, which
    is white where the product stands on white, and is no product.
    """
    return [
        cutout,
        replace(
            cutout,
            pixels=np.ascontiguousarray(cutout.pixels[:, ::-1]),
            alpha=np.ascontiguousarray(cutout.alpha[:, ::-1]),
        ),
        _warped(cutout, angle=TURN),
        _warped(cutout, angle=-TURN),
        _warped(cutout, zoom=ZOOM),
        replace(cutout, pixels=_brighter(cutout.pixels)),
    ]


def augmenting(describer: Describer) -> Describer:
    """A describer like this one for queries: the mean vector, everything else as it was.

    A classifier still sees the photo's own cutout; one that votes among neighbours is given the
    mean vector.
    """
    return replace(describer, embedder=AugmentedEmbedder(describer.embedder))


class AugmentedEmbedder:
    """An embedder like the one it holds, each vector the mean over ``VIEWS`` views."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def normalised(self) -> bool:
        return self._embedder.normalised

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        """(N, dimension) float32 of N * ``VIEWS`` cutouts, given to the embedder together."""
        views = [view for cutout in cutouts for view in views_of(cutout)]
        rows = self._embedder.embed(views).reshape(len(cutouts), VIEWS, self.dimension)
        mean = rows.mean(axis=1, dtype=np.float64).astype(np.float32)
        return unit_rows(mean) if self.normalised else mean


def _warped(cutout: Cutout, *, angle: float = 0.0, zoom: float = 1.0) -> Cutout:
    """Turned by degrees, counter-clockwise, and enlarged, both about the middle."""
    size = cutout.side, cutout.side
    middle = (cutout.side - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), angle, zoom)
    pixels = cv2.warpAffine(
        cutout.pixels,
        matrix,
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=_border_colour(cutout.pixels),
    )
    alpha = cv2.warpAffine(cutout.alpha, matrix, size, flags=cv2.INTER_LINEAR)
    return replace(
        cutout,
        pixels=np.asarray(pixels, np.uint8),
        # Interpolation of ones may round to a hair above.
        alpha=np.clip(np.asarray(alpha, np.float32), 0, 1),
    )


def _border_colour(pixels: UInt8Array) -> tuple[float, float, float]:
    """The median of the outermost pixels, channel by channel."""
    ring = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    red, green, blue = np.median(ring, axis=0).tolist()
    return red, green, blue


def _brighter(pixels: UInt8Array) -> UInt8Array:
    return np.asarray(np.minimum(np.rint(pixels * np.float32(GAIN)), 255), np.uint8)
