"""A sheet: photos down, masks across, each mask as its correct and incorrect pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.types import FloatArray, Matte, RGBImage, UInt8Array
from offline.metrics.masks import boundary_f, iou

CELL, GAP, LINE = 150, 6, 17  # px
INK, PAPER = (45, 45, 52), (255, 255, 255)
# Shades that stay apart in print and to eyes that see no red or no green.
RIGHT, MISSED, EXTRA = (178, 182, 190), (213, 60, 20), (30, 110, 220)
FRAME = (222, 222, 226)
LEGEND = (
    (RIGHT, "product, found"),
    (MISSED, "product, missed"),
    (EXTRA, "background, taken for it"),
)


@dataclass(frozen=True, eq=False)
class SheetRow:
    """One photo, its truth, and a matte a column."""

    title: str
    image: RGBImage
    truth: FloatArray  # (H, W)
    mattes: Sequence[Matte]


def draw_sheet(columns: Sequence[str], rows: Sequence[SheetRow]) -> Image.Image:
    """RGB. ``columns`` name the mattes; photo and true matte come before them."""
    names = ["photo", "true matte", *columns]
    step = CELL + GAP
    head = GAP + LINE * max(len(_lines(name)) for name in names)
    height = head + len(rows) * (step + LINE) + LINE + 2 * GAP
    sheet = Image.new("RGB", (GAP + len(names) * step, height), PAPER)
    for place, name in enumerate(names):
        _write(sheet, (GAP + place * step, GAP), "\n".join(_lines(name)))
    for number, row in enumerate(rows):
        top = head + number * (step + LINE)
        for place, (pixels, caption) in enumerate(_cells(row)):
            sheet.paste(_framed(pixels), (GAP + place * step, top))
            _write(sheet, (GAP + place * step, top + CELL + 1), caption)
    _write_legend(sheet, (GAP, height - LINE - GAP))
    return sheet


def mistakes(alpha: FloatArray, truth: FloatArray) -> UInt8Array:
    """(H, W, 3): every pixel a mixture of right, missed, extra and paper, by its alphas."""
    right = np.minimum(alpha, truth)
    shares = (right, truth - right, alpha - right, 1.0 - np.maximum(alpha, truth))
    colours = (RIGHT, MISSED, EXTRA, PAPER)
    mixed = sum(
        share[..., None] * np.array(colour, np.float32)
        for share, colour in zip(shares, colours, strict=True)
    )
    return np.asarray(np.round(mixed), np.uint8)


def _cells(row: SheetRow) -> list[tuple[UInt8Array, str]]:
    grey = np.round(row.truth * 255).astype(np.uint8)
    cells = [(row.image.pixels, row.title), (np.repeat(grey[..., None], 3, axis=2), "")]
    for matte in row.mattes:
        figures = (
            f"IoU {iou(matte.alpha, row.truth):.2f}   F {boundary_f(matte.alpha, row.truth):.2f}"
        )
        cells.append((mistakes(matte.alpha, row.truth), figures))
    return cells


def _framed(pixels: UInt8Array) -> Image.Image:
    """As large as fits into a cell, in its middle, with a hairline around."""
    scale = (CELL - 2) / max(pixels.shape[:2])
    size = tuple(max(1, round(length * scale)) for length in pixels.shape[1::-1])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = Image.fromarray(np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8))
    cell = Image.new("RGB", (CELL, CELL), PAPER)
    corner = ((CELL - small.width) // 2, (CELL - small.height) // 2)
    cell.paste(small, corner)
    edges = (corner[0] - 1, corner[1] - 1, corner[0] + small.width, corner[1] + small.height)
    ImageDraw.Draw(cell).rectangle(edges, outline=FRAME)
    return cell


def _lines(name: str) -> list[str]:
    """A matting stands on a line of its own."""
    return name.replace(" + ", "\n+ ").split("\n")


def _write(sheet: Image.Image, corner: tuple[int, int], words: str) -> None:
    ImageDraw.Draw(sheet).text(corner, words, INK, ImageFont.load_default(13))


def _write_legend(sheet: Image.Image, corner: tuple[int, int]) -> None:
    left, top = corner
    for colour, words in LEGEND:
        square = (left, top + 3, left + 11, top + 14)
        ImageDraw.Draw(sheet).rectangle(square, fill=colour)
        _write(sheet, (left + 17, top), words)
        left += 17 + CELL + GAP
