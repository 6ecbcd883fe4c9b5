"""What each step of a prepared system writes, its time and its memory, about.

Measured on two cores of a shared server without a GPU, those of the paper's system by
``benchmarks/paper_system.py`` (docs/paper-system.md), those of the small networks by the training
of the shipped ones (docs/compact.md); what grows with the images is divided by the cores of this
machine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from offline.train.classifier.recipe import ClassifierRecipe
from offline.train.embedder.recipe import EmbedderRecipe
from offline.train.segmenter.recipe import SegmenterRecipe
from offline.train.training_set import Labelled

_MIB, _GIB = 2**20, 2**30


@dataclass(frozen=True)
class Estimate:
    size: float  # bytes written
    seconds: float
    memory: float  # bytes, of the process at most


@dataclass(frozen=True)
class _Training:
    """``learn``: seconds of a core that an image takes in an epoch, at 224 x 224; ``export``:
    seconds; ``memory``: GiB, with batches of 16."""

    parameters: int  # with the head
    learn: float
    export: float
    memory: float


NETWORKS = {
    "u2net": Estimate(168 * _MIB, 60, 2.5 * _GIB),
    "fba": Estimate(133 * _MIB, 75, 1.8 * _GIB),
    "resnet50": Estimate(90 * _MIB, 30, 1.5 * _GIB),
}
EXPORTING = 30  # seconds, of a small network
OPENING = Estimate(2000, 10, 3.6 * _GIB)  # all parts once
_CUT = 2.3  # seconds of a core an image
_CUTOUT = 224 * 224 * 4  # bytes
_SEE = 0.25  # of ``learn``: an image through the backbone without learning
# To build, trace and export, EfficientNetV2-L was measured; the others are scaled to it by their
# layers. What they learn and hold was measured for each.
_TRAININGS = {
    "EfficientNetV2L": _Training(119_600_000, 1.2, 330, 15.0),
    "EfficientNetV2S": _Training(22_200_000, 0.29, 170, 4.0),
    "EfficientNetV2B0": _Training(7_800_000, 0.09, 90, 2.1),
    "MobileNetV2": _Training(4_100_000, 0.08, 60, 2.0),
    "ResNet101V2": _Training(45_300_000, 0.57, 120, 3.5),
}
# Copies of the parameters in a training's folder: the ONNX file, the network, the best epoch, and
# the checkpoint with what the optimiser keeps.
_COPIES = {"sgd": 5, "adam": 6, "rmsprop": 5}


# Of the small networks, seconds of a core an image: segmented by U²-Netp; learned in an epoch at
# 256 and at 160 pixels; described.
_TEACH, _SEGMENT, _EMBED, _DESCRIBE = 0.5, 0.12, 0.05, 0.1
_CUT_IMAGE = 0.05  # by the small segmenter


def of_teaching(images: int) -> Estimate:
    """Images and masks are written."""
    return Estimate(images * 40_000, images * _TEACH / _cores(), 1.0 * _GIB)


def of_segmenter(recipe: SegmenterRecipe, images: int) -> Estimate:
    size = (recipe.side / 256) ** 2
    seconds = images * recipe.epochs * _SEGMENT * size / _cores()
    return Estimate(60 * _MIB, seconds, 2.5 * _GIB)


def of_embedder(recipe: EmbedderRecipe, images: int) -> Estimate:
    size = (recipe.input_size / 160) ** 2
    seconds = images * recipe.learning.epochs * _EMBED * size / _cores()
    return Estimate(100 * _MIB + images * _CUTOUT, seconds, 3.0 * _GIB)


def of_tuning(recipe: EmbedderRecipe, images: int) -> Estimate:
    """Of an embedder that goes on learning, from images that are cut before. Grows with the images
    and, but for the cutting, with the epochs."""
    learning = of_embedder(recipe, images)
    return replace(learning, seconds=learning.seconds + images * _CUT_IMAGE / _cores())


def of_describing(images: int) -> Estimate:
    return Estimate(images * _CUTOUT, images * _DESCRIBE / _cores(), 1.0 * _GIB)


def of_copy(size: float) -> Estimate:
    """Of an ONNX file that is there, which is opened once to look at its shapes."""
    return Estimate(size, 2, 0.5 * _GIB)


def of_training(recipe: ClassifierRecipe, labelled: Labelled) -> Estimate:
    """Of as many epochs as the recipe allows: patience may end it earlier."""
    backbone = _TRAININGS[recipe.keras_backbone.name]
    learned, validated = len(labelled.train), len(labelled.validation)
    every = learned + validated
    learn = backbone.learn * (recipe.input_size / 224) ** 2
    if recipe.frozen_backbone:
        images = _SEE * recipe.views * every
        copies = 2
    else:
        epochs = recipe.schedule.epochs * (2 if recipe.refits else 1)
        images = epochs * (learned + _SEE * validated)
        copies = _COPIES[recipe.schedule.optimiser] + (3 if recipe.refits else 0)
    seconds = (every * _CUT + images * learn) / _cores() + backbone.export
    size = 4.0 * copies * backbone.parameters + every * _CUTOUT
    return Estimate(size, seconds, backbone.memory * _GIB)


def _cores() -> int:
    return os.cpu_count() or 1
