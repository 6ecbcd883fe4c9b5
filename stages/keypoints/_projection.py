"""RootSIFT descriptors in fewer numbers of 8 bits, so that mirroring an image flips signs.

A descriptor of a mirrored image is, in the frame of its keypoint, that of the image with its values
in another order. Principal components of descriptors and of their mirrored ones together are each
symmetric or antisymmetric under that order, so that a mirrored descriptor is the projected one with
the signs of the antisymmetric ones changed, and need not be kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from engine.keypoints import Int8Array
from engine.types import FloatArray, IntArray
from weights.array_file import read_arrays, write_arrays

VERSION = 1
_ARRAYS = ("mean", "components", "mirror")
# RootSIFT rows have length 1 and a number beyond 0.4 is rare.
SCALE = 300.0
AGAIN = "Install Packsight again: a file that comes with it is damaged"


@dataclass(frozen=True, eq=False)
class Projection:
    """``mean`` (128,), ``components`` (128, D) orthonormal, ``mirror`` (D,) of 1 and -1."""

    mean: FloatArray
    components: FloatArray
    mirror: FloatArray

    @property
    def dimension(self) -> int:
        return int(self.components.shape[1])

    @property
    def identity(self) -> str:
        """sha256 of all that changes a descriptor."""
        arrays = (self.mean, self.components, self.mirror)
        return hashlib.sha256(b"".join(one.tobytes() for one in arrays)).hexdigest()

    def project(self, descriptors: FloatArray) -> Int8Array:
        """(K, 128) RootSIFT to (K, D)."""
        values = (descriptors - self.mean) @ self.components * np.float32(SCALE)
        return np.rint(np.clip(values, -127, 127)).astype(np.int8)

    def write(self, path: Path, data: str) -> None:
        """OSError where the file cannot be written."""
        arrays = dict(zip(_ARRAYS, (self.mean, self.components, self.mirror), strict=True))
        write_arrays(path, arrays, {"version": VERSION, "data": data})


@cache
def shipped_projection() -> Projection:
    """WeightsError for a damaged file."""
    path = Path(str(files("weights"))) / "compact" / "sift_projection.npz"
    arrays, _ = read_arrays(path, "projection of SIFT", _ARRAYS, VERSION, AGAIN)
    return Projection(*arrays)


def fit_projection(descriptors: FloatArray, dimension: int) -> Projection:
    """By the principal components of (N, 128) RootSIFT descriptors and of their mirrored ones."""
    order = mirrored_order()
    wide = descriptors.astype(np.float64)
    mean = wide.mean(axis=0)
    mean = (mean + mean[order]) / 2
    scatter = (wide - mean).T @ (wide - mean)
    scatter = (scatter + scatter[order][:, order]) / 2
    _, vectors = np.linalg.eigh(scatter)
    components = vectors[:, ::-1][:, :dimension]
    mirror = np.sign(np.einsum("kd,kd->d", components, components[order]))
    return Projection(
        mean.astype(np.float32), components.astype(np.float32), mirror.astype(np.float32)
    )


def mirrored_order() -> IntArray:
    """(128,): where in a descriptor the values of its mirror image lie. 4 x 4 cells of 8 directions
    each; mirrored about the keypoint's own direction, rows and directions run the other way."""
    rows, columns, directions = np.meshgrid(np.arange(4), np.arange(4), np.arange(8), indexing="ij")
    order: IntArray = ((3 - rows) * 4 + columns) * 8 + (8 - directions) % 8
    return order.reshape(-1)
