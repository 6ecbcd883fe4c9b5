"""Check a benchmark: files against the manifest, that against the header, products in sight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from offline.datasets.packbench.manifest import (
    ATTRIBUTES,
    MANIFEST,
    PRODUCTS,
    read_header,
    read_rows,
    sha256,
)


def faults(folder: Path) -> Iterator[str]:
    """One sentence for each fault, none where all is whole.

    A file is absent or differs from the manifest, or an image shows nothing of its product.

    Raises ConfigError where there is no finished benchmark at all.
    """
    header = read_header(folder)
    tables = {
        MANIFEST: header.manifest_sha256,
        PRODUCTS: header.products_sha256,
        ATTRIBUTES: header.attributes_sha256,
    }
    broken = [fault for name, digest in tables.items() for fault in _of(folder, name, digest)]
    if broken:
        yield from broken
        return  # rows of a changed manifest prove nothing
    for row in read_rows(folder):
        yield from _of(folder, row["path"], row["sha256"])
        damaged = list(_of(folder, row["matte"], row["matte_sha256"]))
        yield from damaged or _empty(folder, row)
        if row["transmission"]:
            yield from _of(folder, row["transmission"], row["transmission_sha256"])


def _empty(folder: Path, row: dict[str, str]) -> Iterator[str]:
    with Image.open(folder / row["matte"]) as matte:
        if not matte.getbbox():
            yield f"{row['path']}: shows nothing of its product ({row['matte']} is black)"


def _of(folder: Path, name: str, digest: str) -> Iterator[str]:
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        yield f"{name}: cannot be read ({error.strerror})"
        return
    if sha256(data) != digest:
        yield f"{name}: has changed since it was made"
