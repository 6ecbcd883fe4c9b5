"""Settings as TOML, with every option of the chosen stages at its value."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from pydantic_core import PydanticUndefined

from engine.config import STAGES, Settings
from stages.assemble import stage_names, stage_options


def settings_text(settings: Settings, leave_out: Collection[str] = ()) -> str:
    """The whole tree but for the sections in ``leave_out``; an option without a value is a
    comment. Raises ConfigError for a stage that does not exist."""
    lines: list[str] = []
    for section, table in settings.tables().items():
        if section in leave_out:
            continue
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
