"""A finished Packbench of a few drawn images, written by the generator's own manifest."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from offline.datasets.packbench.manifest import (
    SCHEMA,
    VERSION,
    Described,
    Header,
    ProductRow,
    Row,
    sha256,
    write,
    write_beside,
)
from tests.offline.datasets.small_datasets import packbench_rows

DESCRIBED = Described(
    "packbench", VERSION, SCHEMA, "small", 7, 0.5, {"side": 8, "test": [1, 1, 1]}, "none"
)


def drawn(seed: int, form: str = "PNG", side: int = 8) -> bytes:
    """An image of noise, different for every seed."""
    mode, channels = ("RGB", (3,)) if form == "JPEG" else ("L", ())
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, *channels), np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise, mode).save(buffer, form)
    return buffer.getvalue()


def taken(row: Row, folder: Path, seed: int, side: int = 8) -> Row:
    """Write a row's image, matte and a transmission, and note their checksums."""
    through = row.matte.replace("mattes/", "transmissions/")
    files = {
        row.path: drawn(seed, "JPEG", side),
        row.matte: drawn(seed + 1, side=side),
        through: drawn(seed + 2, side=side),
    }
    for path, data in files.items():
        write_beside(folder / path, data)
    image, matte, transmission = (sha256(data) for data in files.values())
    return replace(
        row,
        transmission=through,
        sha256=image,
        matte_sha256=matte,
        transmission_sha256=transmission,
    )


def product_row(row: Row) -> ProductRow:
    return ProductRow(
        row.product,
        row.category,
        row.family,
        "kind",
        "A name, with a comma",
        "glass",
        "amber",
        row.in_catalogue,
        row.width_mm,
        row.depth_mm,
        row.height_mm,
        None,
        '{"a": 1}',
    )


def write_benchmark(folder: Path, side: int = 8) -> tuple[Header, list[Row], list[ProductRow]]:
    rows = [taken(row, folder, 3 * place, side) for place, row in enumerate(packbench_rows())]
    products = list({row.product: product_row(row) for row in rows}.values())
    return write(folder, DESCRIBED, rows, products), rows, products
