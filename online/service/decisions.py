"""What curators decide and judge, kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fastapi import APIRouter, Request

from engine.decisions import (
    AcceptedMask,
    CategoryDecision,
    Decision,
    Exclusion,
    Judgement,
    Pair,
    Undo,
)
from engine.names import canonical
from online.api_types import DecisionAnswer, DecisionsAnswer
from online.service.job import Job
from online.service.masks import EMPTY, in_force
from online.service.problems import RequestError
from online.service.products import no_product, source_of
from online.service.review_requests import (
    Accept,
    Categorise,
    Compare,
    Exclude,
    SentDecision,
    SentDecisions,
    SentJudgement,
    UndoOne,
)
from online.service.served import OpenGallery
from online.service.service import service_of
from online.service.writing import Wait

T = TypeVar("T")
router = APIRouter()


@router.post("/v1/review/decisions", response_model=DecisionsAnswer)
async def decisions(
    request: Request, sent: SentDecisions, gallery: str | None = None, wait: Wait = False
) -> dict[str, Any]:
    """Keep what a curator decided, all of it or nothing; answers the ids by which it is undone, and
    the job that brings the gallery to it."""
    service = service_of(request)
    opened = await service.gallery(gallery)
    writer = service.writers.of(opened.name)
    who = getattr(request.state, "key", "")

    def keep() -> tuple[list[str], Job | None]:
        with opened.curation.deciding():
            wanted = [made for one in sent.decisions for made in _decisions(opened, one)]
            made = opened.curation.decide(wanted, who)
        return [one.id for one in made], writer.curate(opened.curation.about(made))

    made, job = await service.review(keep)
    if job is not None and wait:
        job = await service.writers.until_ended(writer, job, service.options.deadline)
    return {"decisions": made, "job": None if job is None else job.id}


@router.post("/v1/judgements", response_model=DecisionAnswer)
async def judgements(
    request: Request, sent: SentJudgement, gallery: str | None = None
) -> dict[str, Any]:
    """Keep whether a photo, or a catalogue image, shows a product: `packsight adapt` and
    `calibrate` learn from it."""
    service = service_of(request)
    opened = await service.gallery(gallery)
    who = getattr(request.state, "key", "")

    def keep() -> str:
        if (sent.photo is None) == (sent.image is None):
            raise RequestError(
                422,
                "One of photo and image is needed.",
                remedy="Send the SHA-256 of a photo's file, or the id of a catalogue image.",
            )
        if not opened.gallery.find(product_id=canonical(sent.product)):
            raise no_product(opened, sent.product)
        query = sent.photo or source_of(opened, sent.image or 0).sha256
        (made,) = opened.curation.decide([_valid(Judgement, query, sent.product, sent.same)], who)
        return made.id

    return {"decision": await service.review(keep)}


def _decisions(opened: OpenGallery, sent: SentDecision) -> Sequence[Decision]:
    """RequestError (404, 409, 422) for what does not fit the gallery as it is."""
    match sent:
        case Accept(image=image, version=version):
            source = source_of(opened, image)
            now = in_force(opened, source)
            if now.mask is None or version == EMPTY:
                raise RequestError(
                    422, "The mask is empty.", remedy="Draw one, or exclude the image."
                )
            if now.version != version:
                raise RequestError(
                    409, "The mask was changed since it was loaded.", remedy="Load it again."
                )
            accepted = AcceptedMask(source.sha256, now.mask)
            if not opened.curation.was_excluded(source.sha256):
                return [accepted]
            return [accepted, Exclusion(source.sha256, False)]  # it was decided anew
        case Exclude(kind=kind, image=image):
            return [Exclusion(source_of(opened, image).sha256, kind == "exclude")]
        case Categorise(image=image, category=category):
            return [_valid(CategoryDecision, source_of(opened, image).sha256, category)]
        case Compare():
            return _compared(opened, sent)
        case UndoOne(decision=voids):
            found = opened.curation.find(voids)
            if found is None:
                raise RequestError(
                    404,
                    f"Gallery {opened.name!r} has no decision {voids!r}.",
                    remedy="Its id is in the answer with which it was kept.",
                )
            if isinstance(found.decision, Undo):
                raise RequestError(
                    422, "An undo cannot be undone.", remedy="Decide the same again."
                )
            return [Undo(voids)]


def _compared(opened: OpenGallery, sent: Compare) -> Sequence[Decision]:
    """Of one file of two products it is judged which of them it shows."""
    first, second = (source_of(opened, image) for image in sent.images)
    if first.sha256 != second.sha256:
        kept = None if sent.keep is None else source_of(opened, sent.keep).sha256
        return [_valid(Pair, first.sha256, second.sha256, sent.verdict, kept)]
    if first.product_id == second.product_id or sent.verdict == "different products":
        raise RequestError(
            422,
            "A file is not different from itself.",
            remedy="Send the verdict same product or same image.",
        )
    if sent.keep not in (None, first.id, second.id):
        raise RequestError(
            422, "keep: none of the two images.", remedy="Send the id of one of them, or null."
        )
    return [
        _valid(Judgement, one.sha256, one.product_id, sent.keep in (None, one.id))
        for one in (first, second)
    ]


def _valid(made: Callable[..., T], *values: object) -> T:
    """RequestError (422) for values that do not fit."""
    try:
        return made(*values)
    except ValueError as error:
        raise RequestError(422, f"{error}.") from None
