"""Labels of images: from folder names, from CSV or JSON beside them, or from a table given apart.

Later sources win over earlier ones, column by column:

1. folder names: ``CATEGORY/PRODUCT/view.jpg``, or ``CATEGORY/view.jpg`` where every image is a
   product of its own; images directly in the folder have no label;
2. ``attributes.csv``, ``attributes.json``, ``labels.csv`` or ``labels.json`` in any folder, with
   a ``path`` relative to it that names an image (with or without its suffix) or a folder;
3. ``view.json`` or ``view.jpg.json`` beside ``view.jpg``;
4. the table given with ``--labels``, with paths relative to the ingested folder or absolute.

The columns ``category`` and ``product`` are the two labels; all other columns are attributes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from engine.errors import ConfigError
from offline.ingest.scan import ImageFile, Refusal, printable
from offline.ingest.tables import Place, Row, read_table, read_text

PATH_COLUMNS = ("path", "file", "filename", "image")
CATEGORY, PRODUCT = "category", "product"

Cells = Mapping[str, str]  # column -> cell


@dataclass(frozen=True)
class Label:
    """The labels of one image; a category of None is to be predicted."""

    category: str | None
    product: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    def updated(self, cells: Cells) -> Label:
        """This label with the cells of a row in place of its own; empty cells change nothing."""
        filled = {column: cell for column, cell in cells.items() if cell}
        return Label(
            category=filled.pop(CATEGORY, self.category),
            product=filled.pop(PRODUCT, self.product),
            attributes={**self.attributes, **filled},
        )


@dataclass
class Labels:
    """Rows by the path that they label, relative to the ingested folder; "" is the folder."""

    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    given: dict[str, dict[str, str]] = field(default_factory=dict)  # from --labels
    refused: list[Refusal] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)

    def of(self, file: ImageFile) -> Label:
        """The label of an image; an unreadable JSON file beside it is noted in ``refused``."""
        label = from_folders(file.relative)
        for cells in (
            *self._matching(self.rows, file.relative),
            self._beside(file),
            *self._matching(self.given, file.relative),
        ):
            label = label.updated(cells)
        return label

    def unused(self) -> list[str]:
        """Paths from --labels that named no image so far."""
        return sorted(set(self.given) - self._used)

    def _matching(self, rows: Mapping[str, dict[str, str]], relative: str) -> Iterable[Cells]:
        """The rows of the folder, of its folders down to the image, of its stem and of itself."""
        path = PurePosixPath(relative)
        folders = ["" if str(parent) == "." else str(parent) for parent in reversed(path.parents)]
        for key in (*folders, str(path.with_suffix("")), relative):
            if key in rows:
                self._used.add(key)
                yield rows[key]

    def _beside(self, file: ImageFile) -> Cells:
        for path in (file.path.with_suffix(".json"), Path(f"{file.path}.json")):
            if path.is_file():
                try:
                    return _cells(path, _read_json(path))
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
            labels.rows.update(read_label_table(path, path.parent, root))
        except ConfigError as error:
            labels.refused.append(Refusal(str(path), error.message))
    if table is not None:
        labels.given = read_label_table(table, root, root)
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


def read_label_table(path: Path, base: Path, root: Path) -> dict[str, dict[str, str]]:
    """Rows of a CSV or JSON table by path relative to ``root``; paths in it start at ``base``.

    JSON is a list of objects with a path each, or an object of objects by path. Raises
    ConfigError naming the file and what is wrong.
    """
    in_json = path.suffix.lower() == ".json"
    table: dict[str, dict[str, str]] = {}
    for row in _json_rows(path) if in_json else read_table(path, lenient=True):
        cells = row.cells
        column = next((name for name in PATH_COLUMNS if name in cells), None)
        if column is None:
            raise row.place.fault(
                f"has no path; it has {', '.join(cells) or 'no columns'}, "
                f"and needs one of {', '.join(PATH_COLUMNS)}"
            )
        target = cells.pop(column).replace("\\", "/")
        if not target and any(cells.values()):
            raise row.place.fault("has an empty path", "Write . to label the whole folder.")
        if target:
            key = _below(base, target, root)
            table[key] = {**table.get(key, {}), **cells}
    return table


def _below(base: Path, target: str, root: Path) -> str:
    """``target``, read from ``base``, as a path relative to ``root``; unchanged if outside."""
    try:
        relative = (base / target).relative_to(root)
    except ValueError:
        return target
    return "/".join(part for part in relative.parts if part != ".")


def _json_rows(path: Path) -> list[Row]:
    data = _read_json(path)
    if isinstance(data, dict):
        data = [{"path": key, **_object(path, value)} for key, value in data.items()]
    if not isinstance(data, list):
        raise ConfigError(f"{path}: must be a list of objects or an object of objects.")
    return [
        Row(Place(path, f"row {number}"), _cells(path, row))
        for number, row in enumerate(data, start=1)
    ]


def _read_json(path: Path) -> Any:
    try:
        return json.loads(read_text(path, lenient=True))
    except (ValueError, RecursionError) as error:  # ValueError: also numbers of 5,000 digits
        raise ConfigError(f"{path}: not valid JSON ({error}).") from error


def _cells(path: Path, row: Any) -> dict[str, str]:
    """An object with its values as text: attributes are strings, of whatever type in JSON."""
    # JSON can spell half a surrogate pair, which no database stores as text.
    return {
        printable(str(key).strip().lower()): printable(_text(value))
        for key, value in _object(path, row).items()
    }


def _object(path: Path, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: expected an object, found {json.dumps(value)[:60]}.")
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
