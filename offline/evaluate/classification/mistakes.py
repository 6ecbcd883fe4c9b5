"""The photos whose category a classifier got wrong with the most confidence, to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from engine.errors import ImageError
from engine.images import ImageLimits, load
from engine.types import CategoryScores, RGBImage
from offline.datasets import Picture
from offline.evaluate.classification.predictions import Predictions
from offline.report.document import Card, Cards
from offline.report.thumbnails import SIDE, thumbnail
from offline.store.images import cropped

GUESSES = 3  # likeliest categories told
# Decoded twice as large as it is shown: JPEGs decode at a fraction of their cost so.
LIMITS = ImageLimits(max_side=2 * SIDE)


def confident_mistakes(found: Predictions, count: int) -> Cards:
    """``count`` of them, most confident first, ties by id. A picture that can no longer be read
    is left out."""
    wrong = np.flatnonzero(~found.right).tolist()
    confidence = found.confidence.tolist()
    order = sorted(wrong, key=lambda at: (-confidence[at], found.pictures[at].id))
    return Cards(
        title="The most confident mistakes",
        cards=tuple(_cards(found, order[:count])),
        note="Most confident first. " + ("" if wrong else "There is no mistake."),
    )


def _cards(found: Predictions, order: Sequence[int]) -> Iterator[Card]:
    for at in order:
        picture, scores = found.pictures[at], found.scores[at]
        image = _seen(picture)
        if image is not None:
            label = f"taken for {found.names[found.predicted[at]]}"
            yield Card(
                title=picture.id,
                pictures=(thumbnail(image, picture.id, label),),
                lines=_lines(picture, scores),
            )


def _lines(picture: Picture, scores: CategoryScores) -> tuple[str, ...]:
    ranked = scores.ranked()
    likeliest = ", ".join(f"{name} {share:.0%}" for name, share in ranked[:GUESSES])
    share = dict(ranked).get(str(picture.category))
    truth = f"is {picture.category}, " + (
        "which the scores do not name" if share is None else f"given {share:.0%}"
    )
    unknown = ("called unknown",) if scores.unknown else ()
    return (truth, f"likeliest: {likeliest}", *unknown)


def _seen(picture: Picture) -> RGBImage | None:
    try:
        return cropped(load(picture.path, limits=LIMITS), picture)
    except ImageError:
        return None
