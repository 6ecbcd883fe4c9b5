"""Small images of print drawn by the tests: labels with words, and drawings without any."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from engine.types import RGBImage

FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
    cv2.FONT_HERSHEY_COMPLEX_SMALL,
)
HEIGHT, WIDTH = 300, 400
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@cache
def label(seed: int, height: int = HEIGHT, width: int = WIDTH) -> RGBImage:
    """Drawn words in several fonts, sizes, colours and directions."""
    random = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 235, np.uint8)
    for row in range(7):
        word = "".join(random.choice(list(LETTERS), 9))
        at = int(random.integers(5, 60)), 35 + row * 42
        ink = tuple(map(int, random.integers(0, 150, 3)))
        size = float(random.uniform(0.7, 1.5))
        cv2.putText(pixels, word, at, FONTS[row % 4], size, ink, 2, cv2.LINE_AA)
    return RGBImage(pixels, f"label {seed}")


@cache
def drawing(seed: int) -> RGBImage:
    """Ellipses and lines of any colour: nothing that a label has."""
    random = np.random.default_rng(seed)
    pixels = np.full((HEIGHT, WIDTH, 3), 220, np.uint8)
    for _ in range(40):
        ink = tuple(map(int, random.integers(0, 256, 3)))
        at, to = random.integers(0, (WIDTH, HEIGHT), (2, 2)).tolist()
        axes = random.integers(3, 30, 2).tolist()
        cv2.ellipse(pixels, at, axes, int(random.integers(180)), 0, 360, ink, -1, cv2.LINE_AA)
        cv2.line(pixels, at, to, ink, int(random.integers(1, 5)), cv2.LINE_AA)
    return RGBImage(pixels, f"drawing {seed}")
