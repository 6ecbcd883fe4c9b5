"""Flags of a recipe's fields: help, range, choices and old spellings, and their check.

A recipe is a frozen dataclass. A field whose metadata is ``flag(…)`` becomes a flag of
`packsight train`; its default stands in the recipe alone. The modules of recipes import nothing
heavy, so that ``--help`` answers at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from engine.errors import ConfigError

_KEY = "flag"


@dataclass(frozen=True)
class Flag:
    """``help`` is a phrase without its default, which the command line adds from the field."""

    help: str
    aliases: tuple[str, ...] = ()  # spellings of before, still taken, not listed
    off_aliases: tuple[str, ...] = ()  # the same, of flags that set False
    name: str | None = None  # --NAME; None: the field's name with dashes
    metavar: str | None = None
    absent: str | None = None  # what holds where the default is None
    choices: tuple[str, ...] = ()  # of a field that is no Literal
    renamed: tuple[tuple[str, str], ...] = ()  # values of before and what they are now
    parse: Callable[[str], Any] | None = None  # None: by the field's type
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a number is finite and in range; NaN is not."""
        return (
            math.isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    @property
    def range(self) -> str:
        """Such as "from 0 to 180" or "at least 1"."""
        if self.most is not None:
            return f"from {self.least:g} to {self.most:g}"
        if self.below is not None:
            return f"from {self.least:g} to below {self.below:g}"
        if self.above is not None:
            return f"above {self.above:g}"
        return "finite" if self.least is None else f"at least {self.least:g}"


def flag(help: str, *aliases: str, **details: Any) -> Mapping[str, Flag]:
    """Metadata of a field that is a flag; ``details`` are the other fields of ``Flag``."""
    return {_KEY: Flag(help, aliases, **details)}


def group(title: str) -> Mapping[str, str]:
    """Metadata of a field that is itself a recipe: its flags stand below ``title``."""
    return {"group": title}


def flag_of(field: Field[Any]) -> Flag | None:
    found = field.metadata.get(_KEY)
    return found if isinstance(found, Flag) else None


def option_of(field: Field[Any]) -> str:
    """Such as --learning-rate."""
    named = flag_of(field)
    return "--" + ((named and named.name) or field.name.replace("_", "-"))


def types_of(recipe: type) -> dict[str, Any]:
    """The type of each field, without None."""
    return {name: _present(kind) for name, kind in get_type_hints(recipe).items()}


def choices_of(field: Field[Any], kind: Any) -> tuple[str, ...]:
    named = flag_of(field)
    if named is not None and named.choices:
        return named.choices
    return get_args(kind) if get_origin(kind) is Literal else ()


def names_of(text: str) -> tuple[str, ...]:
    """Names with commas between."""
    return tuple(name for name in map(str.strip, text.split(",")) if name)


def check_flags(recipe: Any) -> None:
    """Refuse values outside their choices or range, those of nested recipes too.

    Raises ConfigError with the flag, the value and what is valid.
    """
    for field, kind, value in _values(recipe):
        named = flag_of(field)
        if is_dataclass(value) and not isinstance(value, type):
            check_flags(value)
        if named is None or value is None:
            continue
        option, choices = option_of(field), choices_of(field, kind)
        if choices and value not in choices:
            raise ConfigError(
                f"unknown {option} {value!r}.", remedy=f"Valid: {', '.join(choices)}."
            )
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if number and not named.holds(value):
            raise ConfigError(f"{option} {value}: must be {named.range}.")


def _values(recipe: Any) -> Iterator[tuple[Field[Any], Any, Any]]:
    kinds = types_of(type(recipe))
    for field in fields(recipe):
        yield field, kinds[field.name], getattr(recipe, field.name)


def _present(kind: Any) -> Any:
    parts = [part for part in get_args(kind) if part is not type(None)]
    return parts[0] if type(None) in get_args(kind) and len(parts) == 1 else kind
