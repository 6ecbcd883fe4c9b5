"""Thumbnails of the examples in a report, with the places at which query and hits match."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import ImageError
from engine.images import load
from engine.keypoints import KeypointMatch
from engine.matching_places import drawn_places
from engine.types import Hit
from engine.verification import matches
from offline.datasets import DatasetImage
from offline.evaluate.task import DescribedTask
from offline.report.document import Thumbnail
from offline.report.thumbnails import PLACE_RADIUS, thumbnail, with_places
from offline.store.images import cropped


def query_thumbnail(
    image: DatasetImage, label: str, match: KeypointMatch | None = None
) -> Thumbnail:
    """A small copy; the name alone where the file can no longer be read."""
    drawn = [
        (place.number, place.colour, place.photo) for place in drawn_places(match, PLACE_RADIUS)
    ]
    return _thumbnail(image, label, drawn)


def hit_thumbnail(image: DatasetImage, label: str, match: KeypointMatch | None = None) -> Thumbnail:
    """As of a query; the same number is the same place."""
    drawn = [(place.number, place.colour, place.hit) for place in drawn_places(match, PLACE_RADIUS)]
    return _thumbnail(image, label, drawn)


def matched(
    task: DescribedTask, query: int, positions: Sequence[int]
) -> list[KeypointMatch | None]:
    """Of the query with these images of the gallery; None without evidence. Every one is compared,
    also where a search need not: it would not change the order."""
    matcher = task.searcher.describer.keypoints
    hits = [Hit(task.gallery[at], rank, 0.0, 0.0) for rank, at in enumerate(positions, start=1)]
    found = None if matcher is None else matches(task.queries[query], hits, matcher)
    if matcher is None or found is None:
        return [None] * len(hits)
    judged = [tentative.verify().judged(matcher.least) for tentative in found]
    return [match if match.evident else None for match in judged]


def _thumbnail(
    image: DatasetImage, label: str, drawn: Sequence[tuple[int, str, tuple[float, float]]]
) -> Thumbnail:
    try:
        decoded = cropped(load(image.path), image)
    except ImageError:
        return Thumbnail(uri=image.id, label=label)
    pixels = with_places(decoded.pixels, drawn) if drawn else decoded.pixels
    return thumbnail(pixels, image.id, label)
