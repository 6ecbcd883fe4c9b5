"""Any model of the rembg package behind our protocol (extra ``rembg``)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from engine.errors import ConfigError, WeightsError
from engine.files import file_sha256
from engine.types import Matte, RGBImage, UInt8Array
from engine.user_folders import expanded, keep_what_numba_compiles
from stages._mattes import TwoStepSegmenter
from stages.context import BuildContext
from stages.options import StageOptions


class Options(StageOptions):
    model: str = "isnet-general-use"


class Session(Protocol):
    """What is used of a rembg session."""

    def predict(self, img: Image.Image) -> list[Image.Image]:
        """One or several mode-L masks of the image's size."""
        ...


class Rembg(TwoStepSegmenter):
    """Runs image by image, as rembg does; a model with several masks gives their union."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def predict(self, images: Sequence[RGBImage]) -> list[UInt8Array]:
        """(H, W) levels of alpha, of the image's size."""
        return [self._levels(image) for image in images]

    def matte(self, predicted: UInt8Array, image: RGBImage) -> Matte:
        return Matte(predicted.astype(np.float32) / np.float32(255.0))

    def _levels(self, image: RGBImage) -> UInt8Array:
        masks = self._session.predict(Image.fromarray(image.pixels))
        size = (image.width, image.height)
        planes = [np.asarray(mask.convert("L").resize(size), np.uint8) for mask in masks]
        return np.asarray(np.max(planes, axis=0), np.uint8)


def build(options: Options, context: BuildContext) -> Rembg:
    """Raises ConfigError without the package or for an unknown model, WeightsError where a
    download would be needed and is forbidden."""
    keep_what_numba_compiles()  # for pymatting, which rembg imports
    try:
        import rembg
    except ImportError as error:
        raise ConfigError(
            "The stage segment.rembg needs a package that is not installed.",
            remedy='Install it with: pip install "packsight[rembg]"',
        ) from error
    path = model_path(options.model)
    if not context.policy.may_download and not path.is_file():
        raise WeightsError(
            f"{path}: rembg has no weights for {options.model!r} here, and downloads are off.",
            remedy="Fetch them with: python -c "
            f"\"import rembg; rembg.new_session('{options.model}')\"",
        )
    try:
        session: Session = rembg.new_session(options.model, providers=["CPUExecutionProvider"])
    except ValueError as error:
        raise ConfigError(
            f"[segment] rembg: unknown model {options.model!r}.",
            remedy=f"Valid models: {', '.join(sorted(rembg.sessions.sessions_names))}.",
        ) from error
    if path.is_file():
        context.used[options.model] = file_sha256(path)
    return Rembg(session)


def model_path(model: str) -> Path:
    """Where rembg keeps a model's file."""
    beside = Path(os.environ.get("XDG_DATA_HOME", "~")) / ".u2net"
    return expanded(os.environ.get("U2NET_HOME", beside)) / f"{model}.onnx"
