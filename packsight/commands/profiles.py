"""`packsight profiles [NAME]`."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.config import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="profile or .toml file to print (default: list all)"
    )


def run(args: argparse.Namespace) -> int:
    from stages.profiles import DEFAULT, profile_names, profile_path, read_profile

    if args.name:
        print(_show(read_profile(args.name)))
        return 0
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
    """Strings, numbers, booleans and lists read the same in JSON and TOML."""
    from pydantic_core import PydanticUndefined

    if value is None:
        return f"# {key} is not set"
    if value is PydanticUndefined:
        return f"# {key} must be given"
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"
