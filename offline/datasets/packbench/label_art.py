"""Label art: whole colour labels with brand, product words, motif, small print and bar code.

Labels come in lines. Those of a line share colours, layout and frame, as a brand's do, and in
half of the lines brand name and emblem as well: then the product words, the motif and the small
print tell its labels apart. Few palettes and layouts serve all lines: colour and composition
alone never determine a label.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from offline.datasets.packbench.artwork import AMOUNTS, KINDS, word
from offline.datasets.packbench.label_pen import Colour, Pen, Point

LINE = 100  # a label's seed is that of its line times LINE, plus its number in the line
SIDE = 768  # px, the longer side
DRAWN = 2  # times as large, for clean edges
SHARED = 0.5  # fraction of lines that share their brand name and emblem
WIDE = 1.45  # from this aspect on there are side panels

# Paper, ink, accent, second ink, as label printers' colour cards pair them.
PALETTES: tuple[tuple[Colour, Colour, Colour, Colour], ...] = (
    ((240, 232, 212), (38, 32, 30), (168, 126, 52), (120, 36, 36)),
    ((238, 234, 222), (30, 74, 52), (176, 44, 40), (200, 160, 70)),
    ((236, 238, 238), (24, 38, 78), (190, 40, 48), (92, 142, 190)),
    ((230, 232, 228), (34, 34, 36), (30, 124, 128), (150, 150, 146)),
    ((206, 176, 134), (70, 42, 26), (238, 228, 204), (150, 70, 34)),
    ((30, 30, 34), (214, 184, 112), (236, 228, 208), (140, 42, 40)),
    ((30, 66, 50), (238, 228, 200), (206, 168, 84), (170, 60, 44)),
    ((36, 62, 122), (238, 240, 240), (234, 190, 60), (140, 176, 220)),
)
HEADINGS = ("Ingredients", "Directions", "Warning", "Storage", "Contents")


@lru_cache(maxsize=16)
def label_art(seed: int, aspect: float) -> NDArray[np.uint8]:
    """(H, W, 3) sRGB, first row on top, ``aspect`` times as wide as high; see LINE for ``seed``.

    The longer side has SIDE pixels. Equal arguments give equal labels; all words are made up.
    """
    width = SIDE if aspect >= 1 else round(SIDE * aspect)
    height = SIDE if aspect <= 1 else round(SIDE / aspect)
    label = _Label(width * DRAWN, height * DRAWN, seed)
    label.print()
    small = label.pen.image.resize((width, height), Image.Resampling.BOX)
    pixels = np.array(small, np.uint8)
    pixels.setflags(write=False)  # cached, and so read-only
    return pixels


class _Label:
    def __init__(self, width: int, height: int, seed: int) -> None:
        line = np.random.default_rng([seed // LINE, 0x11FE])
        own = np.random.default_rng([seed, 0x1ABE2])
        self.paper, self.ink, self.accent, self.second = PALETTES[int(line.integers(len(PALETTES)))]
        self.layout = LAYOUTS[int(line.integers(len(LAYOUTS)))]
        self.frame, self.side = int(line.integers(5)), int(line.integers(2))
        self.cut = float(line.uniform(0.7, 1.05)), float(line.choice([0, 0, 0.025, 0.045]))
        self.upper = bool(line.uniform() < 0.5)
        brander = line if line.uniform() < SHARED else own
        self.brand = word(brander, int(brander.integers(2, 4)))
        self.brand = self.brand.upper() if self.upper else self.brand.capitalize()
        self.emblem, self.emblem_seed = int(brander.integers(5)), int(brander.integers(2**31))
        self.words = [word(own, int(n)) for n in own.integers(1, 4, 3)]
        self.kind = KINDS[int(own.integers(len(KINDS)))]
        self.amount = AMOUNTS[int(own.integers(len(AMOUNTS)))]
        self.motif = int(own.integers(5))
        self.year = int(own.integers(1790, 2025))
        self.pen = Pen(Image.new("RGB", (width, height), self.paper), own)
        self.width, self.height = width, height
        self.left, self.right = 0.04 * width, 0.96 * width  # of the front panel
        self.wide = width / height >= WIDE

    @property
    def unit(self) -> float:
        """What type and motifs are sized by: a narrow panel shrinks them."""
        return min(self.height, 1.25 * (self.right - self.left))

    def at(self, x: float, y: float) -> Point:
        """A point of the front panel, fractions of its width and of the height."""
        return self.left + x * (self.right - self.left), y * self.height

    def print(self) -> None:
        if self.wide:
            self.left, self.right = 0.25 * self.width, 0.75 * self.width
        self.layout(self)
        if self.wide:
            self._side_panel(0.02, self.side == 0)
            self._side_panel(0.78, self.side == 1)
        if self.frame < 4:
            gap = 0.025 * min(self.width, self.height)
            box = (gap, gap, self.width - gap, self.height - gap)
            self.pen.border(box, self.unit, self.accent, self.frame)

    def name(self, y: float, size: float, colour: Colour | None = None, x: float = 0.5) -> None:
        """The brand name in the line's cut."""
        narrow, bold = self.cut
        reach = 0.86 * (self.right - self.left)
        self.pen.text(
            self.brand,
            self.at(x, y),
            size * self.unit,
            colour or self.ink,
            widest=reach,
            bold=bold,
            narrow=narrow,
        )

    def write(
        self,
        words: str,
        y: float,
        size: float,
        colour: Colour,
        *,
        bold: float = 0,
        slant: float = 0,
    ) -> None:
        reach = 0.84 * (self.right - self.left)
        self.pen.text(
            words, self.at(0.5, y), size * self.unit, colour, widest=reach, bold=bold, slant=slant
        )

    def draw_motif(self, x: float, y: float, radius: float, on: Colour | None = None) -> None:
        colours = (self.second, self.accent, on or self.paper)
        self.pen.motif(self.motif, self.at(x, y), radius * self.unit, colours)

    def draw_emblem(self, x: float, y: float, radius: float) -> None:
        pen = Pen(self.pen.image, np.random.default_rng(self.emblem_seed))
        colours = (self.ink, self.accent, self.paper)
        pen.motif(self.emblem, self.at(x, y), radius * self.unit, colours)

    def rule(self, y: float, half: float, colour: Colour) -> None:
        """A line with a lozenge in its middle."""
        thick = max(2, round(0.006 * self.unit))
        (x1, at), (x2, _), (middle, _) = (
            self.at(0.5 - half, y),
            self.at(0.5 + half, y),
            self.at(0.5, y),
        )
        self.pen.draw.line([(x1, at), (x2, at)], colour, thick)
        r = 0.018 * self.unit
        self.pen.draw.polygon(
            [(middle - 2 * r, at), (middle, at - r), (middle + 2 * r, at), (middle, at + r)], colour
        )

    def foot(self, y: float, inset: float = 0.06) -> None:
        """What the law wants on the front, and where there are no side panels all the rest."""
        colour, size = self.ink, 0.026 * self.unit
        if self.wide:
            self.write(
                f"{self.amount}   {word(self.pen.rng, 2)} & {word(self.pen.rng, 2)}  {self.year}",
                y + 0.03,
                0.036,
                colour,
            )
            return
        x, top = self.at(inset, y)
        wide = 0.5 * (self.right - self.left)
        lines = max(2, int((0.95 * self.height - top) / (1.28 * size)) - 2)
        self.pen.small_print((x, top), wide, min(lines, 7), size, colour, self._heading())
        x2, _ = self.at(1 - inset, y)
        box = (
            x2 - 0.3 * (self.right - self.left),
            top,
            x2,
            min(top + 0.14 * self.unit, 0.95 * self.height),
        )
        self.pen.barcode(box, (24, 24, 24), (244, 244, 242))

    def _side_panel(self, x: float, coded: bool) -> None:
        """Small print with either a bar code or a table."""
        left, width = x * self.width, 0.18 * self.width
        left += 0.02 * self.width if x < 0.5 else 0
        top = 0.08 * self.height
        size = 0.032 * self.unit
        colour = self.ink
        top = self.pen.small_print((left, top), width, 6, size, colour, self._heading())
        if coded:
            top = self.pen.small_print((left, top + size), width, 4, size, colour, self._heading())
            box = (left, 0.66 * self.height, left + width, 0.92 * self.height)
            self.pen.barcode(box, (24, 24, 24), (244, 244, 242))
        else:
            top = self.pen.table((left, top + 1.5 * size), width, 7, 1.05 * size, colour)
            self.pen.small_print((left, top + size), width, 4, size, colour)

    def _heading(self) -> str:
        return HEADINGS[int(self.pen.rng.integers(len(HEADINGS)))]


