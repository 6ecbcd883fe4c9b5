"""Which of the matching places of a photo and a hit are drawn, and how they are told apart.

The result page and the reports draw alike: a number and a colour are one place, on both images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.keypoints import KeypointMatch
from engine.types import Float64Array, FloatArray

# More dots would cover the images, and more numbers each other.
DRAWN, NUMBERED = 40, 12
# Radii of a number and of a dot, in fractions of an image's longer side; numbers that are further
# apart than so many radii do not cover each other.
RADIUS, DOT, APART = 0.03, 0.012, 2.1
# Dark enough for white numbers on them, and edged with white on dark images.
COLOURS = (
    "#0b57c4",
    "#b93d05",
    "#00704f",
    "#8a1c7c",
    "#7a5200",
    "#b3123f",
    "#3d3db3",
    "#4d6600",
)


@dataclass(frozen=True)
class DrawnPlace:
    """x, y on the photo and on the hit, in fractions of each image's longer side. ``number``: 0
    for a dot without."""

    number: int
    colour: str
    photo: tuple[float, float]
    hit: tuple[float, float]


def drawn_places(match: KeypointMatch | None, radius: float = RADIUS) -> tuple[DrawnPlace, ...]:
    """In the order to draw them: those with a number, of this radius, last and so on top. None
    without evidence."""
    if match is None or not match.evident:
        return ()
    chosen = match.spread(DRAWN)
    drawn = [
        DrawnPlace(number, COLOURS[at % len(COLOURS)], (x1, y1), (x2, y2))
        for at, (number, (x1, y1, x2, y2)) in enumerate(
            zip(_numbers(chosen, APART * radius), chosen.tolist(), strict=True)
        )
    ]
    return tuple(sorted(drawn, key=lambda place: (place.number > 0, -place.number)))


def _numbers(places: FloatArray, apart: float) -> list[int]:
    """Aligned with (n, 4) places: from 1, and 0 for those nearer than this to a number."""
    numbers: list[int] = []
    kept: list[Float64Array] = []
    for row in places.astype(np.float64).reshape(-1, 2, 2):
        room = all(np.linalg.norm(row - other, axis=1).min() > apart for other in kept)
        if room and len(kept) < NUMBERED:
            kept.append(row)
        numbers.append(len(kept) if kept and kept[-1] is row else 0)
    return numbers
