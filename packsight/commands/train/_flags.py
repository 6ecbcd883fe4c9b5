"""Flags of a trainer, derived from its recipe: name, type, default and help stand there alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from offline.train.flags import choices_of, flag_of, option_of, types_of

Group = argparse.ArgumentParser | argparse._ArgumentGroup
_Recipe = TypeVar("_Recipe")


def add_recipe_flags(parser: argparse.ArgumentParser, recipe: type, within: Any = None) -> None:
    """A flag for every field of ``recipe`` and of the recipes in it, each in its group.

    Spellings of before are taken and not listed.
    """
    target: Group = within or parser
    kinds = types_of(recipe)
    for field in fields(recipe):
        if is_dataclass(kinds[field.name]):
            title = field.metadata.get("group")
            inner = parser.add_argument_group(title) if title else target
            add_recipe_flags(parser, kinds[field.name], inner)
        elif flag_of(field) is not None:
            _add(target, field, kinds[field.name])


def recipe_of(args: argparse.Namespace, recipe: type[_Recipe]) -> _Recipe:
    """The recipe of the given flags. Raises ConfigError as the recipe does."""
    kinds = types_of(recipe)
    chosen: dict[str, Any] = {}
    for field in fields(recipe):  # type: ignore[arg-type]
        if is_dataclass(kinds[field.name]):
            chosen[field.name] = recipe_of(args, kinds[field.name])
        elif flag_of(field) is not None:
            value = getattr(args, field.name)
            chosen[field.name] = tuple(value) if isinstance(value, list) else value
    return recipe(**chosen)


def _add(target: Group, field: Field[Any], kind: Any) -> None:
    flag, name, option = flag_of(field), field.name, option_of(field)
    assert flag is not None
    required = field.default is MISSING
    default = None if required else field.default
    text = (flag.help + _shown(default, flag.absent)).replace("%", "%%")
    if kind is bool:
        if default is False:
            target.add_argument(option, dest=name, action="store_true", help=text)
        else:
            target.add_argument(option, dest=name, action=argparse.BooleanOptionalAction, help=text)
            target.set_defaults(**{name: default})  # here: Python 3.11 would add it to the text
        old = [(flag.aliases, "store_true"), (flag.off_aliases, "store_false")]
        for spellings, action in old:
            if spellings:
                target.add_argument(
                    *spellings,
                    dest=name,
                    action=action,
                    default=argparse.SUPPRESS,
                    help=argparse.SUPPRESS,
                )
        return
    parse = _parser(kind, flag.parse, dict(flag.renamed))
    several = get_origin(kind) is tuple and flag.parse is None
    metavar = flag.metavar or "|".join(choices_of(field, kind)) or _METAVARS.get(kind, "NAME")
    target.add_argument(
        option,
        dest=name,
        type=parse,
        nargs="+" if several else None,
        action="extend" if several and required else "store",  # A B and --data A --data B
        default=default,
        required=required,
        metavar=metavar,
        help=text,
    )
    if flag.aliases:
        target.add_argument(
            *flag.aliases,
            dest=name,
            type=parse,
            default=argparse.SUPPRESS,
            help=argparse.SUPPRESS,
        )


_METAVARS: dict[Any, str] = {int: "N", float: "X", Path: "PATH"}


def _parser(
    kind: Any, parse: Callable[[str], Any] | None, renamed: dict[str, str]
) -> Callable[[str], Any]:
    if parse is not None:
        return parse
    if renamed:
        return lambda text: renamed.get(text, text)
    if get_origin(kind) is tuple:
        kind = get_args(kind)[0]
    return kind if kind in _METAVARS else str


def _shown(default: Any, absent: str | None) -> str:
    if default is None or default == "" or default == ():
        return f" (default: {absent})" if absent else ""
    if isinstance(default, bool):
        return f" (default: {'on' if default else 'off'})" if default else ""
    return f" (default: {default:g})" if isinstance(default, float) else f" (default: {default})"
