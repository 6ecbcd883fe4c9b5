"""Contact sheets: a category at a glance, families by rows, the photos below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from engine.errors import ConfigError
from offline.datasets.packbench.manifest import read_header, read_rows

CELL, MARGIN = 128, 10  # px
COLUMNS = 10
INK, PAPER = (60, 60, 66), (255, 255, 255)
SECTIONS = (
    ("catalogue", "catalogue"),
    ("test", "independent test"),
    ("queries", "queries"),
    ("unseen", "unseen products"),
)


def sheets(folder: Path, out: Path) -> Iterator[Path]:
    """Write a JPEG a category to ``out``; yields their paths.

    Raises ConfigError where ``folder`` is no finished Packbench or lacks an image.
    """
    read_header(folder)
    rows = read_rows(folder)
    out.mkdir(parents=True, exist_ok=True)
    for category in dict.fromkeys(row["category"] for row in rows):
        path = out / f"{category}.jpg"
        mine = [row for row in rows if row["category"] == category]
        sheet(folder, category, mine).save(path, quality=85, optimize=True)
        yield path


def sheet(folder: Path, category: str, rows: Sequence[dict[str, str]]) -> Image.Image:
    """One category: a row of cells a family with one view of each member, then other splits."""
    strips: list[Image.Image] = [_title(category)]
    for split, title in SECTIONS:
        images = [row for row in rows if row["split"] == split]
        strips += [_caption(title)] if images else []
        if split == "catalogue":
            for _, family in groupby(images, key=lambda row: row["family"]):
                strips.append(_strip(folder, _one_view_each(list(family))))
        else:
            strips += [_strip(folder, images[:COLUMNS])] if images else []
    height = sum(strip.height for strip in strips) + 2 * MARGIN
    page = Image.new("RGB", (COLUMNS * CELL + 2 * MARGIN, height), PAPER)
    top = MARGIN
    for strip in strips:
        page.paste(strip, (MARGIN, top))
        top += strip.height
    return page


def _one_view_each(family: list[dict[str, str]]) -> list[dict[str, str]]:
    """The members in one view side by side, then the other views of the first."""
    views = list(dict.fromkeys(row["view"] for row in family))
    first = [row for row in family if row["view"] == views[0]]
    others = [row for row in family if row["product"] == first[0]["product"]][1:]
    return [*first, *others][:COLUMNS]


def _strip(folder: Path, rows: Sequence[dict[str, str]]) -> Image.Image:
    strip = Image.new("RGB", (COLUMNS * CELL, CELL), PAPER)
    for column, row in enumerate(rows):
        strip.paste(_cell(folder, row["path"]), (column * CELL + 1, 1))
    return strip


def _cell(folder: Path, name: str) -> Image.Image:
    try:
        with Image.open(folder / name) as image:
            return ImageOps.pad(image.convert("RGB"), (CELL - 2, CELL - 2), color=PAPER)
    except OSError as error:
        raise ConfigError(
            f"{folder / name}: cannot be read ({error.strerror or 'damaged'}).",
            remedy=f"See what is missing: packsight data check {folder}",
        ) from error


def _title(category: str) -> Image.Image:
    return _text(category, 22)


def _caption(title: str) -> Image.Image:
    return _text(title, 12)


def _text(words: str, size: int) -> Image.Image:
    strip = Image.new("RGB", (COLUMNS * CELL, size + 10), PAPER)
    ImageDraw.Draw(strip).text((2, 3), words, INK, ImageFont.load_default(size))
    return strip
