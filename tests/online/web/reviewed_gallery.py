"""A small catalogue for the review's browser tests: masks in doubt, predictions, a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

from PIL import Image

from offline import ingest
from tests.drawn_catalogue import QUICK
from tests.online.web.fake_service import SHAPES, drawn

LABELLED, NEW = 8, 6


def make_gallery(folder: Path) -> Path:
    """Eight labelled products of two views, six images without a label, one file of two products,
    three images that show a product in part."""
    catalogue = folder / "catalogue"
    lines = ["image,category,product"]
    for number in range(LABELLED):
        for view in range(2):
            _save(drawn(number, 480 - 40 * view, 360), catalogue, _name(number, view))
    for number in range(NEW):
        _save(drawn(number + LABELLED, 400, 360), catalogue, f"new-{number}.png")
        lines.append(f"new-{number}.png,,new {number}")
    shutil.copy(catalogue / _name(0, 0), catalogue / "copy.png")
    lines.append("copy.png,jar,copied")
    for number in (2, 5, 0):
        whole = drawn(number, 480, 360)
        _save(whole.crop((240, 0, 480, 360)), catalogue, f"close-{number}.png")
        lines.append(f"close-{number}.png,{SHAPES[number]},close {number}")
    (catalogue / "labels.csv").write_text("\n".join(lines))
    settings = ["segment.name=grabcut", "cutout.name=whole", "cutout.size=64"]
    ingest(catalogue, folder / "gallery", overrides=[*QUICK, *settings], workers=1)
    return folder / "gallery"


def _name(number: int, view: int) -> str:
    kind = SHAPES[number % len(SHAPES)]
    return f"{kind}/{kind}-{number}/v{view}.png"


def _save(image: Image.Image, catalogue: Path, name: str) -> None:
    path = catalogue / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
