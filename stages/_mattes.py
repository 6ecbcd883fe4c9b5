"""Mattes that are made once: what a segmenter or a matting computes of an image is kept on disk.

All commands share one store in the user's cache. What is kept is what the costly step gave, before
it is brought to the image's size: of U²-Net a map of 320 x 320 numbers, without loss, from which
the same matte is made bit by bit. The key is the image's pixels and all that the step depends on,
and not the file: a crop, the mirrored image of a second look and a photo that a client sent are
found as well, and what decodes alike is the same image.

The store never fails a run: where it cannot be used, a warning is logged once and mattes are made.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import cv2
import numpy as np
import numpy.typing as npt
import PIL

from engine.blobs import Blob, Blobs
from engine.config import Settings
from engine.errors import ConfigError
from engine.types import FloatArray, Matte, RGBImage, UInt8Array
from engine.user_folders import expanded, user_cache
from stages._session import runtime_version
from stages.matting._refinement import Estimate
from stages.matting._trimap import Trimap

FOLDER_VARIABLE = "PACKSIGHT_MATTES_DIR"
GIGABYTE = 10**9

# zlib's least effort, byte by byte of the numbers: of U²-Netp's maps of photos of packages 43 % in
# 8 ms, where making one takes 430 ms; unshuffled 60 %.
EFFORT = 1

# Raised when a change of the code makes other numbers of the same pixels, options and weights.
MADE = 2

Array = npt.NDArray[Any]
_log = logging.getLogger(__name__)


@runtime_checkable
class TwoStepSegmenter(Protocol):
    """A segmenter whose costly step makes a small array of an image."""

    def predict(self, images: Sequence[RGBImage]) -> list[Array]:
        """One an image, of any shape and type."""
        ...

    def matte(self, predicted: Array, image: RGBImage) -> Matte:
        """The image's matte of what ``predict`` gave for it."""
        ...

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        predicted = self.predict(images)
        return [self.matte(one, image) for one, image in zip(predicted, images, strict=True)]


@runtime_checkable
class EstimatingMatting(Protocol):
    """A matting whose ``estimate`` is its costly step."""

    estimate: Estimate


@dataclass
class MatteStore:
    """``usable`` becomes false at the first fault: no image waits for a broken disk again."""

    blobs: Blobs
    usable: bool = True

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """None where it is switched off, or where the user has no folder for it."""
        if settings.runtime.mattes_gb == 0:
            return None
        limit = int(settings.runtime.mattes_gb * GIGABYTE)
        try:
            return cls(Blobs(matte_folder(), "mattes", limit))
        except ConfigError as error:
            _warn(error.message)
            return None

    def recalled(
        self, keys: Sequence[str], make: Callable[[list[int]], Sequence[Array]]
    ) -> list[Array]:
        """Aligned with the keys: what is kept, and the rest made, by place, and kept."""
        found = self._read(keys)
        missing = {key: place for place, key in enumerate(keys) if key not in found}
        if missing:
            fresh = dict(zip(missing, make(list(missing.values())), strict=True))
            self._put(fresh)
            found |= fresh
        return [found[key] for key in keys]

    def _read(self, keys: Sequence[str]) -> dict[str, Array]:
        if not self.usable:
            return {}
        try:
            return {key: _unpacked(blob) for key, blob in self.blobs.read(keys)}
        except ConfigError as error:
            self._give_up(error)
            return {}

    def _put(self, arrays: Mapping[str, Array]) -> None:
        if not self.usable:
            return
        try:
            self.blobs.put({key: _packed(array) for key, array in arrays.items()})
        except ConfigError as error:
            self._give_up(error)

    def _give_up(self, error: ConfigError) -> None:
        self.usable = False
        _warn(error.message)


@dataclass(frozen=True)
class RememberingSegmenter:
    """``identity``: 64 hex digits of all that the segmenter's predictions depend on."""

    segmenter: TwoStepSegmenter
    store: MatteStore
    identity: str

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        def made(places: list[int]) -> Sequence[Array]:
            return self.segmenter.predict([images[place] for place in places])

        keys = [f"{self.identity} {digest(image.pixels)}" for image in images]
        predicted = self.store.recalled(keys, made)
        return [
            self.segmenter.matte(one, image) for one, image in zip(predicted, images, strict=True)
        ]


def remembering_estimate(estimate: Estimate, store: MatteStore, identity: str) -> Estimate:
    """The same estimate, made once of the same pixels, saliency and trimap."""

    def remembered(pixels: UInt8Array, saliency: FloatArray, trimap: Trimap) -> FloatArray:
        key = digest(pixels, saliency, trimap.foreground, trimap.background)
        (alpha,) = store.recalled(
            [f"{identity} {key}"], lambda places: [estimate(pixels, saliency, trimap)]
        )
        return alpha

    return remembered


def identity_of(described: Mapping[str, object]) -> str:
    """Of a stage that is described by its name, options and weights, and of the packages and the
    code that compute it: their next release may round otherwise."""
    packages = {
        "opencv": cv2.__version__,
        "pillow": PIL.__version__,
        "onnx": runtime_version("onnxruntime"),
        "made": MADE,
    }
    canonical = json.dumps({**described, **packages}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def matte_folder() -> Path:
    """May not exist yet; ConfigError where the user can have none."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return expanded(chosen) if chosen else user_cache("mattes")


def digest(*arrays: npt.NDArray[np.generic]) -> str:
    """sha256 of shapes, types and contents."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.shape} {array.dtype.str} ".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def _packed(array: Array) -> Blob:
    """Bytes of like weight together: those of the exponents compress, mantissas do not."""
    flat = np.ascontiguousarray(array).reshape(-1)
    planes = np.ascontiguousarray(flat.view(np.uint8).reshape(flat.size, array.itemsize).T)
    packed = np.frombuffer(zlib.compress(planes.data, EFFORT), np.uint8)
    return Blob(packed, [array.dtype.str, *array.shape])


def _unpacked(blob: Blob) -> Array:
    kind, *shape = blob.note
    dtype = np.dtype(kind)
    planes = np.frombuffer(zlib.decompress(blob.array.data), np.uint8)
    flat = np.ascontiguousarray(planes.reshape(dtype.itemsize, -1).T)
    return np.asarray(flat.view(dtype).reshape(shape))


@cache
def _warn(message: str) -> None:
    _log.warning(
        "%s Mattes are made anew instead of kept; to empty the store: packsight cache --clear; to "
        "keep none: --set runtime.mattes_gb=0",
        message,
    )
