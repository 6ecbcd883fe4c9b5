"""Words of projected SIFT descriptors: each half by one of 256 centroids, 65,536 words.

Babenko and Lempitsky, "The Inverted Multi-Index", CVPR 2012: as fine as 65,536 centroids of whole
descriptors, fitted and looked up as 512 of halves. The centroids come from
``benchmarks/keypoint_projection.py``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from engine.keypoints import Keypoints
from engine.types import FloatArray, IntArray
from stages.keypoints._projection import AGAIN
from weights.array_file import read_arrays, write_arrays

VERSION = 1
HALF = 256  # centroids of a half
_ARRAYS = ("first", "second")


@dataclass(frozen=True, eq=False)
class HalvesVocabulary:
    """``first``, ``second`` (256, D / 2): centroids of the two halves of a descriptor."""

    first: FloatArray
    second: FloatArray

    @property
    def identity(self) -> str:
        content = self.first.tobytes() + self.second.tobytes()
        return hashlib.sha256(content).hexdigest()[:16]

    @property
    def size(self) -> int:
        return len(self.first) * len(self.second)

    def words(self, keypoints: Keypoints, nearest: int = 1) -> IntArray:
        """(K, nearest), exact: the nearest words are among the nearest of each half."""
        descriptors = keypoints.descriptors.astype(np.float32)
        if not len(descriptors):
            return np.empty((0, nearest), np.int64)
        middle = self.first.shape[1]
        first, near = _nearest(descriptors[:, :middle], self.first, nearest)
        second, far = _nearest(descriptors[:, middle:], self.second, nearest)
        words = first[:, :, None] * len(self.second) + second[:, None, :]
        squares = near[:, :, None] + far[:, None, :]
        order = np.argsort(squares.reshape(len(words), -1), axis=1, kind="stable")[:, :nearest]
        found: IntArray = np.take_along_axis(words.reshape(len(words), -1), order, axis=1)
        return found

    def write(self, path: Path, data: str) -> None:
        """OSError where the file cannot be written."""
        arrays = dict(zip(_ARRAYS, (self.first, self.second), strict=True))
        write_arrays(path, arrays, {"version": VERSION, "data": data})


@cache
def shipped_vocabulary() -> HalvesVocabulary:
    """WeightsError for a damaged file."""
    path = Path(str(files("weights"))) / "compact" / "sift_words.npz"
    (first, second), _ = read_arrays(path, "vocabulary of SIFT", _ARRAYS, VERSION, AGAIN)
    return HalvesVocabulary(first, second)


def _nearest(rows: FloatArray, centroids: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """(K, count) centroids and their squared distances, less the row's own length; the first of
    equals."""
    lengths = np.einsum("kd,kd->k", centroids, centroids)
    squares = lengths - 2 * (rows @ centroids.T)
    if count == 1:
        found = squares.argmin(axis=1)[:, None]
    else:
        found = np.argpartition(squares, count - 1, axis=1)[:, :count]
    return found, np.take_along_axis(squares, found, axis=1)
