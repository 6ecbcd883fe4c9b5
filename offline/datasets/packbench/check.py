"""Check a benchmark: every file against the manifest, the manifest against the header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from offline.datasets.packbench.manifest import (
    ATTRIBUTES,
    MANIFEST,
    PRODUCTS,
    read_header,
    read_rows,
    sha256,
)


def faults(folder: Path) -> Iterator[str]:
    """One sentence for each file that is absent or differs from the manifest; none: whole.

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
        yield from _of(folder, row["matte"], row["matte_sha256"])
        if row["transmission"]:
            yield from _of(folder, row["transmission"], row["transmission_sha256"])


def _of(folder: Path, name: str, digest: str) -> Iterator[str]:
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        yield f"{name}: cannot be read ({error.strerror})"
        return
    if sha256(data) != digest:
        yield f"{name}: has changed since it was made"
