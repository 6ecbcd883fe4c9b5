"""The embedder of a profile: its recipe, its weights among the settings, its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.config import Settings
from engine.errors import ConfigError
from offline.train.embedder.recipe import EmbedderRecipe
from offline.train.recipe_file import keys_of, recipe_of_table
from offline.train.run import Splits
from weights.sidecar import sidecar_path

EMBEDDER = "embedder"  # the step, and its table in a file of recipes


def embedder_recipe(table: Mapping[str, Any], **given: object) -> tuple[EmbedderRecipe, Splits]:
    """Of the embedder's table, which holds both. Raises ConfigError as they do."""
    own = {key: value for key, value in table.items() if key in keys_of(Splits)}
    rest = {key: value for key, value in table.items() if key not in own}
    where = f"[{EMBEDDER}]"
    recipe = recipe_of_table(EmbedderRecipe, rest, where, **given)
    return recipe, recipe_of_table(Splits, own, where)


def with_embedder(settings: Settings, model: Path) -> dict[str, object]:
    """[embed] of the settings: their embedder, or the one among its parts that is a network, with
    these weights."""
    parts = settings.embed.options.get("parts")
    if parts is None:
        return {"weights": str(model)}
    return {
        "parts": [
            {**part, "weights": str(model)} if part["name"] == "onnx" else part for part in parts
        ]
    }


def served_files(model: Path) -> tuple[Path, ...]:
    return model, sidecar_path(model)


def network_of(settings: Settings) -> str:
    """The weights of the embedder, or of the one among its parts that is a network."""
    options = settings.embed.options
    parts = options.get("parts", [{"name": settings.embed.name, **options}])
    for part in parts:
        if part["name"] == "onnx":
            return str(part["weights"])
    raise ConfigError(
        'no network to tune: [embed] names none, name = "onnx".',
        remedy="Give --from compact.",
    )
