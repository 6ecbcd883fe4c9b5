"""`packsight profiles [NAME]`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packsight.commands._arguments import add_overlay_flags

if TYPE_CHECKING:
    from engine.config import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="profile or .toml file to print (default: list all)"
    )
    add_overlay_flags(parser)


def run(args: argparse.Namespace) -> int:
    from engine.config import load
    from engine.errors import ConfigError
    from stages.profiles import DEFAULT, profile_names, profile_path, read_profile

    if args.name:
        config = None if args.config is None else Path(args.config)
        print(_show(load(read_profile(args.name), file=config, flags=args.overrides)))
        return 0
    if args.config or args.overrides:
        raise ConfigError(
            "--config and --set change a profile, and none is named.",
            remedy=f"Name one: packsight profiles {DEFAULT}",
        )
    for name in profile_names():
        title = profile_path(name).read_text("utf-8").splitlines()[0].lstrip("# ")
        print(f"{name:10} {title}{' (the default)' if name == DEFAULT else ''}")
    return 0


def _show(settings: Settings) -> str:
    """The whole tree as TOML, with every option of the chosen stages at its value."""
    from engine.config import STAGES
    from stages.assemble import stage_names, stage_options

    lines: list[str] = []
    for section, table in settings.tables().items():
        if section in STAGES:
            model = stage_options(section, table["name"])
            defaults = {k: f.get_default() for k, f in model.model_fields.items()}
            table = {"name": table["name"], **{k: table.get(k, v) for k, v in defaults.items()}}
            others = [name for name in stage_names(section) if name != table["name"]]
            lines.append(f"[{section}]  # others: {', '.join(others)}")
        else:
            lines.append(f"[{section}]")
        lines += [_line(key, value) for key, value in table.items()]
        lines.append("")
    return "\n".join(lines).rstrip()


def _line(key: str, value: Any) -> str:
    from pydantic_core import PydanticUndefined

    if value is None:
        return f"# {key} is not set"
    if value is PydanticUndefined:
        return f"# {key} must be given"
    return f"{key} = {_toml(value)}"


def _toml(value: Any) -> str:
    """Strings, numbers and booleans read the same in JSON."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return json.dumps(value, ensure_ascii=False)
