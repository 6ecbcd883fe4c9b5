"""Review by curators: the queue of masks that may be incorrect."""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request

from engine.decisions import Mask
from engine.types import MaskInDoubt, Source
from online.api_types import MasksInReview
from online.service.masks import in_force
from online.service.near_images import nearest_other
from online.service.problems import RequestError
from online.service.products import image_document, source_of
from online.service.served import OpenGallery, another_generation
from online.service.service import service_of

router = APIRouter()
TRUSTED = 0.9  # one mask in ten of this trust is incorrect
A_DOUBT = 0.1  # of trust: what a flag weighs in the order
UNKNOWN_TRUST = 0.5
SEARCHING = 0.3  # seconds for images that are nearer to another product, a page

After = Annotated[str, Query(max_length=100)]
Limit = Annotated[int, Query(ge=1, le=100)]


@dataclass(frozen=True)
class _Queue:
    """``waiting``: what is to be looked at, the most doubtful first; ``reviewed``: done;
    ``excluded``: contents."""

    waiting: list[MaskInDoubt]
    reviewed: int
    excluded: Set[str]


@router.get("/v1/review/masks", response_model=MasksInReview)
async def masks(
    request: Request,
    gallery: str | None = None,
    order: Literal["trust"] = "trust",
    after: After = "",
    limit: Limit = 20,
) -> dict[str, Any]:
    """Masks to be looked at: first the least trusted and most flagged, then images whose nearest
    image is of another product. What was decided drops out. ``after`` goes on from a page, null
    ends; a page may be empty before that."""
    service = service_of(request)
    opened = await service.gallery(gallery)

    def page() -> dict[str, Any]:
        with opened.gallery.snapshot():
            queue = _queue(opened)
            shown, further = _doubtful(opened, queue, place_of(opened, after), limit)
            if further is None:
                further = "near 0"
            if further.startswith("near ") and len(shown) < limit:
                near, further = _near(opened, queue, further, limit - len(shown))
                shown += near
            counts = {"left": len(queue.waiting), "reviewed": queue.reviewed}
        return {"images": shown, "after": mark_of(opened, further), "counts": counts}

    return await service.review(page)


def _queue(opened: OpenGallery) -> _Queue:
    curation, gallery = opened.curation, opened.gallery
    excluded = curation.excluded(opened.pending())
    found = [one for one in gallery.masks_in_doubt(TRUSTED) if one.sha256 not in excluded]
    contents = {one.sha256 for one in found}
    drawn, accepted = curation.masks(contents), curation.accepted_masks(contents)
    seen = [one.id for one in found if one.sha256 in accepted]
    digests = {
        identity: Mask(contour.side, contour.side, contour.packed.tobytes()).digest
        for identity, contour in zip(seen, gallery.contours(seen), strict=True)
        if contour.area
    }
    waiting = [
        one
        for one in found
        if one.sha256 not in drawn and digests.get(one.id) not in accepted.get(one.sha256, ())
    ]
    waiting.sort(key=_doubt)
    return _Queue(waiting, len(found) - len(waiting), excluded)


def _doubt(one: MaskInDoubt) -> tuple[float, int]:
    trust = UNKNOWN_TRUST if one.trust is None else one.trust
    return round(trust - A_DOUBT * len(one.doubts), 6), one.id


def _doubtful(
    opened: OpenGallery, queue: _Queue, after: str, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """The page and where the next one begins: ``trust …`` or ``near …``; None: nothing is left."""
    if after.startswith("near "):
        return [], after
    behind = _place(after)
    left = [one for one in queue.waiting if behind is None or _doubt(one) > behind]
    page = [_document(opened, source_of(opened, one.id), one) for one in left[:limit]]
    if len(left) <= limit:
        return page, None
    trust, identity = _doubt(left[limit - 1])
    return page, f"trust {trust} {identity}"


def _place(after: str) -> tuple[float, int] | None:
    """RequestError (422) for a cursor that was not given by a page."""
    if not after:
        return None
    try:
        _, trust, identity = after.split(" ")
        return float(trust), int(identity)
    except ValueError:
        raise no_cursor(after) from None


def mark_of(opened: OpenGallery, place: str | None) -> str | None:
    """What a page gives to go on from: the place, and the generation that it is a place in."""
    return None if place is None else f"{place} @{opened.models}"


def place_of(opened: OpenGallery, after: str) -> str:
    """RequestError: 409 for a mark of another generation, 422 for what no page gave."""
    place, marked, models = after.rpartition(" @")
    if after and not marked:
        raise no_cursor(after)
    if marked and models != opened.models:
        raise another_generation()
    return place


def no_cursor(after: str) -> RequestError:
    return RequestError(
        422,
        f"after: {after!r} is not what a page gave.",
        remedy="Send the `after` of the page before, or none for the first.",
    )


def _near(
    opened: OpenGallery, queue: _Queue, after: str, most: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Images that are nearest to another product, of as many as are searched for in the time of a
    page, and where the next page begins."""
    try:
        behind = int(after.removeprefix("near "))
    except ValueError:
        raise no_cursor(after) from None
    left_out = queue.excluded | {one.sha256 for one in queue.waiting}
    began = time.monotonic()
    found: list[dict[str, Any]] = []
    for identity in opened.gallery.ids_after(behind, 1000):
        behind = identity
        source = source_of(opened, identity)
        waits = source.sha256 not in left_out and not _is_reviewed(opened, source.sha256)
        other = nearest_other(opened, source) if waits else None
        if other is not None:
            nearest = {"nearest": image_document(opened, other)}
            found.append(_document(opened, source, None) | nearest)
        if len(found) >= most or time.monotonic() - began > SEARCHING:
            break
    return found, f"near {behind}" if opened.gallery.ids_after(behind, 1) else None


def _is_reviewed(opened: OpenGallery, sha256: str) -> bool:
    """Whether a mask of this content was drawn or accepted."""
    curation = opened.curation
    return bool(curation.masks([sha256]) or curation.accepted_masks([sha256]))


def _document(opened: OpenGallery, source: Source, doubt: MaskInDoubt | None) -> dict[str, Any]:
    now = in_force(opened, source)
    query = urlencode({"gallery": opened.name, "v": now.version[:16]})
    (record,) = opened.gallery.records([source.id])
    trust, doubts = record.description.trust, record.description.quality.doubts
    return image_document(opened, source) | {
        "product": source.product_id,
        "trust": None if trust is None else round(trust, 4),
        "flags": list(doubts),
        "reason": _reason(trust, doubts, near_another=doubt is None),
        "mask_url": f"v1/images/{source.id}/mask?{query}",
        "version": now.version,
    }


_REASONS: Mapping[str, str] = {
    "empty": "nothing was found",
    "touches_border": "touches the border",
    "several_objects": "several objects",
    "nearly_everything": "nearly everything is product",
    "untrusted": "not trusted",
    "shadow": "looks like a shadow",
}


def _reason(trust: float | None, doubts: tuple[str, ...], *, near_another: bool) -> str:
    parts = [] if trust is None else [f"trust {trust:.2f}"]
    parts += [_REASONS[name] for name in doubts]
    if near_another:
        parts.insert(0, "its nearest image is of another product")
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]
