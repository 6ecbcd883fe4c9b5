"""The places at which a photo and a hit show the same print, as values of a drawing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.keypoints import KeypointMatch
from engine.types import Float64Array, FloatArray, RGBImage
from engine.verification import words

# More dots would cover the images, and more numbers each other.
DRAWN, NUMBERED = 40, 12
COLOURS = 8
# Radii in units of the view box; numbers further apart than this do not cover each other.
RADIUS, DOT, APART = 3.0, 1.2, 6.4
# The longer side of each image, and the gap between both, in units of the view box.
SIDE, GAP = 100.0, 4.0


@dataclass(frozen=True)
class Frame:
    """Where an image lies in the view box."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class PlacePair:
    """One place on both images, in units of the view box. ``number``: 0 for a dot without."""

    number: int
    colour: int
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class MatchDrawing:
    """The photo on the left, the hit on the right; ``places``: all there are, ``pairs``: those
    that are drawn, the numbered ones last and so on top."""

    sentence: str
    places: int
    width: float
    height: float
    photo: Frame
    hit: Frame
    pairs: tuple[PlacePair, ...]


def match_drawing(
    match: KeypointMatch | None, photo: RGBImage, hit: RGBImage
) -> MatchDrawing | None:
    """None without evidence."""
    if match is None or not match.evident:
        return None
    sizes = [_size(image) for image in (photo, hit)]
    height = max(size[1] for size in sizes)
    left, right = (
        Frame(x, round((height - size[1]) / 2, 1), *size)
        for x, size in zip((0.0, sizes[0][0] + GAP), sizes, strict=True)
    )
    drawn = match.spread(DRAWN)
    numbers = _numbers(drawn)
    pairs = [
        PlacePair(number, at % COLOURS, *_within(left, x1, y1), *_within(right, x2, y2))
        for at, (number, (x1, y1, x2, y2)) in enumerate(zip(numbers, drawn.tolist(), strict=True))
    ]
    return MatchDrawing(
        sentence=words(match),
        places=match.inliers,
        width=round(right.x + right.width, 1),
        height=height,
        photo=left,
        hit=right,
        pairs=tuple(sorted(pairs, key=lambda pair: -pair.number if pair.number else -len(pairs))),
    )


def _numbers(places: FloatArray) -> list[int]:
    """Aligned with (n, 4) places: from 1, and 0 for those beside which there is no room."""
    numbers: list[int] = []
    kept: list[Float64Array] = []
    for row in places.astype(np.float64).reshape(-1, 2, 2) * SIDE:
        room = all(np.linalg.norm(row - other, axis=1).min() > APART for other in kept)
        if room and len(kept) < NUMBERED:
            kept.append(row)
        numbers.append(len(kept) if kept and kept[-1] is row else 0)
    return numbers


def _size(image: RGBImage) -> tuple[float, float]:
    longer = max(image.width, image.height)
    return round(SIDE * image.width / longer, 1), round(SIDE * image.height / longer, 1)


def _within(frame: Frame, x: float, y: float) -> tuple[float, float]:
    return round(frame.x + SIDE * x, 1), round(frame.y + SIDE * y, 1)