def _classic(label: _Label) -> None:
    """Emblem, brand, rule, product words, a motif over the foot."""
    label.draw_emblem(0.5, 0.14, 0.1)
    label.name(0.29, 0.13)
    label.rule(0.37, 0.36, label.accent)
    label.write(" ".join(label.words[:2]).title(), 0.45, 0.1, label.second, bold=0.03)
    label.write(label.kind.upper(), 0.54, 0.05, label.ink)
    label.draw_motif(0.5, 0.68, 0.11)
    label.foot(0.8)


def _banner(label: _Label) -> None:
    """A motif over a band with the brand spared out of it."""
    label.draw_motif(0.5, 0.2, 0.16)
    (x1, y1), (x2, y2) = label.at(0, 0.38), label.at(1, 0.55)
    label.pen.draw.rectangle((x1, y1, x2, y2), label.accent)
    label.name(0.465, 0.13, label.paper)
    label.write(label.words[0].upper(), 0.62, 0.1, label.ink, bold=0.05)
    label.write(f"{label.words[1]} {label.kind}", 0.71, 0.06, label.second, slant=0.2)
    label.foot(0.79)


def _medallion(label: _Label) -> None:
    """A round seal with words along its rim; the product below."""
    centre, r = label.at(0.5, 0.34), 0.27 * label.unit
    for reach, colour in ((1.0, label.second), (0.95, label.paper), (0.68, label.accent)):
        label.pen._disc(np.array(centre), r * reach, colour)
    label.draw_emblem(0.5, 0.34, 0.15)
    size = 0.052 * label.unit
    label.pen.arched(label.brand.upper(), centre, 0.81 * r, size * 1.2, label.ink, True)
    label.pen.arched(f"{label.kind} {label.year}", centre, 0.81 * r, size, label.ink, False)
    label.write(label.words[0].title(), 0.67, 0.11, label.ink, bold=0.04)
    label.write(" ".join(label.words[1:]), 0.75, 0.05, label.second, slant=0.15)
    for x in (0.1, 0.9):
        label.draw_motif(x, 0.66, 0.06)
    label.foot(0.82)


