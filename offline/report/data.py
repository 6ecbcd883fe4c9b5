"""A report as JSON: written the same way every time, and read back with every doubt told."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from engine.errors import ConfigError
from offline.report.document import Report, Value

VERSION = 1  # Report.format_version
REPORT_REMEDY = "Name the report.json that `packsight evaluate` wrote."
_SHOWN = 3  # faults of a damaged file


def json_text(report: Report) -> str:
    """Everything but the pictures, in the order of the document; equal reports, equal bytes.

    Numbers have all their digits. Lists of plain values stand on one line, so that two reports
    can be compared by `diff`. Text that is no UTF-8 (a file's name) is escaped.
    """
    return written(report)


def written(value: Value) -> str:
    """As ``json_text`` for any value of a report or of a comparison."""
    return _written(value.model_dump(), 0) + "\n"


def schema() -> dict[str, object]:
    """JSON Schema (2020-12) of what ``json_text`` writes; docs/report.schema.json holds it."""
    made = Report.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def schema_text() -> str:
    return json.dumps(schema(), indent=1) + "\n"


def read_report(path: Path) -> Report:
    """The report in a file; its thumbnails have names and no pictures.

    Raises ConfigError for a file that is missing, damaged, foreign or of a newer format.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(
            f"{path}: the report cannot be read ({reason}).", remedy=REPORT_REMEDY
        ) from error
    try:
        data = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path}: the report is no JSON ({error}); it was cut short or edited.",
            remedy="Make it again with the command that wrote it.",
        ) from error
    _check_version(path, data)
    try:
        return Report.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            f"{path}: the report is damaged: {_faults(error)}.",
            remedy="Make it again with the command that wrote it.",
        ) from error


def _check_version(path: Path, data: object) -> None:
    version = data.get("format_version") if isinstance(data, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ConfigError(f"{path}: this is no report of Packsight.", remedy=REPORT_REMEDY)
    if version > VERSION:
        raise ConfigError(
            f"{path}: the report has format {version}, and this version of Packsight reads "
            f"formats up to {VERSION}.",
            remedy="Update packsight, or make the report again with this version.",
        )


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number")


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_input=False)
    told = [f"{'.'.join(map(str, fault['loc'])) or 'report'}: {fault['msg']}" for fault in faults]
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return "; ".join(told[:_SHOWN]) + more


def _written(value: object, depth: int) -> str:
    """As json.dumps with an indent of one, but for lists of plain values; settings may hold what
    JSON does not know (a path), which is written as its text."""
    if isinstance(value, Mapping):
        items = [
            f"{json.dumps(str(key))}: {_written(one, depth + 1)}" for key, one in value.items()
        ]
        return _enclosed("{}", items, depth)
    if isinstance(value, list | tuple):
        if not any(isinstance(one, Mapping | list | tuple) for one in value):
            return f"[{', '.join(map(_plain, value))}]"
        return _enclosed("[]", [_written(one, depth + 1) for one in value], depth)
    return _plain(value)


def _enclosed(brackets: str, items: list[str], depth: int) -> str:
    if not items:
        return brackets
    inner, outer = "\n" + " " * (depth + 1), "\n" + " " * depth
    return f"{brackets[0]}{inner}{f',{inner}'.join(items)}{outer}{brackets[1]}"


def _plain(value: object) -> str:
    """Only settings may hold an infinite number: the document refuses them elsewhere."""
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(str(value))
    return json.dumps(value, default=str)
