"""Settings of a training: what is refused, with the valid names, and what follows of what."""

from pathlib import Path
from typing import Any

import pytest

from engine.config import Settings
from engine.errors import ConfigError
from offline.datasets.packbench import shipped
from offline.train.embedder.recipe import (
    MARGINS,
    EmbedderRecipe,
    LearningRecipe,
    NetworkRecipe,
)
from offline.train.embedder.start import find_backbone, find_weights
from tests.packsight_command import command


@pytest.mark.parametrize(
    ("network", "learning", "whole", "message"),
    [
        ({}, {"loss": "l2"}, {}, "unknown --loss 'l2'.*contrastive.*arcface"),
        ({"pooling": "rmac"}, {}, {}, "unknown --pooling 'rmac'.*gem_channel"),
        ({}, {"positives": "hope"}, {}, "unknown --positives 'hope'.*product, family, self"),
        ({}, {"batches": "all"}, {}, "unknown --batches 'all'.*mined"),
        ({}, {"optimiser": "lion"}, {}, "unknown --optimiser 'lion'.*adamw, sgd"),
        ({"projection_start": "zero"}, {}, {}, "unknown --projection-start.*learned, pca"),
        ({"dimension": 1}, {}, {}, "--dimension 1: must be at least 2"),
        ({}, {"views_per_product": 1}, {}, "--views-per-product 1: must be at least 2"),
        ({}, {"learning_rate": 0.0}, {}, "--learning-rate 0.0: must be above 0"),
        ({}, {"margin": float("nan")}, {}, "--margin nan"),
        ({}, {"agreement": 1.5}, {}, "--agreement 1.5"),
        ({}, {}, {"input_size": 8}, "--input-size 8: must be at least 32"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_the_valid_ones(
    network: dict[str, Any], learning: dict[str, Any], whole: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        EmbedderRecipe(NetworkRecipe(**network), LearningRecipe(**learning), **whole)


@pytest.mark.parametrize("loss", sorted(MARGINS))
def test_every_loss_has_a_margin_of_its_own(loss: str) -> None:
    assert EmbedderRecipe(learning=LearningRecipe(loss=loss)).margin == MARGINS[loss]
    assert EmbedderRecipe(learning=LearningRecipe(loss=loss, margin=0.33)).margin == 0.33


def test_from_nothing_the_learning_rate_is_higher_and_statistics_are_learned() -> None:
    known, nothing = (EmbedderRecipe(NetworkRecipe(weights=w)) for w in ("catalogue", "none"))
    assert nothing.learning_rate > known.learning_rate
    assert nothing.learns_statistics and not known.learns_statistics


def test_an_unknown_backbone_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"unknown --backbone 'alexnet'.*resnet50_v1"):
        find_backbone("alexnet")
    with pytest.raises(ConfigError, match="unknown --backbone 'u2net'"):
        find_backbone("u2net")  # in the catalogue, and no backbone


def test_weights_that_are_no_file_are_refused(tmp_path: Path) -> None:
    given = NetworkRecipe(weights=str(tmp_path / "none.pth"))
    with pytest.raises(ConfigError, match=r"none.pth"):
        find_weights(given, Settings())
    assert find_weights(NetworkRecipe(weights="none"), Settings()) is None


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--loss", "l2"), "unknown --loss 'l2'"),
        (("--backbone", "alexnet"), "unknown --backbone 'alexnet'"),
        (("--rotation", "700"), "--rotation 700.0: must be from 0 to 180"),
        (("--blur", "-1"), "--blur -1.0: must be from 0 to 1"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(
    flags: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = command("train", "embedder", "--data", shipped(), "--out", tmp_path / "run", *flags)
    assert done.code == 1 and message in done.line
