"""The manifest: one row an image, in CSV, with a schema, its version and checksums."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from engine.errors import ConfigError
from engine.files import write_whole

VERSION = "1.0"  # of the images: raised when the same seed gives other ones
SCHEMA = 1  # raised when a column changes its meaning or goes
HEADER_FILE, MANIFEST, PRODUCTS = "packbench.json", "manifest.csv", "products.csv"
ATTRIBUTES = "catalogue/attributes.csv"


@dataclass(frozen=True)
class Row:
    """The ground truth of one image. Paths are relative to the benchmark's folder.

    ``x1 .. y2`` is the box of the product in pixels, where alpha is above one half.
    ``visible`` is the fraction of the product that no occluder hides. The camera is a pinhole in
    scene units, in which the product stands on z = 0 around the origin, tipped about x by ``tip``
    and then turned about z by minus ``azimuth``; ``units_per_mm`` leads back to millimetres.
    ``width_mm``, ``depth_mm``, ``height_mm`` are the product's own, untipped.
    """

    path: str
    split: str  # catalogue | test | queries | unseen
    role: str  # train | validation | test | query | gallery
    category: str
    family: str
    product: str
    in_catalogue: bool
    look: str  # studio | phone
    view: str
    matte: str
    transmission: str  # empty: the product is opaque
    width: int
    height: int
    x1: int
    y1: int
    x2: int
    y2: int
    visible: float
    width_mm: float
    depth_mm: float
    height_mm: float
    azimuth: float  # degrees
    tip: float
    eye: str  # x y z
    target: str
    up: str
    field_of_view: float  # degrees along the longer side
    units_per_mm: float
    sha256: str
    matte_sha256: str
    transmission_sha256: str


@dataclass(frozen=True)
class ProductRow:
    """One product. ``parameters`` is the JSON of its dimensions, choices and surfaces."""

    product: str
    category: str
    family: str
    archetype: str
    name: str
    material: str
    colour: str
    in_catalogue: bool
    width_mm: float
    depth_mm: float
    height_mm: float
    volume_ml: float | None
    parameters: str


@dataclass(frozen=True)
class Described:
    """The identity of a benchmark: equal descriptions have equal images."""

    name: str
    version: str
    schema: int
    preset: str
    seed: int
    difficulty: float
    settings: dict[str, object]  # all sizes of the preset
    renderer: str  # "mitsuba 3.9.1 llvm_ad_rgb": variants differ in the noise


@dataclass(frozen=True)
class Header(Described):
    """``packbench.json``: a description, and the checksums of a whole benchmark."""

    pictures: int
    products: int
    manifest_sha256: str
    products_sha256: str
    attributes_sha256: str  # of catalogue/attributes.csv


def table(rows: Sequence[Row] | Sequence[ProductRow], kind: type[Row] | type[ProductRow]) -> str:
    """CSV with a header line; numbers have six significant digits."""
    columns = [field.name for field in fields(kind)]
    return _csv([columns, *([_cell(getattr(row, name)) for name in columns] for row in rows)])


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def write(
    folder: Path, described: Described, rows: Sequence[Row], products: Sequence[ProductRow]
) -> Header:
    """Write the tables, then ``packbench.json``: with it the benchmark is whole."""
    tables = {
        MANIFEST: table(rows, Row).encode(),
        PRODUCTS: table(products, ProductRow).encode(),
        ATTRIBUTES: _attributes(products).encode(),
    }
    for name, data in tables.items():
        write_beside(folder / name, data)
    header = Header(
        **asdict(described),
        pictures=len(rows),
        products=len(products),
        manifest_sha256=sha256(tables[MANIFEST]),
        products_sha256=sha256(tables[PRODUCTS]),
        attributes_sha256=sha256(tables[ATTRIBUTES]),
    )
    write_beside(folder / HEADER_FILE, (json.dumps(asdict(header), indent=2) + "\n").encode())
    return header


def _attributes(products: Sequence[ProductRow]) -> str:
    """The table of attributes that an ingest of the catalogue folder reads."""
    columns = ("name", "material", "colour", "width_mm", "depth_mm", "height_mm", "volume_ml")
    lines = [["path", *columns]]
    for row in products:
        if row.in_catalogue:
            path = f"{row.category}/{row.product}"
            values = [getattr(row, column) for column in columns]
            lines.append(
                [path, *(f"{v:.1f}" if isinstance(v, float) else _cell(v) for v in values)]
            )
    return _csv(lines)


def _csv(lines: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def read_header(folder: Path) -> Header:
    """The header of a finished benchmark. Raises ConfigError where there is none, or a newer."""
    path = folder / HEADER_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        schema = int(values["schema"])
        if schema > SCHEMA:
            raise ConfigError(
                f"{path}: schema {schema}, and this version reads up to {SCHEMA}.",
                remedy="Install a newer Packsight.",
            )
        return Header(**values)
    except FileNotFoundError:
        raise _unfinished(folder, HEADER_FILE) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}).") from error


def read_rows(folder: Path) -> list[dict[str, str]]:
    """The manifest's rows as text by column; see Row for their meaning.

    Raises ConfigError where there is none.
    """
    try:
        with (folder / MANIFEST).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        raise _unfinished(folder, MANIFEST) from None


def _unfinished(folder: Path, absent: str) -> ConfigError:
    return ConfigError(
        f"{folder}: no finished Packbench ({absent} is not there).",
        remedy=f"Make one: packsight data packbench --out {folder}",
    )


def write_beside(path: Path, data: bytes) -> None:
    """The file is whole or not there; its folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
