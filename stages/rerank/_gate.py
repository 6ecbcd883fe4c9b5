"""Reranking by contours: which masks take part, and how their hits change places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from pydantic import Field, field_validator

from engine.contours import ious
from engine.types import DOUBTS, Contour, Description, Hit, MatteQuality
from stages.options import StageOptions
from stages.rerank._reasons import explained, moved

Flag = Literal[
    "empty", "touches_border", "several_objects", "nearly_everything", "untrusted", "shadow"
]

# A shadow raises "untrusted", too; another default would void the calibrations there are.
DISTRUSTED: tuple[Flag, ...] = get_args(Flag)[:-1]

_FAULTS: dict[str, str] = {
    "empty": "is empty",
    "touches_border": "touches the border",
    "several_objects": "shows several objects",
    "nearly_everything": "covers nearly everything",
    "untrusted": "is not trusted",
    "shadow": "looks like a shadow",
}


class ContourOptions(StageOptions):
    """Options of every reranker by contours.

    ``align`` compares silhouettes normalised for position and size, not in the image frame;
    the hit of a mask that raises one of the ``distrust`` flags keeps its place.
    """

    top_n: int = Field(10, ge=0)
    align: bool = False
    distrust: tuple[Flag, ...] = DISTRUSTED

    @field_validator("distrust")
    @classmethod
    def _in_one_order(cls, flags: tuple[Flag, ...]) -> tuple[Flag, ...]:
        return tuple(sorted(set(flags), key=DOUBTS.index))


def rerank_trusted(
    query: Description,
    hits: Sequence[Hit],
    options: ContourOptions,
    value: Callable[[Hit, float], float],
    words: Callable[[Hit, float], str],
) -> list[Hit]:
    """Sort the trusted hits among the first ``top_n`` by ``value(hit, iou)``, best first.

    A hit that is not trusted keeps its exact place; the trusted ones share the other places of
    the head, ties in retrieval order. All ranks are renumbered from 1; ``score`` and
    ``distance`` stay those of the retrieval, ``iou`` is set on what took part.
    """
    head, tail = list(hits[: options.top_n]), list(hits[options.top_n :])
    faults = [fault_of(query, hit.record.description, options.distrust) for hit in head]
    places = [place for place, fault in enumerate(faults) if not fault]
    overlaps = dict(zip(places, _overlaps(query, head, places, options.align), strict=True))
    # sorted() is stable, so that ties keep the order of retrieval.
    best_first = sorted(places, key=lambda place: -value(head[place], overlaps[place]))
    answer = [
        explained(hit, f"kept its place: {fault}", None)
        for hit, fault in zip(head, faults, strict=True)
    ]
    for place, origin in zip(places, best_first, strict=True):
        hit, iou = head[origin], overlaps[origin]
        why = f"{words(hit, iou)}, {moved(origin + 1, place + 1)}"
        answer[place] = explained(hit, why, iou)
    return [hit.at(rank) for rank, hit in enumerate([*answer, *tail], start=1)]


def fault_of(query: Description, candidate: Description, distrust: Sequence[str]) -> str:
    """Why the two contours may not be compared, "" when they may."""
    sides = (("the query's", query.quality), ("the catalogue image's", candidate.quality))
    for whose, quality in sides:
        raised = _raised(quality, distrust)
        if raised:
            return f"{whose} mask {' and '.join(_FAULTS[flag] for flag in raised)}"
    return ""


def _raised(quality: MatteQuality, distrust: Sequence[str]) -> list[str]:
    return [flag for flag in quality.flags if flag in distrust]


def _overlaps(
    query: Description, hits: Sequence[Hit], places: Sequence[int], align: bool
) -> list[float]:
    """The IoU of the query with the hits at the given places, in their order."""
    contours = [_contour(hits[place].record.description, align) for place in places]
    overlaps: list[float] = ious(_contour(query, align), contours).tolist()
    return overlaps


def _contour(description: Description, align: bool) -> Contour:
    return description.aligned if align else description.contour
