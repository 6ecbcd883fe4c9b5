"""Flags of `packsight train` come from the recipes: defaults, old spellings, ranges."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import pytest

from engine.errors import ConfigError
from offline.train.category_head.recipe import HeadRecipe
from offline.train.classifier.recipe import ClassifierRecipe, ClassifierSplits
from offline.train.codebook.recipe import CodebookRecipe
from offline.train.embedder.recipe import EmbedderRecipe
from offline.train.flags import check_flags, flag, flag_of, option_of, types_of
from offline.train.matting.recipe import MattingRecipe
from offline.train.reranker.recipe import RerankerRecipe
from offline.train.run import Splits
from offline.train.segmenter.recipe import SegmenterRecipe
from offline.train.trust.recipe import TrustRecipe
from offline.train.whitening.recipe import WhiteningRecipe
from packsight.commands.train import TRAINERS, add_arguments
from packsight.commands.train._flags import recipe_of

RECIPES: dict[str, tuple[Any, ...]] = {
    "classifier": (ClassifierRecipe, ClassifierSplits),
    "embedder": (EmbedderRecipe, Splits),
    "segmenter": (SegmenterRecipe,),
    "matting": (MattingRecipe,),
    "codebook": (CodebookRecipe,),
    "whitening": (WhiteningRecipe,),
    "trust": (TrustRecipe,),
    "reranker": (RerankerRecipe,),
    "category-head": (HeadRecipe,),
}


def parsed(trainer: str, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    source = "--gallery" if trainer == "whitening" else "--data"
    out = "o.json" if trainer in ("reranker", "category-head") else "o.npz"
    return parser.parse_args([trainer, source, "d", "--out", out, *more])


def flagged(recipe: type) -> Iterator[Any]:
    """The fields that are flags, of nested recipes too."""
    for entry in fields(recipe):
        kind = types_of(recipe)[entry.name]
        if is_dataclass(kind):
            yield from flagged(kind)  # type: ignore[arg-type]
        elif flag_of(entry) is not None:
            yield entry


CASES = [(name, recipe) for name, recipes in RECIPES.items() for recipe in recipes]


@pytest.mark.parametrize(("trainer", "recipe"), CASES)
def test_every_flag_defaults_to_its_recipes_field(trainer: str, recipe: Any) -> None:
    args = parsed(trainer)
    for entry in flagged(recipe):
        if entry.default is not MISSING:
            assert getattr(args, entry.name) == entry.default, entry.name
    required = {
        entry.name: getattr(args, entry.name)
        for entry in flagged(recipe)
        if entry.default is MISSING
    }
    several = {name: tuple(v) for name, v in required.items() if isinstance(v, list)}
    assert recipe_of(args, recipe) == recipe(**required | several)


@pytest.mark.parametrize(("trainer", "recipe"), CASES)
def test_every_flag_has_a_help_text_that_stands_alone(trainer: str, recipe: Any) -> None:
    for entry in flagged(recipe):
        text = flag_of(entry).help  # type: ignore[union-attr]
        assert len(text) > 5 and not text.startswith(("of ", "by ", "(")), option_of(entry)


@pytest.mark.parametrize(
    ("trainer", "given", "name", "value"),
    [
        ("classifier", ("--rate", "0.5"), "learning_rate", 0.5),
        ("trust", ("--right-iou", "0.7"), "correct_iou", 0.7),
        ("trust", ("--wrong-cost", "3"), "incorrect_cost", 3.0),
        ("trust", ("--split", "a", "b"), "splits", ["a", "b"]),
        ("reranker", ("--protocol", "a, b"), "protocols", ("a", "b")),
        ("classifier", ("--side", "96"), "input_size", 96),
        ("classifier", ("--batch", "4"), "batch_size", 4),
        ("classifier", ("--frozen-trunk",), "frozen_backbone", True),
        ("classifier", ("--unbalanced",), "balanced", False),
        ("classifier", ("--no-flip",), "flip", False),
        ("classifier", ("--least", "3"), "min_images", 3),
        ("classifier", ("--hold-out", "picture"), "hold_out", "image"),
        ("classifier", ("--optimiser", "Adam"), "optimiser", "adam"),
        ("embedder", ("--rate", "0.5"), "learning_rate", 0.5),
        ("embedder", ("--decay", "0.1"), "weight_decay", 0.1),
        ("embedder", ("--products", "3"), "products_per_batch", 3),
        ("embedder", ("--views", "3"), "views_per_product", 3),
        ("embedder", ("--size", "96"), "input_size", 96),
        ("embedder", ("--p", "2"), "gem_p", 2.0),
        ("embedder", ("--freeze", "trunk"), "freeze", "backbone"),
        ("embedder", ("--layers", "a, b"), "layers", ("a", "b")),
        ("embedder", ("--backgrounds", "9"), "backgrounds", 9),
        ("embedder", ("--no-learn-statistics",), "learn_statistics", False),
        ("segmenter", ("--iou", "1"), "iou_weight", 1.0),
        ("segmenter", ("--ssim", "1"), "ssim_weight", 1.0),
        ("segmenter", ("--side", "96"), "input_size", 96),
        ("segmenter", ("--judged", "9"), "validation_limit", 9),
        ("segmenter", ("--split", "x"), "train_split", "x"),
        ("segmenter", ("--validation", "x"), "validation_split", "x"),
        ("matting", ("--side", "96"), "crop_size", 96),
        ("matting", ("--rate", "0.5"), "learning_rate", 0.5),
        ("codebook", ("--no-root",), "root", False),
        ("codebook", ("--unmasked",), "masked", False),
        ("codebook", ("--features", "9"), "total_features", 9),
    ],
)
def test_old_spellings_are_taken(
    trainer: str, given: tuple[str, ...], name: str, value: object
) -> None:
    assert getattr(parsed(trainer, *given), name) == value


@pytest.mark.parametrize("given", [("a", "b"), ("a", "--data", "b")])
@pytest.mark.parametrize("trainer", ["embedder", "segmenter"])
def test_several_data_sets_come_together_or_one_after_the_other(
    trainer: str, given: tuple[str, ...]
) -> None:
    parser = argparse.ArgumentParser()
    import_module(TRAINERS[trainer][0]).add_arguments(parser)
    args = parser.parse_args(["--data", *given, "--out", "run"])
    assert args.data == [Path("a"), Path("b")]


def test_every_trainer_with_a_recipe_is_tested_here() -> None:
    assert set(RECIPES) == set(TRAINERS) - {"compact"}  # which runs others by their recipes


@dataclass(frozen=True)
class Tiny:
    fraction: float = field(default=0.5, metadata=flag("a fraction", least=0, most=1))
    count: int = field(default=1, metadata=flag("a count", least=1))
    way: Literal["a", "b"] = field(default="a", metadata=flag("a way"))


@pytest.mark.parametrize(
    ("values", "option"),
    [
        ({"fraction": 1.1}, "--fraction 1.1"),
        ({"fraction": float("nan")}, "--fraction nan"),
        ({"fraction": float("inf")}, "--fraction inf"),
        ({"count": 0}, "--count 0"),
        ({"way": "c"}, "--way 'c'"),
    ],
)
def test_values_out_of_range_name_their_flag(values: dict[str, Any], option: str) -> None:
    check_flags(Tiny())
    with pytest.raises(ConfigError, match=option):
        check_flags(Tiny(**values))
