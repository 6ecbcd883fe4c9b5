"""The first sheet of an .xlsx workbook as rows of text; needs the extra ``xlsx`` (openpyxl)."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from engine.errors import ConfigError

# A workbook is a zip of XML, which may inflate a thousandfold.
MAX_INFLATED = 256 * 2**20  # bytes of all its parts together
MAX_CELLS = 20_000_000  # a lone cell far to the right fills its row


def read_workbook(file: Path, data: bytes, notes: list[str]) -> Iterator[tuple[int, list[str]]]:
    """(number, cells) of every row with text of the first sheet; a note where there are others.
    ``data`` is what the file holds.

    Numbers are as a sheet shows them (1.0 is "1", zeros in front where the format has them),
    dates as in ISO 8601, formulas their stored result. Raises ConfigError.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise ConfigError(
            f"{file}: a workbook needs openpyxl.",
            remedy='Install it with: pip install "packsight[xlsx]", or save the sheet as CSV.',
        ) from error
    _refuse_bombs(file, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of formats and charts that we do not read
            book = openpyxl.load_workbook(
                io.BytesIO(data), read_only=True, data_only=True, keep_links=False
            )
            try:
                yield from _rows(file, book, notes)
            finally:
                book.close()
    except ConfigError:
        raise
    except Exception as error:  # openpyxl lets out whatever a broken part made fail
        raise ConfigError(
            f"{file}: not a workbook that can be read ({type(error).__name__}: {error}).",
            remedy="Save it as .xlsx again, or as CSV.",
        ) from error


def _refuse_bombs(file: Path, data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            names = parts.namelist()
            inflated = sum(part.file_size for part in parts.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{file}: not a workbook ({error}).") from error
    if "[Content_Types].xml" not in names:
        raise ConfigError(f"{file}: not an .xlsx workbook.", remedy="Save it as .xlsx or CSV.")
    if inflated > MAX_INFLATED:
        raise ConfigError(
            f"{file}: inflates to {inflated / 2**20:.0f} MiB; at most {MAX_INFLATED >> 20} are "
            "read.",
            remedy="Save the sheet with the labels as CSV.",
        )


def _rows(file: Path, book: Any, notes: list[str]) -> Iterator[tuple[int, list[str]]]:
    if not book.worksheets:
        return
    sheet = book.worksheets[0]
    if len(book.worksheets) > 1:
        notes.append(f"{file}: only the first of its {len(book.worksheets)} sheets is read")
    sheet.reset_dimensions()  # a workbook may declare any size, and rows are filled up to it
    seen = 0
    for number, row in enumerate(sheet.iter_rows(), start=1):
        seen += len(row)
        if seen > MAX_CELLS:
            raise ConfigError(
                f"{file}: more than {MAX_CELLS:,} cells.", remedy="Save the labels as CSV."
            )
        cells = [_text(cell) for cell in row]
        if any(cells):
            yield number, cells


def _text(cell: Any) -> str:
    value = cell.value
    if value is None or cell.data_type == "e":  # an error such as #N/A is no label
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        shape = str(cell.number_format)
        return str(value).zfill(len(shape)) if set(shape) == {"0"} else str(value)
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat(timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value).strip()
