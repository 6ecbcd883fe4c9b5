"""A backbone's table in a catalogue of its own: all that a new backbone needs."""

from __future__ import annotations

import hashlib
from pathlib import Path

from weights.catalog import CatalogEntry, load_catalog

TABLE = """
[added]
kind = "backbone"
framework = "{framework}"
format = "{format}"
architecture = "{architecture}"
dimension = {dimension}
url = "https://example.org/added.{format}"
licence = "MIT"
source = "nowhere"
{checksum}
[added.input]
height = {side}
width = {side}
range = "unit"
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
interpolation = "bilinear"
layout = "nchw"
"""


def added_entry(
    folder: Path,
    framework: str,
    architecture: str,
    dimension: int,
    *,
    side: int = 64,
    checkpoint: Path | None = None,
) -> CatalogEntry:
    """The entry that a catalogue of this one table has; ``checkpoint``: the published file."""
    form = checkpoint.suffix.lstrip(".") if checkpoint else "pth"
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest() if checkpoint else ""
    text = TABLE.format(
        framework=framework,
        architecture=architecture,
        dimension=dimension,
        side=side,
        format=form,
        checksum=f'sha256_prefix = "{digest[:8]}"' if digest else "",
    )
    path = folder / f"{framework}_{architecture}_{side}_{dimension}_{digest[:8]}.toml"
    path.write_text(text, "utf-8")
    return load_catalog(path)["added"]
