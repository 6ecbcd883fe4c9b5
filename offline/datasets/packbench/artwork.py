"""Printed labels as textures: a made-up brand, an emblem, rules and small print, from a seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Coverage = NDArray[np.float32]  # (H, W) in [0, 1]: where ink lies

WIDTH, HEIGHT = 256, 256
GAMMA = 1.4  # small type would vanish at a pixel or two a letter: print it a little bolder
ONSETS = ("l", "m", "v", "n", "s", "r", "t", "c", "br", "cl", "d", "el", "f", "z", "p", "th")
VOWELS = ("a", "e", "i", "o", "u", "ae", "ia", "ou", "y")
CODAS = ("", "", "n", "s", "l", "r", "x", "m", "v")
KINDS = (
    "hydra cream",
    "serum",
    "soft balm",
    "body milk",
    "eau fraiche",
    "tonic",
    "clean gel",
    "night oil",
    "daily care",
    "mattifying",
    "colour veil",
    "lip and cheek",
)
AMOUNTS = ("15 ml", "30 ml", "50 ml", "75 g", "100 ml", "150 ml", "200 ml", "8 g", "12 g")


@cache
def artwork(seed: int, aspect: float = 1.0) -> Coverage:
    """(H, W) ink coverage, first row on top, for a label ``aspect`` times as wide as high.

    The longer side has 256 pixels. Equal arguments give equal prints; the syllables are drawn
    from lists of our own and name no real brand on purpose.
    """
    rng = np.random.default_rng([seed, 0x1ABE1])
    width = WIDTH if aspect >= 1 else max(round(HEIGHT * aspect), 24)
    height = HEIGHT if aspect <= 1 else max(round(WIDTH / aspect), 24)
    sheet = Sheet(width * 2, height * 2, rng)  # drawn at twice the size, for clean edges
    layout = LAYOUTS[int(rng.integers(len(LAYOUTS)))]
    layout(sheet)
    small = sheet.picture.resize((width, height), Image.Resampling.BOX)
    bolder = np.power(np.asarray(small, np.float32) / 255, 1 / GAMMA)
    coverage = np.asarray(bolder, np.float32)
    coverage.setflags(write=False)  # cached, and so read-only
    return coverage


def word(rng: np.random.Generator, syllables: int) -> str:
    """A pronounceable word without a meaning."""
    parts = [_one(ONSETS, rng) + _one(VOWELS, rng) for _ in range(syllables)]
    return "".join(parts) + _one(CODAS, rng)


def _one(offered: tuple[str, ...], rng: np.random.Generator) -> str:
    return offered[int(rng.integers(len(offered)))]


class Sheet:
    """A label in the making: positions in fractions of width and height, sizes of the height."""

    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        self.picture = Image.new("L", (width, height), 0)
        self.pen = ImageDraw.Draw(self.picture)
        self.width, self.height, self.rng = width, height, rng
        self.unit = min(height, width * 1.2)  # type shrinks on a narrow label
        brand = word(rng, int(rng.integers(2, 4)))
        self.brand = _one((brand.upper(), brand.capitalize(), brand), rng)
        self.kind, self.amount = _one(KINDS, rng), _one(AMOUNTS, rng)

    def text(
        self,
        words: str,
        y: float,
        size: float,
        *,
        x: float = 0.5,
        anchor: str = "mm",
        spacing: float = 0.0,
        widest: float = 0.86,
    ) -> None:
        """One line; it shrinks to stay within ``widest`` of the label. ``spacing`` in ems."""
        font = sized_font(size * self.unit)
        set_wide = _length(font, words, spacing)
        if set_wide > widest * self.width:
            font = sized_font(font.size * widest * self.width / set_wide)
            set_wide = _length(font, words, spacing)
        left = x * self.width - {"m": set_wide / 2, "l": 0, "r": set_wide}[anchor[0]]
        for letter in words if spacing else [words]:
            self.pen.text((left, y * self.height), letter, 255, font, anchor="lm")
            left += font.getlength(letter) + spacing * font.size

    def small_print(self, top: float, lines: int, *, x: float = 0.5, anchor: str = "mm") -> None:
        for i in range(lines):
            words = " ".join(word(self.rng, int(n)) for n in self.rng.integers(1, 4, 4))
            self.text(words, top + i * 0.045, 0.034, x=x, anchor=anchor, widest=0.7)

    def rule(self, y: float, half: float, weight: float = 0.008, x: float = 0.5) -> None:
        thick = max(weight * self.height, 2) / 2
        middle, reach = x * self.width, half * self.width
        box = (middle - reach, y * self.height - thick, middle + reach, y * self.height + thick)
        self.pen.rectangle(box, 255)

    def frame(self, inset: float, weight: float = 0.008, corner: float = 0.0) -> None:
        gap = inset * self.unit
        box = (gap, gap, self.width - gap, self.height - gap)
        thick = max(round(weight * self.unit), 2)
        self.pen.rounded_rectangle(box, corner * self.unit, outline=255, width=thick)

    def emblem(self, y: float, radius: float, x: float = 0.5) -> None:
        """A ring of petals, a sun, a leaf pair or nested rings."""
        kind, count = int(self.rng.integers(4)), int(self.rng.integers(5, 10))
        middle, r = np.array([x * self.width, y * self.height]), radius * self.unit
        thick = max(round(0.09 * r), 2)
        if kind == 0:
            for fraction in (1.0, 0.66, 0.3):
                self._ring(middle, r * fraction, thick)
        elif kind == 1:
            for angle in np.arange(count) * (2 * math.pi / count):
                self._ring(middle + 0.5 * r * _unit(angle), 0.5 * r, thick)
        elif kind == 2:
            self._ring(middle, 0.45 * r, 0)
            for angle in np.arange(2 * count) * (math.pi / count):
                ends = [tuple(middle + fraction * r * _unit(angle)) for fraction in (0.62, 1.0)]
                self.pen.line(ends, 255, thick)
        else:
            for angle in (0.0, math.pi / 2, math.pi, 1.5 * math.pi):
                self._leaf(middle, r, angle + 0.785 * (count % 2))

    def _ring(self, middle: NDArray[np.float64], radius: float, thick: int) -> None:
        box = (*(middle - radius), *(middle + radius))
        self.pen.ellipse(box, None if thick else 255, 255, max(thick, 1))

    def _leaf(self, middle: NDArray[np.float64], length: float, angle: float) -> None:
        t = np.linspace(0, math.pi, 16)
        side = 0.24 * length * np.sin(t)
        along = length * (1 - np.cos(t)) / 2
        points = [
            middle + a * _unit(angle) + s * _unit(angle + math.pi / 2)
            for a, s in [
                *zip(along, side, strict=True),
                *zip(along[::-1], -side[::-1], strict=True),
            ]
        ]
        self.pen.polygon([tuple(point) for point in points], 255)


def _unit(angle: float) -> NDArray[np.float64]:
    return np.array([math.cos(angle), math.sin(angle)])


def sized_font(size: float) -> ImageFont.FreeTypeFont:
    """Aileron, which Pillow ships: the same letters everywhere (its docs promise no more)."""
    return cast("ImageFont.FreeTypeFont", ImageFont.load_default(max(size, 6)))


def _length(font: ImageFont.FreeTypeFont, words: str, spacing: float) -> float:
    return float(font.getlength(words) + spacing * font.size * max(len(words) - 1, 0))


def _classic(sheet: Sheet) -> None:
    """Emblem, brand in wide capitals, a rule, the kind, small print, the amount."""
    sheet.emblem(0.17, 0.1)
    sheet.text(sheet.brand, 0.38, 0.15, spacing=0.1)
    sheet.rule(0.5, 0.16)
    sheet.text(sheet.kind, 0.58, 0.066, spacing=0.08)
    sheet.small_print(0.69, 3)
    sheet.text(sheet.amount, 0.9, 0.05)


def _framed(sheet: Sheet) -> None:
    sheet.frame(0.04, 0.01, 0.02 * int(sheet.rng.integers(0, 4)))
    sheet.frame(0.07, 0.005)
    sheet.text(sheet.brand, 0.32, 0.17, widest=0.74)
    sheet.text(sheet.kind.upper(), 0.5, 0.055, spacing=0.12, widest=0.7)
    sheet.rule(0.6, 0.3, 0.005)
    sheet.small_print(0.68, 2)
    sheet.text(sheet.amount, 0.85, 0.05)


def _bare(sheet: Sheet) -> None:
    """Nothing but a big name and the amount, as young brands print."""
    sheet.text(sheet.brand, 0.3, 0.24)
    sheet.text(sheet.kind, 0.5, 0.07)
    sheet.text(sheet.amount, 0.92, 0.05)


def _pharmacy(sheet: Sheet) -> None:
    """Ranged left: a bar with the name spared out, columns of small print."""
    tall = float(sheet.rng.uniform(0.2, 0.32))
    sheet.pen.rectangle((0, 0, sheet.width, tall * sheet.height), 255)
    spared = Sheet(sheet.width, sheet.height, sheet.rng)
    spared.text(sheet.brand, tall / 2, 0.15, spacing=0.04)
    sheet.picture.paste(0, mask=spared.picture)
    sheet.text(sheet.kind, tall + 0.12, 0.09, x=0.08, anchor="lm")
    sheet.rule(tall + 0.2, 0.42, 0.006)
    sheet.small_print(tall + 0.28, 5, x=0.08, anchor="lm")
    sheet.text(sheet.amount, 0.92, 0.06, x=0.92, anchor="rm")


def _sealed(sheet: Sheet) -> None:
    """A large emblem in a ring over the name."""
    sheet.emblem(0.34, 0.2)
    sheet.text(sheet.brand, 0.7, 0.13, spacing=0.16)
    sheet.text(sheet.kind, 0.82, 0.055)
    sheet.rule(0.91, 0.08)


LAYOUTS: tuple[Callable[[Sheet], None], ...] = (_classic, _framed, _bare, _pharmacy, _sealed)
