"""The weights catalogue: every checkpoint as a typed entry, read from catalog.toml."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

from engine.errors import WeightsError
from weights.checksums import Checksum, Form
from weights.input_spec import InputSpec, check_keys, parse_input_spec
from weights.output_spec import OutputSpec, parse_output_spec

__all__ = ["Catalog", "CatalogEntry", "InputSpec", "OutputSpec", "find_entry", "load_catalog"]

Kind = Literal["segmenter", "backbone", "matting", "detector"]
Framework = Literal["rembg", "torchvision", "timm", "keras", "pytorch", "u2net", "fba"]
Format = Literal["onnx", "pth", "h5", "safetensors"]
Catalog = Mapping[str, "CatalogEntry"]

_REQUIRED = ("kind", "framework", "format", "licence", "source", "input")
_OPTIONAL = (
    "architecture",
    "bytes",
    "caution",
    "dimension",
    "licence_note",
    "md5",
    "megabytes",
    "output",
    "package",
    "page",
    "sha256",
    "sha256_prefix",
    "shipped",
    "url",
)


@dataclass(frozen=True)
class CatalogEntry:
    """One published checkpoint, and what a model made from it expects and returns."""

    name: str
    kind: Kind
    framework: Framework
    format: Format
    url: str  # of the file; "" where the publisher has a web page, or a package, only
    licence: str  # SPDX
    source: str  # paper and publisher
    input: InputSpec
    checksum: Checksum | None = None  # None: none is published, the file stays unverified
    bytes: int | None = None  # exact, checked
    megabytes: float | None = None  # MiB, approximate; only shown
    licence_note: str = ""
    caution: str = ""  # what it must not be used for, in one sentence
    page: str = ""  # where a file without a url is offered
    package: str = ""  # of a package index: the file is one of its own, see ``packages``
    architecture: str = ""  # its name in torchvision.models, keras.applications or timm
    dimension: int | None = None  # of a backbone's features
    output: OutputSpec = field(default_factory=OutputSpec)  # of a segmenter
    shipped: bool = False  # trained by this project, in weights/compact/

    def __post_init__(self) -> None:
        for value, valid in (
            (self.kind, get_args(Kind)),
            (self.framework, get_args(Framework)),
            (self.format, get_args(Format)),
        ):
            if value not in valid:
                raise ValueError(f"{value!r} is not one of {', '.join(valid)}")
        if not (self.url or self.page or self.package or self.shipped):
            raise ValueError("a checkpoint needs its url, or the page or package that offers it")
        if self.package and (self.url or self.checksum is None):
            raise ValueError("a checkpoint of a package needs its checksum, and no url")
        if self.shipped and self.format != "onnx":
            raise ValueError("a shipped checkpoint must be ready to run")
        if self.kind == "backbone" and self.dimension is None:
            raise ValueError("a backbone needs its dimension")
        if self.kind != "segmenter" and self.output != OutputSpec():
            raise ValueError("only a segmenter's output becomes a matte and has a spec")
        if self.format != "onnx" and not self.architecture:
            raise ValueError("a checkpoint to be exported needs its architecture")

    @property
    def filename(self) -> str:
        """The name of the file at its publisher, and in the cache; hubs give all safetensors files
        the same name, so those have the entry's name."""
        if not self.url or self.format == "safetensors":
            return f"{self.name}.{self.format}"
        return PurePosixPath(urlsplit(self.url).path).name

    @property
    def features(self) -> tuple[int, ...]:
        """The output of a backbone for one image."""
        return () if self.dimension is None else (self.dimension,)

    @property
    def needs_export(self) -> bool:
        """Whether the checkpoint has to become ONNX before a stage can run it."""
        return self.format != "onnx"


@functools.cache
def load_catalog(path: Path | None = None) -> Catalog:
    """All entries by name, in the order of the file (None: the catalogue that ships with us)."""
    path = path or Path(__file__).with_name("catalog.toml")
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: not a weights catalogue ({error}).") from error
    return MappingProxyType({name: _entry(name, tables[name], path) for name in tables})


def find_entry(name: str, catalog: Catalog) -> CatalogEntry:
    """The entry of that name; WeightsError lists the valid names."""
    entry = catalog.get(name)
    if entry is None:
        raise WeightsError(
            f"Unknown weights {name!r}.",
            remedy=f"Valid names: {', '.join(catalog)}; or give the path of an .onnx file.",
        )
    return entry


def _entry(name: str, table: object, path: Path) -> CatalogEntry:
    where = f"{path} [{name}]"
    if not isinstance(table, dict):
        raise WeightsError(f"{where}: must be a table.")
    check_keys(table, required=_REQUIRED, optional=_OPTIONAL, where=where)
    if not isinstance(table["input"], dict):
        raise WeightsError(f"{where}: input must be a table.")
    try:
        return CatalogEntry(
            name=name,
            kind=cast("Kind", table["kind"]),
            framework=cast("Framework", table["framework"]),
            format=cast("Format", table["format"]),
            url=str(table.get("url", "")),
            page=str(table.get("page", "")),
            package=str(table.get("package", "")),
            licence=str(table["licence"]),
            source=str(table["source"]),
            input=parse_input_spec(table["input"], f"{where} input"),
            checksum=_checksum(table),
            bytes=_whole_number(table, "bytes"),
            megabytes=float(table["megabytes"]) if "megabytes" in table else None,
            licence_note=str(table.get("licence_note", "")),
            caution=str(table.get("caution", "")),
            architecture=str(table.get("architecture", "")),
            dimension=_whole_number(table, "dimension"),
            output=parse_output_spec(table.get("output"), f"{where} output"),
            shipped=table.get("shipped", False) is True,
        )
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{where}: {error}.") from error


def _whole_number(table: Mapping[str, object], key: str) -> int | None:
    value = table.get(key)
    if value is not None and (not isinstance(value, int) or value < 1):
        raise ValueError(f"{key} must be a positive whole number, not {value!r}")
    return value


def _checksum(table: Mapping[str, object]) -> Checksum | None:
    """The strongest form recorded."""
    for form in get_args(Form):
        if form in table:
            return Checksum(form, str(table[form]))
    return None
