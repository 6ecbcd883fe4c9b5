"""Recipes as TOML: a table a trainer, a key a flag."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import ConfigError
from offline.train.flags import flag_of, option_of, types_of

_Recipe = TypeVar("_Recipe")
Tables = Mapping[str, Mapping[str, Any]]


def shipped_recipes(name: str) -> Path:
    """The file of recipes that comes with Packsight under this name."""
    return Path(str(files("offline.train"))) / "recipes" / f"{name}.toml"


def read_recipes(path: Path) -> Tables:
    """Tables by trainer. Raises ConfigError for a file that cannot be read or holds other things
    than tables."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as recipes ({error}).") from error
    loose = [key for key, table in tables.items() if not isinstance(table, dict)]
    if loose:
        raise ConfigError(
            f"{path}: {', '.join(loose)} stand outside of a trainer's table.",
            remedy="Put them below the heading of a trainer, such as [embedder].",
        )
    return tables


def recipe_of_table(
    recipe: type[_Recipe], table: Mapping[str, Any], where: str, **given: Any
) -> _Recipe:
    """The recipe of a table, whose keys are the recipe's flags with underscores for dashes.

    ``given``: fields that no table holds. Raises ConfigError for an unknown key, naming ``where``
    it stands, and as the recipe does.
    """
    keys = _keys(recipe)
    unknown = sorted(set(table) - set(keys))
    if unknown:
        raise ConfigError(
            f"{where}: {', '.join(unknown)}: no such setting.",
            remedy=f"Valid: {', '.join(keys)}.",
        )
    return _made(recipe, {keys[key]: value for key, value in table.items()} | given)


def keys_of(recipe: type) -> tuple[str, ...]:
    """Valid in its table."""
    return tuple(_keys(recipe))


def _keys(recipe: type) -> dict[str, str]:
    """Names of fields by key, of the recipes in it too."""
    kinds = types_of(recipe)
    keys: dict[str, str] = {}
    for field in fields(recipe):
        if is_dataclass(kinds[field.name]):
            keys |= _keys(kinds[field.name])
        elif flag_of(field) is not None:
            keys[option_of(field).removeprefix("--").replace("-", "_")] = field.name
    return keys


def _made(recipe: type[_Recipe], values: Mapping[str, Any]) -> _Recipe:
    kinds = types_of(recipe)
    chosen: dict[str, Any] = {}
    for field in fields(recipe):  # type: ignore[arg-type]
        kind = kinds[field.name]
        if is_dataclass(kind):
            chosen[field.name] = _made(kind, values)  # type: ignore[arg-type]
        elif field.name in values:
            chosen[field.name] = _typed(kind, values[field.name])
    return recipe(**chosen)


def _typed(kind: Any, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    return float(value) if kind is float and isinstance(value, int) else value
