"""A report's files: JSON that is written the same way every time and read back, and all forms."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from engine.errors import ConfigError
from engine.files import write_all
from offline.report.document import Report, Value

VERSION = 1  # Report.format_version
PAGE, TEXT, DATA = "report.html", "report.md", "report.json"
REPORT_REMEDY = "Name the report.json that `packsight evaluate` wrote."
_SHOWN = 3  # faults of a damaged file


def json_text(report: Report) -> str:
    """Everything but the thumbnails, in the order of the document; equal reports, equal bytes.

    Numbers have all their digits. Lists of plain values stand on one line, so that two reports
    can be compared by `diff`. Text that is not UTF-8 (a file's name) is escaped.
    """
    return written(report)


def written(value: Value) -> str:
    """As ``json_text`` for any value of a report or of a comparison."""
    return _written(value.model_dump(), 0) + "\n"


def read_report(path: Path) -> Report:
    """The report in a file; its thumbnails have names and no image.

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
            f"{path}: the report is not JSON ({error}); it was cut short or edited.",
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


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """report.html, report.md and report.json in a folder that is made if need be; their paths.

    Raises ConfigError where the folder cannot be written; older files then stay as they were.
    """
    from offline.report.html import html_text  # templates and charts, which readers need not load
    from offline.report.text import markdown_text

    texts = {
        folder / PAGE: html_text(report),
        folder / TEXT: markdown_text(report),
        folder / DATA: json_text(report),
    }
    write_texts(texts)
    return tuple(texts)


def write_texts(texts: Mapping[Path, str]) -> None:
    """All files whole, or none of them; ConfigError where that fails.

    File names may hold bytes that are not text: they are written escaped.
    """
    try:
        for path in texts:
            path.parent.mkdir(parents=True, exist_ok=True)
        write_all({p: text.encode("utf-8", "backslashreplace") for p, text in texts.items()})
    except OSError as error:
        raise ConfigError(
            f"{', '.join(map(str, texts))}: cannot be written ({error.strerror or error}).",
            remedy="Choose another place, or free some room; what was computed is kept.",
        ) from error


def _check_version(path: Path, data: object) -> None:
    version = data.get("format_version") if isinstance(data, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        remedy = REPORT_REMEDY
        if isinstance(data, dict) and "protocols" in data:
            remedy = "It is of an earlier `packsight evaluate benchmark`: run that again."
        raise ConfigError(f"{path}: this is not a report of Packsight.", remedy=remedy)
    if version > VERSION:
        raise ConfigError(
            f"{path}: the report has format {version}, and this version of Packsight reads "
            f"formats up to {VERSION}.",
            remedy="Update packsight, or make the report again with this version.",
        )


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not a number")


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_input=False)
    lines = [f"{'.'.join(map(str, fault['loc'])) or 'report'}: {fault['msg']}" for fault in faults]
    more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return "; ".join(lines[:_SHOWN]) + more


def _written(value: object, depth: int) -> str:
    """As json.dumps with an indent of one, but for lists of plain values; settings may hold what
    JSON does not have (a path), which is written as its text."""
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
