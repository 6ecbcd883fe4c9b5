"""Recipes as TOML: a table a trainer, a key a field, whatever recipe within the recipe has it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import ConfigError
from offline.train.flags import flag_of, types_of

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
    """The recipe of a table's keys and of ``given`` fields, which no table holds.

    Raises ConfigError for an unknown key, naming ``where`` it stands, and as the recipe does.
    """
    made, used = _made(recipe, {**table, **given})
    unknown = sorted(set(table) - used)
    if unknown:
        raise ConfigError(
            f"{where}: {', '.join(unknown)}: no such setting.",
            remedy=f"Valid: {', '.join(_names(recipe))}.",
        )
    return made


def _made(recipe: type[_Recipe], values: Mapping[str, Any]) -> tuple[_Recipe, set[str]]:
    kinds = types_of(recipe)
    chosen: dict[str, Any] = {}
    used: set[str] = set()
    for field in fields(recipe):  # type: ignore[arg-type]
        kind = kinds[field.name]
        if is_dataclass(kind):
            chosen[field.name], inner = _made(kind, values)  # type: ignore[arg-type]
            used |= inner
        elif field.name in values:
            chosen[field.name] = _typed(kind, values[field.name])
            used.add(field.name)
    return recipe(**chosen), used


def _typed(kind: Any, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    return float(value) if kind is float and isinstance(value, int) else value


def _names(recipe: type) -> list[str]:
    kinds = types_of(recipe)
    names: list[str] = []
    for field in fields(recipe):
        if is_dataclass(kinds[field.name]):
            names += _names(kinds[field.name])
        elif flag_of(field) is not None:
            names.append(field.name)
    return names
