"""Review by curators: predicted categories, images that may be the same, and excluded ones."""

from __future__ import annotations

import time
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request

from engine.decisions import Decided, Judgement, Pair
from engine.types import CategoryScores, Source
from online.api_types import (
    ExcludedImages,
    NeighboursAnswer,
    PairsInReview,
    PredictedCategories,
    UncertainImages,
)
from online.service.near_images import labelled_neighbours, nearest_of_others
from online.service.products import image_document, source_of
from online.service.review import After, Limit, mark_of, no_cursor, place_of
from online.service.served import OpenGallery
from online.service.service import service_of

router = APIRouter()
MOST_PREDICTED = 20_000  # images of a category that are put in order
NEIGHBOURS = 5
LIKELIEST = 9  # categories: as many as there are keys
MOST_CONTENTS = 1000
# Views of one product are seldom so alike; a copy that was compressed again is.
ALIKE = 0.97
SEARCHING = 0.5  # seconds of a page


@router.get("/v1/review/categories", response_model=PredictedCategories | UncertainImages)
async def categories(
    request: Request,
    gallery: str | None = None,
    category: Annotated[str | None, Query(max_length=4096)] = None,
    limit: Limit = 20,
) -> dict[str, Any]:
    """Without ``category``: the categories that were predicted, with their numbers of images that
    are undecided. With it, these images, the most uncertain first. Of a category the first 20,000
    images are looked at."""
    service = service_of(request)
    opened = await service.gallery(gallery)

    def listed() -> dict[str, Any]:
        with opened.gallery.snapshot():
            pending = opened.pending()
            given = opened.curation.categories(pending)
            decided = given.keys() | opened.curation.excluded(pending)
            if category is None:
                counts = opened.gallery.predicted_categories(decided)
                return {
                    "categories": [{"name": n, "images": c} for n, c in counts.items()],
                    "predicted": bool(counts) or opened.gallery.has_predictions(),
                }
            left = _uncertain(opened, category, decided)
            shown = [_uncertain_document(opened, *one) for one in left[:limit]]
        return {"images": shown, "left": len(left)}

    return await service.review(listed)


@router.get("/v1/review/neighbours", response_model=NeighboursAnswer)
async def neighbours(
    request: Request, image: Annotated[int, Query(ge=0, lt=2**63)], gallery: str | None = None
) -> dict[str, Any]:
    """By what an image can be given a category: the likeliest ones, and its five nearest images
    whose categories are labels."""
    service = service_of(request)
    opened = await service.gallery(gallery)

    def found() -> dict[str, Any]:
        with opened.gallery.snapshot():
            source = source_of(opened, image)
            near = labelled_neighbours(opened, source, NEIGHBOURS)
            (record,) = opened.gallery.records([image])
            likely = dict(record.description.scores.ranked()[:LIKELIEST])
            named = dict.fromkeys([*likely, *(one.category for one in near)])
            names = dict.fromkeys([*named, *opened.gallery.categories()])
        chips = [
            {"name": name, "probability": round(likely[name], 4) if name in likely else None}
            for name in list(names)[:LIKELIEST]
        ]
        return {
            "categories": chips,
            "neighbours": [image_document(opened, one) for one in near],
        }

    return await service.review(found)


@router.get("/v1/review/duplicates", response_model=PairsInReview)
async def duplicates(
    request: Request, gallery: str | None = None, after: After = "", limit: Limit = 20
) -> dict[str, Any]:
    """Pairs of images of two products that are the same file, then those whose vectors are nearly
    the same. Looking for the latter searches the gallery once for every image, for half a second a
    page: a page may be empty; ``after`` goes on from it, null ends."""
    service = service_of(request)
    opened = await service.gallery(gallery)

    def page() -> dict[str, Any]:
        with opened.gallery.snapshot():
            begins = _begin(place_of(opened, after))
            found, behind = _alike(opened, begins, limit)
            shown = _undecided(opened, [*(() if begins else _copies(opened)), *found])
            images = len(opened.gallery)
        return {
            "pairs": [one.document(opened) for one in shown],
            "after": mark_of(opened, None if behind is None else str(behind)),
            "looked_at": images if behind is None else behind,
            "images": images,
        }

    return await service.review(page)


