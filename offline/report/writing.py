"""Writing a report: all its files whole, or none of them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from engine.errors import ConfigError
from offline.report.data import json_text
from offline.report.document import Report
from offline.report.html import html_text
from offline.report.text import markdown_text

PAGE, TEXT, DATA = "report.html", "report.md", "report.json"


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """report.html, report.md and report.json in a folder that is made if need be; their paths.

    Raises ConfigError where the folder cannot be written; older files then stay as they were.
    """
    texts = {
        folder / PAGE: html_text(report),
        folder / TEXT: markdown_text(report),
        folder / DATA: json_text(report),
    }
    write_texts(texts)
    return tuple(texts)


def write_texts(texts: Mapping[Path, str]) -> None:
    """Write every text beside its place, then rename all in; ConfigError where that fails.

    File names may hold bytes that are no text: they are written escaped.
    """
    # A name of its own, so that two runs that write the same report do not write the same part.
    own = secrets.token_hex(8)
    beside = {path: path.with_name(f".{path.name}.{own}.part") for path in texts}
    path = Path()
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            beside[path].write_text(text, "utf-8", errors="backslashreplace", newline="\n")
        for path, part in beside.items():
            part.replace(path)
    except OSError as error:
        for part in beside.values():
            _discard(part)
        raise ConfigError(
            f"{path}: the report cannot be written ({error.strerror or error}).",
            remedy="Choose another place, or free some room; what was computed is kept.",
        ) from error


def _discard(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:
        return  # its folder is a file, or is gone: there is nothing to discard
