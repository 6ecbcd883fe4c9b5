"""How large the files of the paper's system are, and about how long each step takes.

Measured by ``benchmarks/paper_system.py`` on two cores of a shared server without a GPU; cutting
and training are divided by the cores of this machine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from offline.train.classifier.recipe import ClassifierRecipe
from offline.train.training_set import Labelled


@dataclass(frozen=True)
class Estimate:
    size: float  # bytes written
    seconds: float


@dataclass(frozen=True)
class _Training:
    """``learn``: core-seconds that an image takes in an epoch, at 224 x 224."""

    parameters: int  # with the head
    learn: float
    export: float  # seconds


_MIB = 2**20
NETWORKS = {
    "u2net": Estimate(168 * _MIB, 60),
    "fba": Estimate(133 * _MIB, 75),
    "resnet50": Estimate(90 * _MIB, 30),
}
COPY = 2.0  # seconds, of an ONNX file that is there
OPENING = 10.0  # seconds, to open all parts once
_CUT = 2.5  # core-seconds an image, U²-Net and FBA
_CUTOUT = 224 * 224 * 4  # bytes
_VIEW = 0.3  # of ``learn``: an image through the backbone without learning
_TRAININGS = {
    "EfficientNetV2L": _Training(119_600_000, 1.7, 240),
    "EfficientNetV2S": _Training(22_200_000, 0.5, 100),
    "EfficientNetV2B0": _Training(7_800_000, 0.15, 60),
    "MobileNetV2": _Training(4_100_000, 0.1, 40),
    "ResNet101V2": _Training(45_300_000, 0.6, 90),
}
# Copies of the parameters in a training's folder: the ONNX file, the network, the best epoch, and
# the checkpoint with what the optimiser keeps.
_COPIES = {"sgd": 5, "adam": 6, "rmsprop": 5}


def of_training(recipe: ClassifierRecipe, labelled: Labelled) -> Estimate:
    """Of as many epochs as the recipe allows: patience may end it earlier."""
    backbone = _TRAININGS[recipe.keras_backbone.name]
    learned, validated = len(labelled.train), len(labelled.validation)
    every = learned + validated
    cores = os.cpu_count() or 1
    learn = backbone.learn * (recipe.input_size / 224) ** 2
    if recipe.frozen_backbone:
        images = _VIEW * recipe.views * every
        copies = 2
    else:
        epochs = recipe.schedule.epochs * (2 if recipe.refits else 1)
        images = epochs * (learned + _VIEW * validated)
        copies = _COPIES[recipe.schedule.optimiser] + (3 if recipe.refits else 0)
    seconds = (every * _CUT + images * learn) / cores + backbone.export
    return Estimate(4.0 * copies * backbone.parameters + every * _CUTOUT, seconds)
