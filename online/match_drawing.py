"""The places at which a photo and a hit show the same print, as values of an SVG drawing."""

from __future__ import annotations

from dataclasses import dataclass

from engine.keypoints import KeypointMatch
from engine.matching_places import DOT, RADIUS, drawn_places
from engine.types import RGBImage
from engine.verification import words

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
    colour: str
    radius: float
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class MatchDrawing:
    """The photo on the left, the hit on the right; ``places``: all there are, ``pairs``: those
    that are drawn, in the order to draw them."""

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
    return MatchDrawing(
        sentence=words(match),
        places=match.inliers,
        width=round(right.x + right.width, 1),
        height=height,
        photo=left,
        hit=right,
        pairs=tuple(
            PlacePair(
                place.number,
                place.colour,
                round(SIDE * (RADIUS if place.number else DOT), 1),
                *_within(left, *place.photo),
                *_within(right, *place.hit),
            )
            for place in drawn_places(match)
        ),
    )


def _size(image: RGBImage) -> tuple[float, float]:
    longer = max(image.width, image.height)
    return round(SIDE * image.width / longer, 1), round(SIDE * image.height / longer, 1)


def _within(frame: Frame, x: float, y: float) -> tuple[float, float]:
    return round(frame.x + SIDE * x, 1), round(frame.y + SIDE * y, 1)
