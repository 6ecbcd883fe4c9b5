"""Recipes as TOML: keys are flags, wherever the field stands; what is unknown is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.train.category_head.recipe import HeadRecipe
from offline.train.embedder.recipe import EmbedderRecipe
from offline.train.recipe_file import keys_of, read_recipes, recipe_of_table, shipped_recipes
from offline.train.run import Splits
from offline.train.segmenter.recipe import SegmenterRecipe

SHIPPED = ("compact", "compact-small")
RECIPES = {
    "segmenter-first": SegmenterRecipe,
    "segmenter": SegmenterRecipe,
    "embedder": EmbedderRecipe,
    "category-head": HeadRecipe,
}


def test_keys_are_the_names_of_flags_in_recipes_within_recipes_too() -> None:
    recipe = recipe_of_table(
        EmbedderRecipe, {"backbone": "resnet50_v1", "epochs": 3, "slack": 0.2, "seed": 5}, "here"
    )
    assert recipe.network.backbone == "resnet50_v1" and recipe.learning.epochs == 3
    assert recipe.augmentation.framing.slack == 0.2 and recipe.seed == 5
    assert recipe.learning.loss == EmbedderRecipe().learning.loss
    splits = recipe_of_table(Splits, {"train_split": "catalogue", "hold_out": "family"}, "here")
    assert splits.train == "catalogue"


def test_lists_become_tuples_and_whole_numbers_fractions() -> None:
    given = {"data": (Path("d"),), "out": Path("o.json")}
    recipe = recipe_of_table(HeadRecipe, {"split": ["train", "queries"]}, "here", **given)
    assert recipe.splits == ("train", "queries") and recipe.data == (Path("d"),)
    assert isinstance(recipe_of_table(EmbedderRecipe, {"scale": 24}, "x").learning.scale, float)


@pytest.mark.parametrize("table", [{"epoch": 3}, {"network.epochs": 3}])
def test_an_unknown_key_names_its_place_and_the_valid_ones(table: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"\[embedder\]") as caught:
        recipe_of_table(EmbedderRecipe, table, "[embedder]")
    assert "epochs" in caught.value.remedy


def test_a_value_out_of_range_is_refused_as_on_the_command_line() -> None:
    with pytest.raises(ConfigError, match="--epochs"):
        recipe_of_table(EmbedderRecipe, {"epochs": 0}, "here")


@pytest.mark.parametrize("text", ["epochs = 3", "[embedder", "\xff"])
def test_a_file_that_holds_no_tables_is_one_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text, "latin-1")
    with pytest.raises(ConfigError, match=r"r\.toml"):
        read_recipes(path)
    with pytest.raises(ConfigError):
        read_recipes(tmp_path / "absent.toml")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_are_valid(name: str) -> None:
    for trainer, table in read_recipes(shipped_recipes(name)).items():
        if trainer == "teacher":
            assert set(table) == {"splits"}
            continue
        own = {key: value for key, value in table.items() if key in keys_of(Splits)}
        rest = {key: value for key, value in table.items() if key not in own}
        if trainer == "embedder":
            recipe_of_table(Splits, own, trainer)
            recipe_of_table(EmbedderRecipe, rest, trainer)
        else:
            given = {"data": (Path("d"),), "out": Path("o.json")}
            if trainer != "category-head":
                del given["out"]
            recipe_of_table(RECIPES[trainer], table, trainer, **given)