@router.get("/v1/review/excluded", response_model=ExcludedImages)
async def excluded(
    request: Request, gallery: str | None = None, after: After = "", limit: Limit = 20
) -> dict[str, Any]:
    """Images that people took out of the index, in the order of ids, with the decision by which
    each is excluded. ``after`` goes on from a page, null ends."""
    service = service_of(request)
    opened = await service.gallery(gallery)

    def page() -> dict[str, Any]:
        with opened.gallery.snapshot():
            found = opened.gallery.withdrawn(_begin(place_of(opened, after)), limit + 1)
        by = opened.curation.exclusions([source.sha256 for source in found])
        shown = [
            _excluded_document(opened, source, decided)
            for source in found[:limit]
            if (decided := opened.curation.find(by.get(source.sha256, ""))) is not None
        ]
        further = str(found[limit - 1].id) if found[limit:] else None
        return {"images": shown, "after": mark_of(opened, further)}

    return await service.review(page)


@dataclass(frozen=True)
class _PairOfImages:
    """Of two products; ``cosine`` of their vectors, None: they are one file."""

    first: Source
    second: Source
    cosine: float | None = None

    def slots(self) -> frozenset[str]:
        """Of the decisions by which it is decided: of one file, on either product whether the file
        shows it."""
        both = (self.first, self.second)
        if self.cosine is None:
            return frozenset(Judgement(one.sha256, one.product_id, True).slot for one in both)
        first, second = (one.sha256 for one in both)
        return frozenset([Pair(first, second, "same product").slot])

    def document(self, opened: OpenGallery) -> dict[str, Any]:
        both = [
            image_document(opened, one) | {"product": one.product_id}
            for one in (self.first, self.second)
        ]
        alike = None if self.cosine is None else round(self.cosine, 4)
        return {"images": both, "same_file": alike is None, "cosine": alike}


def _begin(after: str) -> int:
    if after and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise no_cursor(after)
    return int(after or 0)


def _copies(opened: OpenGallery) -> list[_PairOfImages]:
    """The first image of a content with that of each other product."""
    pairs: list[_PairOfImages] = []
    for first, *others in opened.gallery.same_content(MOST_CONTENTS):
        by_product = {one.product_id: one for one in reversed(others)}
        by_product.pop(first.product_id, None)
        pairs += [_PairOfImages(first, other) for other in by_product.values()]
    return pairs


def _undecided(opened: OpenGallery, pairs: Sequence[_PairOfImages]) -> list[_PairOfImages]:
    """Without those of an image that is excluded."""
    curation = opened.curation
    slots = {slot for pair in pairs for slot in pair.slots()}
    decided = {one.slot for one in curation.pairs(slots)}
    decided |= {one.slot for one in curation.judgements(slots)}
    excluded = curation.excluded(opened.pending())
    return [
        pair
        for pair in pairs
        if not pair.slots() <= decided
        and excluded.isdisjoint((pair.first.sha256, pair.second.sha256))
    ]


def _alike(opened: OpenGallery, behind: int, most: int) -> tuple[list[_PairOfImages], int | None]:
    """Pairs that are nearly the same, and the image that was looked at last; None: the last of
    all. A pair is found from either of its images, and shown from the first."""
    began = time.monotonic()
    pairs: list[_PairOfImages] = []
    for identity in opened.gallery.ids_after(behind, 1000):
        if len(pairs) >= most or time.monotonic() - began > SEARCHING:
            return pairs, behind
        behind = identity
        source = source_of(opened, identity)
        near = nearest_of_others(opened, source)
        if near is None:
            continue
        other, cosine = near
        if cosine >= ALIKE and source.sha256 != other.sha256:
            pair = _PairOfImages(source, other, cosine)
            back = nearest_of_others(opened, other) if other.id < identity else None
            if back is None or back[0].id != identity:
                pairs.append(pair)
    return pairs, None if not opened.gallery.ids_after(behind, 1) else behind


def _excluded_document(opened: OpenGallery, source: Source, decided: Decided) -> dict[str, Any]:
    return image_document(opened, source) | {
        "product": source.product_id,
        "decision": decided.id,
        "kind": decided.decision.kind,
        "time": decided.time,
        "who": decided.who,
    }


def _uncertain(opened: OpenGallery, category: str, decided: Set[str]) -> list[tuple[int, float]]:
    """Undecided images with their entropies, the highest first; ties by id."""
    found = [
        (one.id, _entropy(one.scores))
        for one in opened.gallery.predictions(category, MOST_PREDICTED)
        if one.sha256 not in decided
    ]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def _entropy(scores: CategoryScores) -> float:
    """In bits."""
    positive = scores.probabilities[scores.probabilities > 0].astype(np.float64)
    return round(float(-(positive * np.log2(positive)).sum()), 4)


def _uncertain_document(opened: OpenGallery, image: int, entropy: float) -> dict[str, Any]:
    source = source_of(opened, image)
    return image_document(opened, source) | {"product": source.product_id, "entropy": entropy}
