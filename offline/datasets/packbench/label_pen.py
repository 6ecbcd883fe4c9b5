"""A pen for label art in colour: type in many cuts, motifs, ornaments, tables and bar codes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from offline.datasets.packbench.artwork import sized_font, word

Colour = tuple[int, int, int]  # sRGB
Point = tuple[float, float]
Points = NDArray[np.float64]  # (N, 2) px


class Pen:
    """Draws on one image; all places and sizes are in its pixels."""

    def __init__(self, image: Image.Image, rng: np.random.Generator) -> None:
        self.image, self.rng = image, rng
        self.draw = ImageDraw.Draw(image)

    def text(
        self,
        words: str,
        at: Point,
        size: float,
        colour: Colour,
        *,
        widest: float,
        anchor: str = "m",
        bold: float = 0.0,
        narrow: float = 1.0,
        slant: float = 0.0,
        turn: float = 0.0,
    ) -> None:
        """One line about the point ``at``, shrunk to ``widest``; ``anchor`` l, m or r.

        ``bold`` is the stroke in fractions of the size, ``narrow`` a factor of the width, ``slant``
        the tangent of an italic and ``turn`` degrees counter-clockwise.
        """
        mask = _cut(words, size, bold, narrow, slant)
        if mask.width > widest:
            mask = _cut(words, size * widest / mask.width, bold, narrow, slant)
        if turn:
            mask = mask.rotate(turn, Image.Resampling.BICUBIC, expand=True)
        left = at[0] - {"l": 0.0, "m": mask.width / 2, "r": mask.width}[anchor]
        place = round(left), round(at[1] - mask.height / 2)
        self.image.paste(colour, place, mask)

    def arched(
        self, words: str, centre: Point, radius: float, size: float, colour: Colour, top: bool
    ) -> None:
        """Words along a circle, letter by letter: over its top, or under its foot."""
        font = sized_font(size)
        steps = [float(font.getlength(letter)) + 0.12 * size for letter in words]
        angle = -sum(steps) / 2 / radius
        for letter, step in zip(words, steps, strict=True):
            middle = angle + step / 2 / radius
            x = centre[0] + radius * math.sin(middle)
            y = centre[1] + radius * math.cos(middle) * (-1 if top else 1)
            turn = -math.degrees(middle) * (1 if top else -1)
            self.text(letter, (x, y), size, colour, widest=1e6, turn=turn)
            angle += step / radius

    def small_print(
        self, at: Point, width: float, lines: int, size: float, colour: Colour, heading: str = ""
    ) -> float:
        """A block ranged left from its upper left corner; returns the y below it."""
        x, y = at
        if heading:
            self.text(
                heading, (x, y + size), size * 1.3, colour, widest=width, anchor="l", bold=0.06
            )
            y += 2 * size
        for _ in range(lines):
            words = ""
            while len(words) * 0.5 * size < width:
                words += word(self.rng, int(self.rng.integers(1, 4))) + _stop(self.rng)
            self.text(words, (x, y + size / 2), size, colour, widest=width, anchor="l")
            y += 1.28 * size
        return y

    def table(self, at: Point, width: float, rows: int, size: float, colour: Colour) -> float:
        """Names and amounts between rules, as of nutrients; returns the y below it."""
        x, y = at
        thick = max(1, round(size / 10))
        for _ in range(rows):
            self.draw.line([(x, y), (x + width, y)], colour, thick)
            amount = f"{self.rng.uniform(0, 60):.1f} {('g', 'mg', '%')[int(self.rng.integers(3))]}"
            middle = y + 0.7 * size
            name = word(self.rng, 2).capitalize()
            self.text(name, (x, middle), size, colour, widest=0.6 * width, anchor="l")
            self.text(amount, (x + width, middle), size, colour, widest=0.4 * width, anchor="r")
            y += 1.4 * size
        self.draw.line([(x, y), (x + width, y)], colour, thick)
        return y

    def barcode(self, box: tuple[float, float, float, float], ink: Colour, paper: Colour) -> None:
        """Bars of one to four modules over digits, as of an EAN-13 (not a valid one)."""
        x1, y1, x2, y2 = box
        self.draw.rectangle(box, paper)
        widths = self.rng.integers(1, 5, 59)
        module = (x2 - x1) * 0.9 / widths.sum()
        edges = x1 + (x2 - x1) * 0.05 + np.concatenate([[0], np.cumsum(widths)]) * module
        foot = y1 + 0.8 * (y2 - y1)
        for left, right in zip(edges[::2], edges[1::2], strict=True):
            self.draw.rectangle((left, y1 + 0.04 * (y2 - y1), right, foot), ink)
        digits = "".join(str(d) for d in self.rng.integers(0, 10, 13))
        size = 0.17 * (y2 - y1)
        self.text(digits, ((x1 + x2) / 2, (foot + y2) / 2), size, ink, widest=0.9 * (x2 - x1))

    def border(
        self, box: tuple[float, float, float, float], unit: float, colour: Colour, kind: int
    ) -> None:
        """A frame: plain, double, dotted or toothed."""
        x1, y1, x2, y2 = box
        thick = max(2, round(0.008 * unit))
        if kind < 2:
            self.draw.rectangle(box, outline=colour, width=thick)
            inner = (x1 + 3 * thick, y1 + 3 * thick, x2 - 3 * thick, y2 - 3 * thick)
            if kind:
                self.draw.rectangle(inner, outline=colour, width=max(1, thick // 2))
            return
        step = 0.04 * unit
        nx, ny = max(round((x2 - x1) / step), 2), max(round((y2 - y1) / step), 2)
        places = [(x, y) for y in (y1, y2) for x in np.linspace(x1, x2, nx)]
        places += [(x, y) for x in (x1, x2) for y in np.linspace(y1, y2, ny)]
        for x, y in places:
            r = 0.3 * step
            if kind == 2:
                self.draw.ellipse((x - r, y - r, x + r, y + r), colour)
            else:
                self.draw.polygon([(x - r, y), (x, y - r), (x + r, y), (x, y + r)], colour)

    def motif(self, kind: int, centre: Point, radius: float, colours: tuple[Colour, ...]) -> None:
        """One of MOTIFS within a circle."""
        MOTIFS[kind % len(MOTIFS)](self, np.array(centre), radius, colours)

    def _blob(self, points: Points, colour: Colour) -> None:
        self.draw.polygon([(float(x), float(y)) for x, y in points], colour)

    def _disc(
        self, centre: Points, r: float, fill: Colour | None, edge: Colour | None = None
    ) -> None:
        box = (centre[0] - r, centre[1] - r, centre[0] + r, centre[1] + r)
        self.draw.ellipse(box, fill, edge, max(1, round(0.06 * r)) if edge else 0)


def _cut(words: str, size: float, bold: float, narrow: float, slant: float) -> Image.Image:
    """The words as a mask."""
    font: ImageFont.FreeTypeFont = sized_font(size)
    stroke = round(bold * size)
    left, top, right, bottom = font.getbbox(words, stroke_width=stroke)
    mask = Image.new("L", (math.ceil(right - left) + 2, math.ceil(bottom - top) + 2), 0)
    ImageDraw.Draw(mask).text((1 - left, 1 - top), words, 255, font, stroke_width=stroke)
    if slant:
        wide = mask.width + math.ceil(slant * mask.height)
        shear = (1, slant, -slant * mask.height, 0, 1, 0)
        mask = mask.transform(
            (wide, mask.height), Image.Transform.AFFINE, shear, Image.Resampling.BICUBIC
        )
    if narrow != 1:
        mask = mask.resize((max(1, round(mask.width * narrow)), mask.height))
    return mask


def _stop(rng: np.random.Generator) -> str:
    return (" ", " ", ", ", ". ")[int(rng.integers(4))]


def _unit(angle: float) -> Points:
    return np.array([math.cos(angle), math.sin(angle)])


def _leaf_shape(base: Points, tip: Points, wide: float) -> Points:
    t = np.linspace(0, math.pi, 14)
    along = (1 - np.cos(t))[:, None] / 2 * (tip - base)
    normal = np.array([-(tip - base)[1], (tip - base)[0]])
    aside = wide * np.sin(t)[:, None] * normal
    return np.vstack([base + along + aside, (base + along - aside)[::-1]])


def _branch(pen: Pen, centre: Points, r: float, colours: tuple[Colour, ...]) -> None:
    """A twig with leaves on both sides and a few berries."""
    lean, bow = pen.rng.uniform(-0.7, 0.7), pen.rng.uniform(-0.5, 0.5)
    t = np.linspace(-1, 1, 30)
    line = np.column_stack([np.sin(lean) * t + bow * (1 - t**2), -np.cos(lean) * t]) * r * 0.9
    line += centre
    pen.draw.line([tuple(p) for p in line], colours[0], max(2, round(0.05 * r)))
    for i in range(3, 30, int(pen.rng.integers(3, 6))):
        for side in (-1, 1):
            length = r * pen.rng.uniform(0.3, 0.6)
            away = -math.pi / 2 + lean + side * pen.rng.uniform(0.6, 1.2)
            tip = line[i] + length * _unit(away)
            if pen.rng.uniform() < 0.25:
                pen._disc(tip, 0.09 * r, colours[1])
            else:
                pen._blob(_leaf_shape(line[i], tip, pen.rng.uniform(0.15, 0.3)), colours[0])


def _fruits(pen: Pen, centre: Points, r: float, colours: tuple[Colour, ...]) -> None:
    """A heap of round fruit with highlights, stalks and leaves."""
    for _ in range(int(pen.rng.integers(3, 8))):
        place = centre + r * 0.6 * pen.rng.uniform(-1, 1, 2)
        size = r * pen.rng.uniform(0.22, 0.4)
        tip = place + size * 1.8 * _unit(pen.rng.uniform(-2.6, -0.5))
        pen._blob(_leaf_shape(place, tip, pen.rng.uniform(0.15, 0.35)), colours[0])
        pen._disc(place, size, colours[1], colours[0])
        pen._disc(place - 0.35 * size, 0.2 * size, colours[2])


def _hills(pen: Pen, centre: Points, r: float, colours: tuple[Colour, ...]) -> None:
    """Ridges behind each other under a sun with rays."""
    sun = centre + np.array([pen.rng.uniform(-0.5, 0.5), pen.rng.uniform(-0.6, -0.35)]) * r
    pen._disc(sun, 0.24 * r, colours[1])
    for angle in np.linspace(0, 2 * math.pi, int(pen.rng.integers(9, 22)), endpoint=False):
        ends = [tuple(sun + k * r * _unit(angle)) for k in (0.3, 0.42)]
        pen.draw.line(ends, colours[1], max(1, round(0.03 * r)))
    x = np.linspace(-1, 1, 40)
    for depth, colour in zip((-0.2, 0.1, 0.4), (colours[0], colours[2], colours[0]), strict=True):
        waves = sum(
            pen.rng.uniform(0.05, 0.2) * np.sin(k * x * 2.2 + pen.rng.uniform(0, 6))
            for k in (1, 2, 4)
        )
        ridge = np.column_stack([x, np.minimum(depth + waves, 0.8)])
        pen._blob(centre + r * np.vstack([ridge, [[1, 0.8], [-1, 0.8]]]), colour)


def _rosette(pen: Pen, centre: Points, r: float, colours: tuple[Colour, ...]) -> None:
    """Turned line work, as on bank notes and old labels."""
    t = np.linspace(0, 2 * math.pi, 600)
    for fraction in (1.0, 0.62):
        lobes, depth = int(pen.rng.integers(5, 17)), pen.rng.uniform(0.1, 0.4)
        for phase in np.linspace(0, 2 * math.pi, 5, endpoint=False):
            reach = r * fraction * (1 - depth / 2 + depth / 2 * np.cos(lobes * t + phase))
            line = centre + np.column_stack([np.cos(t), np.sin(t)]) * reach[:, None]
            colour = colours[0 if fraction == 1 else 1]
            pen.draw.line([tuple(p) for p in line], colour, max(1, round(0.018 * r)))
    pen._disc(centre, 0.2 * r, colours[1])


def _crest(pen: Pen, centre: Points, r: float, colours: tuple[Colour, ...]) -> None:
    """A quartered shield with charges."""
    t = np.linspace(0, 1, 20)
    side = np.column_stack([0.75 * np.cos(t * math.pi / 2) ** 0.6, -0.1 + 1.0 * t])
    shield = np.vstack([[[-0.75, -0.85], [0.75, -0.85]], side, (side * [-1, 1])[::-1]])
    pen._blob(centre + r * shield, colours[0])
    for x, y in ((-0.34, -0.42), (0.34, -0.42), (-0.3, 0.25), (0.3, 0.25)):
        place, kind = centre + r * np.array([x, y]), int(pen.rng.integers(4))
        count = int(pen.rng.integers(3, 8))
        if kind == 0:
            pen._disc(place, 0.2 * r, colours[1], colours[2])
        elif kind == 1:  # a star
            reach = np.where(np.arange(2 * count) % 2, 0.1, 0.27)[:, None] * r
            angles = np.arange(2 * count) * math.pi / count
            pen._blob(place + reach * np.column_stack([np.cos(angles), np.sin(angles)]), colours[1])
        elif kind == 2:  # bends
            for k in range(-1, 2):
                line = [tuple(place + r * np.array([s * 0.2, s * 0.2 + k * 0.15])) for s in (-1, 1)]
                pen.draw.line(line, colours[2], max(2, round(0.06 * r)))
        else:
            for k in range(count):
                tip = place + 0.27 * r * _unit(2 * math.pi * k / count)
                pen._blob(_leaf_shape(place, tip, 0.25), colours[1])


Motif = Callable[[Pen, Points, float, tuple[Colour, ...]], None]
MOTIFS: tuple[Motif, ...] = (_branch, _fruits, _hills, _rosette, _crest)
