"""Which image of a gallery is nearest to another one of it."""

from __future__ import annotations

import numpy as np

from engine.adaptation import domain_of
from engine.retrieval import AdaptedNeighbours
from engine.types import Neighbour, Source
from online.service.served import OpenGallery


def nearest_other(opened: OpenGallery, source: Source) -> Source | None:
    """The nearest image, where it is of another product although its own has more than one."""
    if len(opened.gallery.find(product_id=source.product_id)) < 2:
        return None
    nearest = next(iter(_nearest(opened, source, 1)), None)
    other = None if nearest is None else opened.gallery.source(nearest.id)
    return other if other is not None and other.product_id != source.product_id else None


def nearest_of_others(opened: OpenGallery, source: Source) -> tuple[Source, float] | None:
    """The nearest image of another product, and the cosine of their vectors as they were
    described. None where its own product has too many nearer ones to see any."""
    for neighbour in _nearest(opened, source, 8):
        other = opened.gallery.source(neighbour.id)
        if other is not None and other.product_id != source.product_id:
            return other, _cosine(opened, source.id, other.id)
    return None


def labelled_neighbours(opened: OpenGallery, source: Source, count: int) -> list[Source]:
    """The nearest images whose categories are labels, nearest first."""
    found = [opened.gallery.source(one.id) for one in _nearest(opened, source, count, True)]
    return [one for one in found if one is not None]


def _nearest(
    opened: OpenGallery, source: Source, count: int, labelled: bool = False
) -> list[Neighbour]:
    """Without the image itself."""
    (record,) = opened.gallery.records([source.id])
    domain = domain_of(source.attributes)
    found = AdaptedNeighbours(opened.gallery, domain).search(
        record.description.embedding, count + 1, labelled_only=labelled
    )
    return [one for one in found if one.id != source.id][:count]


def _cosine(opened: OpenGallery, first: int, second: int) -> float:
    one, other = (
        record.description.embedding.vector for record in opened.gallery.records([first, second])
    )
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length else 0.0
