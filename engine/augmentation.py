"""Test-time augmentation: the vector of a photo is the mean over it and five altered versions.

Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NIPS 2012, section 4.1, average the predictions for shifted and mirrored crops; here the vectors
are averaged. The altered versions are fixed, so that the same photo always has the same vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from engine.describe import Describer
from engine.distances import unit_rows
from engine.protocols import Embedder
from engine.types import Cutout, FloatArray, UInt8Array

# About the differences between a hand-held photo and a studio image once the product is cut out
# and centred: tilt, margin and light.
TURN = 8.0  # degrees, either way
ZOOM = 1.1
GAIN = 1.15
VIEWS = 6


def views_of(cutout: Cutout) -> list[Cutout]:
    """The cutout itself, mirrored, rotated left and right, zoomed in and brightened.

    Pixels and alpha are altered alike. Pixels that a rotation uncovers take the cutout's border
    colour, which is white where the product stands on white, and have alpha 0.
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
    """The describer with its embedder augmented, for queries; all other stages are unchanged.

    A classifier still reads the photo's own cutout; one that votes among neighbours reads the
    mean vector.
    """
    return replace(describer, embedder=AugmentedEmbedder(describer.embedder))


class AugmentedEmbedder:
    """Wraps an embedder: each vector is the mean over ``VIEWS`` views of the cutout."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def normalised(self) -> bool:
        return self._embedder.normalised

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        """(N, dimension) float32; all N * ``VIEWS`` cutouts are embedded in one call."""
        views = [view for cutout in cutouts for view in views_of(cutout)]
        rows = self._embedder.embed(views).reshape(len(cutouts), VIEWS, self.dimension)
        mean = rows.mean(axis=1, dtype=np.float64).astype(np.float32)
        return unit_rows(mean) if self.normalised else mean


def _warped(cutout: Cutout, *, angle: float = 0.0, zoom: float = 1.0) -> Cutout:
    """Rotated by degrees, counter-clockwise, and scaled, both about the centre."""
    size = cutout.side, cutout.side
    centre = (cutout.side - 1) / 2
    matrix = cv2.getRotationMatrix2D((centre, centre), angle, zoom)
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
