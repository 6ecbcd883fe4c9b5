"""What a curator says of pictures: folder names, CSV or JSON beside them, or a CSV given apart.

Later sources win over earlier ones, column by column:

1. folder names: ``CATEGORY/PRODUCT/view.jpg``, or ``CATEGORY/view.jpg`` where every picture is
   a product of its own; pictures directly in the folder have no label;
2. ``attributes.csv``, ``attributes.json``, ``labels.csv`` or ``labels.json`` in any folder, with
   a ``path`` relative to it that names a picture (with or without its suffix) or a folder;
3. ``view.json`` or ``view.jpg.json`` beside ``view.jpg``;
4. the table given with ``--labels``, with paths relative to the ingested folder or absolute.

The columns ``category`` and ``product`` are what they say; all others are attributes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from engine.errors import ConfigError
from offline.ingest.scan import Found, Refusal, printable

PATH_COLUMNS = ("path", "file", "filename", "image")
CATEGORY, PRODUCT = "category", "product"


@dataclass(frozen=True)
class Label:
    """What is said of one picture; None: nothing was said."""

    category: str | None
    product: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    def told(self, row: Mapping[str, str]) -> Label:
        """This label with a row's columns laid over; empty cells say nothing."""
        said = {key: value for key, value in row.items() if value}
        attributes = {k: v for k, v in said.items() if k not in (CATEGORY, PRODUCT)}
        return replace(
            self,
            category=said.get(CATEGORY, self.category),
            product=said.get(PRODUCT, self.product),
            attributes={**self.attributes, **attributes},
        )


@dataclass
class Labels:
    """Rows by the path they speak of, relative to the ingested folder; "" is the folder."""

    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    given: dict[str, dict[str, str]] = field(default_factory=dict)  # from --labels
    refused: list[Refusal] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)

    def of(self, found: Found) -> Label:
        """The label of a picture; an unreadable file beside it is noted in ``refused``."""
        label = from_folders(found.relative)
        for row in self._matching(self.rows, found.relative):
            label = label.told(row)
        label = label.told(self._beside(found))
        for row in self._matching(self.given, found.relative):
            label = label.told(row)
        return label

    def unused(self) -> list[str]:
        """Paths from --labels that named no picture so far."""
        return sorted(set(self.given) - self._used)

    def _matching(
        self, rows: Mapping[str, dict[str, str]], relative: str
    ) -> Iterable[dict[str, str]]:
        for key in _keys(relative):
            if key in rows:
                self._used.add(key)
                yield rows[key]

    def _beside(self, found: Found) -> dict[str, str]:
        for path in (found.path.with_suffix(".json"), Path(f"{found.path}.json")):
            if path.is_file():
                try:
                    return _texts(_read_json(path))
                except ConfigError as error:
                    self.refused.append(Refusal(str(path), error.message))
        return {}


def read_labels(folder: Path, label_files: Iterable[Path], table: Path | None = None) -> Labels:
    """Read all label files of a folder and the table given apart.

    A broken file in the folder is noted in ``refused``; a broken ``table`` raises ConfigError.
    """
    labels = Labels()
    root = folder.absolute()
    for path in label_files:
        try:
            labels.rows.update(read_table(path, path.parent, root))
        except ConfigError as error:
            labels.refused.append(Refusal(str(path), error.message))
    if table is not None:
        labels.given = read_table(table, root, root)
    return labels


def from_folders(relative: str) -> Label:
    """The label that folder names give: the first is the category, all together the product."""
    path = PurePosixPath(relative)
    folders = path.parts[:-1]
    if not folders:
        return Label(None, path.stem)
    if len(folders) == 1:
        return Label(folders[0], f"{folders[0]}/{path.stem}")
    return Label(folders[0], "/".join(folders))


def read_table(path: Path, base: Path, root: Path) -> dict[str, dict[str, str]]:
    """Rows of a CSV or JSON table by path relative to ``root``; paths in it start at ``base``.

    JSON is a list of objects with a path each, or an object of objects by path. Raises
    ConfigError naming the file and what is wrong. Rows without anything in them are skipped.
    """
    rows = _json_rows(path) if path.suffix.lower() == ".json" else _csv_rows(path)
    table: dict[str, dict[str, str]] = {}
    for number, row in rows:
        column = next((name for name in PATH_COLUMNS if name in row), None)
        if column is None:
            raise ConfigError(
                f"{path}: row {number} has no path; it has {', '.join(row) or 'no columns'}, "
                f"and needs one of {', '.join(PATH_COLUMNS)}."
            )
        where = row.pop(column).replace("\\", "/")
        if not where and not any(row.values()):
            continue
        if not where:
            raise ConfigError(
                f"{path}: row {number} has an empty path; write . to speak of the whole folder."
            )
        key = _below(base, where, root)
        table[key] = {**table.get(key, {}), **row}
    return table


def _keys(relative: str) -> list[str]:
    """All that may speak of a picture: the folder, its folders, its stem, itself."""
    path = PurePosixPath(relative)
    folders = [str(parent) for parent in reversed(path.parents)]
    keys = ["" if folder == "." else folder for folder in folders]
    return [*keys, str(path.with_suffix("")), relative]


def _below(base: Path, where: str, root: Path) -> str:
    """``where``, read from ``base``, as a path relative to ``root``; unchanged if outside."""
    path = base / where
    try:
        relative = path.relative_to(root)
    except ValueError:
        return where
    parts = [part for part in relative.parts if part != "."]
    return "/".join(parts)


def _csv_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    text = _text(path)
    if not text.strip():
        raise ConfigError(f"{path}: is empty.")
    text = text.lstrip("\r\n")
    # The header decides: cells below it may hold any of these in prose.
    delimiter = max(",;\t", key=text.splitlines()[0].count)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    try:
        return [
            (
                number,
                {
                    (key or "").strip().lower(): (value or "").strip()
                    for key, value in row.items()
                    if key and isinstance(value, str | None)
                },
            )
            for number, row in enumerate(reader, start=2)
        ]
    except csv.Error as error:
        raise ConfigError(f"{path}: not a CSV table ({error}).") from error


def _json_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    data = _read_json(path)
    if isinstance(data, dict):
        data = [{"path": key, **_object(path, value)} for key, value in data.items()]
    if not isinstance(data, list):
        raise ConfigError(f"{path}: must be a list of objects or an object of objects.")
    return [(number, _texts(_object(path, row))) for number, row in enumerate(data, start=1)]


def _object(path: Path, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: expected an object, found {json.dumps(value)[:60]}.")
    return value


def _read_json(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except (ValueError, RecursionError) as error:  # ValueError: also numbers of 5,000 digits
        raise ConfigError(f"{path}: not valid JSON ({error}).") from error


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")  # what spreadsheets write on Windows


def _texts(row: Any) -> dict[str, str]:
    """Values as text: attributes are strings, whatever JSON made of them."""
    if not isinstance(row, dict):
        raise ConfigError(f"expected an object, found {json.dumps(row)[:60]}.")
    # JSON can spell half a surrogate pair, which no database stores as text.
    return {printable(str(key).strip().lower()): printable(_plain(v)) for key, v in row.items()}


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