def _striped(label: _Label) -> None:
    """Slanted stripes behind a panel of type."""
    pitch = 0.09 * label.unit
    for x in np.arange(label.left - label.height, label.right, 2 * pitch):
        corners = [(x, label.height), (x + pitch, label.height)]
        corners += [(x + pitch + label.height, 0), (x + label.height, 0)]
        label.pen.draw.polygon(corners, label.accent)
    if label.wide:  # the stripes end with the front panel
        for x1, x2 in ((0, label.left), (label.right, label.width)):
            label.pen.draw.rectangle((x1, 0, x2, label.height), label.paper)
    (x1, y1), (x2, y2) = label.at(0.08, 0.1), label.at(0.92, 0.95 if not label.wide else 0.9)
    label.pen.draw.rectangle(
        (x1, y1, x2, y2), label.paper, label.ink, max(2, round(0.008 * label.unit))
    )
    label.name(0.2, 0.12)
    label.write(label.words[0].title(), 0.31, 0.1, label.second, bold=0.05)
    label.write(label.words[1].title(), 0.4, 0.08, label.second)
    label.draw_motif(0.32, 0.57, 0.12)
    label.draw_emblem(0.7, 0.57, 0.1)
    label.write(f"{label.kind}, {label.words[2]}", 0.73, 0.05, label.ink, slant=0.2)
    label.foot(0.79, 0.13)


def _big_type(label: _Label) -> None:
    """The product's name as large as it goes, the brand upright at its side."""
    label.pen.text(
        label.brand, label.at(0.08, 0.4), 0.1 * label.unit, label.accent,
        widest=0.66 * label.height, turn=90, bold=label.cut[1],
    )  # fmt: skip
    for i, words in enumerate(label.words):
        narrow, bold = label.cut
        label.pen.text(
            words.upper(), label.at(0.2, 0.16 + 0.15 * i), 0.17 * label.unit, label.ink,
            widest=0.76 * (label.right - label.left), anchor="l", bold=bold, narrow=narrow,
        )  # fmt: skip
    label.draw_motif(0.78, 0.62, 0.1)
    label.draw_emblem(0.28, 0.63, 0.07)
    label.write(label.kind, 0.73, 0.06, label.second, slant=0.1)
    label.foot(0.8)


def _scene(label: _Label) -> None:
    """A repeated motif as a frieze over a coloured foot."""
    (x1, y1), (x2, y2) = label.at(0, 0.46), label.at(1, 0.74)
    label.pen.draw.rectangle((x1, y1, x2, y2), label.second)
    for x in (0.17, 0.5, 0.83):
        colours = (label.paper, label.accent, label.second)
        label.pen.motif(label.motif, label.at(x, 0.6), 0.12 * label.unit, colours)
    label.draw_emblem(0.13, 0.16, 0.07)
    label.name(0.16, 0.13)
    label.rule(0.25, 0.4, label.accent)
    label.write(" ".join(label.words).title(), 0.32, 0.09, label.ink, bold=0.04)
    label.write(label.kind.upper(), 0.41, 0.05, label.ink)
    label.foot(0.79)


LAYOUTS: tuple[Callable[[_Label], None], ...] = (
    _classic, _banner, _medallion, _striped, _big_type, _scene,
)  # fmt: skip
