"""A detector's box as the mask: the baseline of the paper's Figure 6.

The detector is SSD300 (see ``stages._ssd``). Its classes are COCO's, of which few are packages;
which of them count is an option.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from engine.errors import ConfigError, WeightsError
from engine.types import FloatArray, Matte, RGBImage
from stages import _ssd
from stages._mattes import TwoStepSegmenter
from stages._preprocess import required_spec
from stages._session import OnnxSession
from stages.context import BuildContext
from stages.options import StageOptions
from stages.segment._saliency import check_takes, image_input
from weights.input_spec import InputSpec

Choice = Literal["best", "largest"]


class Options(StageOptions):
    weights: str = "ssd300_vgg16"  # or the path of an .onnx file with the heads of an SSD300
    # Class ids that count, COCO's as torchvision numbers them (44 bottle, 47 cup); none: all.
    labels: tuple[Annotated[int, Field(ge=1)], ...] = ()
    # More likely than not. Not tuned: COCO's weights were not at hand.
    least_score: float = Field(0.5, ge=0.0, le=1.0)
    choose: Choice = "best"  # of several boxes, by score or by area
    # Changes speed and memory, not the mattes: left out of the dump that is fingerprinted.
    batch: int = Field(4, ge=1, exclude=True)


class Box(TwoStepSegmenter):
    """One box an image, filled; an empty matte where nothing scores high enough."""

    def __init__(self, session: OnnxSession, spec: InputSpec, options: Options) -> None:
        """Raises WeightsError for a file that has no SSD300's heads, ConfigError for a label
        that it does not know."""
        check_takes(session, spec)
        _check_heads(session, options.labels)
        self._session = session
        self._spec = spec
        self._options = options

    def predict(self, images: Sequence[RGBImage]) -> list[FloatArray]:
        """(4,) boxes in [0, 1]; (0,) where nothing scores high enough."""
        boxes: list[FloatArray] = []
        for start in range(0, len(images), self._options.batch):
            chunk = images[start : start + self._options.batch]
            inputs = np.stack([image_input(image, self._spec) for image in chunk])
            for heads in self._session.run(inputs):
                detections = _ssd.detect(heads, self._options.least_score).only(
                    self._options.labels
                )
                box = chosen(detections, self._options.choose)
                boxes.append(np.empty(0, np.float32) if box is None else box)
        return boxes

    def matte(self, predicted: FloatArray, image: RGBImage) -> Matte:
        return box_matte(predicted if predicted.size else None, image)


def build(options: Options, context: BuildContext) -> Box:
    """Raises WeightsError where the weights cannot be had or are no SSD300."""
    file = context.weights(options.weights)
    spec = required_spec(file, "[segment] weights")
    return Box(context.session(file), spec, options)


def chosen(detections: _ssd.Detections, choose: Choice) -> FloatArray | None:
    """(4,) x1, y1, x2, y2 in [0, 1]; None where there is none. Ties go to the better score."""
    if not len(detections.boxes):
        return None
    sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
    place = 0 if choose == "best" else int(np.argmax(sides.prod(axis=1)))
    return np.asarray(detections.boxes[place], np.float32)


def box_matte(box: FloatArray | None, image: RGBImage) -> Matte:
    """1 in every pixel whose centre lies within the box, 0 elsewhere."""
    alpha = np.zeros((image.height, image.width), np.float32)
    if box is not None:
        x1, y1, x2, y2 = box * np.array([image.width, image.height] * 2, np.float32)
        columns = np.arange(image.width) + 0.5
        rows = np.arange(image.height) + 0.5
        inside = ((rows >= y1) & (rows <= y2))[:, None] & ((columns >= x1) & (columns <= x2))
        alpha[inside] = 1.0
    return Matte(alpha)


def _check_heads(session: OnnxSession, labels: tuple[int, ...]) -> None:
    shape = session.output_shapes[0][1:]
    if len(shape) != 2 or shape[0] != _ssd.DEFAULT_BOXES or not isinstance(shape[1], int):
        raise WeightsError(
            f"{session.path}: gives {shape} an image, where an SSD300 gives "
            f"({_ssd.DEFAULT_BOXES}, 4 + classes).",
            remedy="Make one with: packsight weights export ssd300_vgg16",
        )
    classes = shape[1] - 4
    unknown = sorted(label for label in labels if label >= classes)
    if unknown:
        raise ConfigError(
            f"[segment] box: labels {unknown} are none of {session.path.name}.",
            remedy=f"Valid are 1 to {classes - 1}.",
        )
