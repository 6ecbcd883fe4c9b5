"""Keypoints of an image, and how those of two images agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Int8Array = npt.NDArray[np.int8]
FloatArray = npt.NDArray[np.float32]

# A keypoint in bytes: x and y of 16 bits, size and angle of 8, then a byte a number.
_STORED = np.dtype([("place", "<u2", 2), ("size", "u1"), ("angle", "u1")])
_PLACES = 2**16 - 1
# Sizes are stored by their logarithm: 16 steps an octave, from 2^-12 of the image's longer side.
_STEPS, _LEAST = 16, -12
_TURN = 2 * np.pi


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Keypoints of one image, the strongest first.

    ``geometry``: x, y and size in fractions of the image's longer side, angle in radians.
    ``descriptors``: compared by Euclidean distance; those of one stage fit together only. A gallery
    stores the first ``stored`` of them; None: all.
    """

    geometry: FloatArray  # (K, 4)
    descriptors: Int8Array  # (K, D)
    stored: int | None = None

    def __post_init__(self) -> None:
        geometry, descriptors = self.geometry, self.descriptors
        if geometry.dtype != np.float32 or descriptors.dtype != np.int8:
            raise ValueError(f"Keypoints of {geometry.dtype} and {descriptors.dtype}")
        if geometry.shape != (len(descriptors), 4) or descriptors.ndim != 2:
            raise ValueError(f"Keypoints of shapes {geometry.shape} and {descriptors.shape}")
        if not np.isfinite(geometry).all():
            raise ValueError("Keypoints.geometry must be finite")
        for array in (geometry, descriptors):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.geometry)

    @classmethod
    def none(cls, dimension: int = 0) -> Keypoints:
        """Of an image without any."""
        return cls(np.empty((0, 4), np.float32), np.empty((0, dimension), np.int8))

    @property
    def places(self) -> FloatArray:
        """(K, 2): x, y."""
        return self.geometry[:, :2]

    def as_stored(self) -> Keypoints:
        """Those that a gallery stores."""
        kept = slice(self.stored)
        return Keypoints(self.geometry[kept].copy(), self.descriptors[kept].copy())

    def rounded(self) -> Keypoints:
        """As it is read back from its bytes, so that a query has the precision of the gallery."""
        return replace(Keypoints.from_bytes(self.to_bytes()), stored=self.stored)

    def to_bytes(self) -> bytes:
        """6 + D bytes a keypoint, and 2."""
        stored = np.empty(len(self), _STORED)
        stored["place"] = np.rint(np.clip(self.places, 0, 1) * _PLACES)
        octaves = np.log2(np.maximum(self.geometry[:, 2], 2.0**_LEAST)) - _LEAST
        stored["size"] = np.clip(np.rint(octaves * _STEPS), 0, 255)
        stored["angle"] = np.rint(self.geometry[:, 3] % _TURN / _TURN * 256) % 256
        dimension = np.array(self.descriptors.shape[1], "<u2")
        return dimension.tobytes() + stored.tobytes() + self.descriptors.tobytes()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Keypoints:
        """ValueError for bytes that are damaged."""
        if len(stored) < 2:
            raise ValueError("keypoints of less than two bytes")
        dimension = int(np.frombuffer(stored, "<u2", 1)[0])
        each = _STORED.itemsize + dimension
        count, rest = divmod(len(stored) - 2, each)
        if rest:
            raise ValueError(f"keypoints of {len(stored)} bytes, not 2 + a multiple of {each}")
        rows = np.frombuffer(stored, _STORED, count, 2)
        geometry = np.empty((count, 4), np.float32)
        geometry[:, :2] = rows["place"].astype(np.float32) / _PLACES
        geometry[:, 2] = 2.0 ** (rows["size"] / _STEPS + _LEAST)
        geometry[:, 3] = rows["angle"].astype(np.float32) * (_TURN / 256)
        start = 2 + count * _STORED.itemsize
        descriptors = np.frombuffer(stored, np.int8, count * dimension, start)
        return cls(geometry, descriptors.reshape(count, dimension).copy())


@dataclass(frozen=True, eq=False)
class KeypointMatch:
    """The places of a query and of a candidate that show the same print: evidence for one product.

    ``places``: x, y in the query, then x, y in the candidate, in fractions of each image's longer
    side. ``share``: of the places that look alike, how many also lie alike. ``area``: the fraction
    of the area of the query's keypoints that they span. ``residual``: how far they lie from where
    the transform puts them, the median, in fractions of the longer side. ``mirrored``: the query
    shows the print the wrong way round. ``evident``: so many rarely agree by chance; they are shown
    to users. ``raised_to``: the rank of the hit's image with them, where it is lower without.
    """

    places: FloatArray  # (n, 4)
    share: float = 0.0
    area: float = 0.0
    residual: float = 0.0
    mirrored: bool = False
    evident: bool = False
    raised_to: int | None = None

    @property
    def inliers(self) -> int:
        return len(self.places)

    def judged(self, least: int) -> KeypointMatch:
        """Evident with twice as many places as ``least``: of pairs of unrelated labels 7 % have
        more than 5, which may raise a hit, and 0.5 % have 10 (docs/keypoints.md)."""
        return replace(self, evident=self.inliers >= 2 * least)

    def spread(self, most: int) -> FloatArray:
        """At most so many of the places, to be drawn: the one nearest the middle of the query's,
        then always the one that is furthest from those before it."""
        ours = self.places[:, :2].astype(np.float64)
        if len(ours) == 0 or most == 0:
            return self.places[:0]
        chosen = [int(np.linalg.norm(ours - ours.mean(axis=0), axis=1).argmin())]
        apart = np.full(len(ours), np.inf)
        while len(chosen) < min(most, len(ours)):
            apart = np.minimum(apart, np.linalg.norm(ours - ours[chosen[-1]], axis=1))
            apart[chosen] = -1
            chosen.append(int(apart.argmax()))
        return self.places[chosen]


NO_MATCH = KeypointMatch(np.empty((0, 4), np.float32))


@dataclass(frozen=True)
class TentativeMatch:
    """Places that look alike. ``at_most`` so many of them also lie alike; ``verify`` finds them."""

    at_most: int
    verify: Callable[[], KeypointMatch]


UNLIKE = TentativeMatch(0, lambda: NO_MATCH)
