"""POST /v1/query, /v1/query:batch and /v1/mask: photos in, what was found out."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from engine.adaptation import domain_of
from engine.cropping import DECODED_SIDE, cropped, within
from engine.describe import Described
from engine.errors import ImageError, PacksightError
from engine.images import load
from engine.names import nearest
from engine.request import Filter
from engine.timings import Stopwatch
from engine.types import Matte, Results, RGBImage
from online.api_types import BatchAnswer, MaskPreview, QueryAnswer
from online.page import render
from online.service.answers import Answer, Photo, preview_document
from online.service.forms import read_form
from online.service.logs import request_id
from online.service.problems import RequestError, problem_of
from online.service.products import no_image
from online.service.requests import SentRequest, read_request
from online.service.served import OpenGallery
from online.service.service import Service, service_of
from online.service.spec import AS_FILES, MASK_SPEC, QUERY_BATCH_SPEC, QUERY_SPEC

router = APIRouter()
MOST_PHOTOS = 64
_PHOTO = "the photo"


@dataclass(frozen=True, eq=False)
class Sent:
    """What came in a body; ``photos``: the bytes of every file."""

    photos: Sequence[bytes]
    request: SentRequest


@router.post("/v1/query", response_model=QueryAnswer, responses=AS_FILES, openapi_extra=QUERY_SPEC)
async def query(
    request: Request,
    gallery: str | None = None,
    format: Literal["json", "csv", "html"] = "json",
    separator: Literal[",", ";"] = ",",
) -> Response:
    """The products that a photo shows, or a catalogue image is like, best first."""
    service = service_of(request)
    form = _form(format, separator)
    sent = await _read(request, 1)
    opened = await service.gallery(gallery)
    with service.describing.admitted(1):
        answer = await service.in_time(_answer(service, opened, sent.request, sent.photos))
        return await service.run(lambda: form(service, opened, answer))


@router.post("/v1/query:batch", response_model=BatchAnswer, openapi_extra=QUERY_BATCH_SPEC)
async def query_batch(request: Request, gallery: str | None = None) -> Response:
    """The answer to each of several photos, in their order, or what was wrong with it."""
    service = service_of(request)
    sent = await _read(request, MOST_PHOTOS)
    if not sent.photos:
        raise RequestError(400, "There is no photo.", remedy="Send each as a file named photo.")
    opened = await service.gallery(gallery)
    found: list[object] = []
    # No more of them at a time than are described together, whose images lie in memory.
    places = min(len(sent.photos), service.options.batch, service.options.queue)
    with service.describing.admitted(places):
        for start in range(0, len(sent.photos), places):
            part = sent.photos[start : start + places]
            found += await asyncio.gather(
                *(_one_of_many(service, opened, sent.request, photo) for photo in part)
            )
    return JSONResponse({"answers": found})


@router.post("/v1/mask", response_model=MaskPreview, openapi_extra=MASK_SPEC)
async def mask(request: Request, gallery: str | None = None) -> Response:
    """The mask and the categories by which a photo would be searched for."""
    service = service_of(request)
    sent = await _read(request, 1)
    opened = await service.gallery(gallery)
    with service.describing.admitted(1):
        photo = await _photo(service, opened, sent.request, sent.photos)
        watch = Stopwatch()
        described = await service.in_time(_described(service, opened, sent.request, photo, watch))
    return JSONResponse(preview_document(described, photo, used=sent.request.mask))


async def _one_of_many(
    service: Service, opened: OpenGallery, sent: SentRequest, photo: bytes
) -> object:
    try:
        answer = await service.in_time(_answer(service, opened, sent, [photo]))
    except PacksightError as error:
        return problem_of(error).document(request_id.get())
    return await service.run(answer.document)


async def _answer(
    service: Service, opened: OpenGallery, sent: SentRequest, photos: Sequence[bytes]
) -> Answer:
    watch = Stopwatch()
    if sent.image is not None and not photos and sent.url is None:
        return await service.run(lambda: _like_image(opened, sent, int(sent.image or 0), watch))
    photo = await _photo(service, opened, sent, photos)
    await service.run(lambda: _require_answerable(opened, sent))  # before describing
    described = await _described(service, opened, sent, photo, watch)
    return await service.run(lambda: _found(opened, sent, described, photo, watch))


def _require_answerable(opened: OpenGallery, sent: SentRequest) -> None:
    opened.require_generation(sent.generation)
    opened.searcher.checked(sent.request())


async def _photo(
    service: Service, opened: OpenGallery, sent: SentRequest, photos: Sequence[bytes]
) -> Photo:
    if [bool(photos), sent.url is not None, sent.image is not None].count(True) > 1:
        raise RequestError(400, "A photo, url and image cannot be combined.", remedy="Send one.")
    if not photos and sent.url is None:
        raise RequestError(
            400,
            "There is no photo, and no id of a catalogue image.",
            remedy='Send a file named photo, or as JSON {"image": ID}.',
        )
    data = photos[0] if photos else await service.remote_images.fetch(sent.url or "")
    return await service.run(lambda: _decoded(opened, data, sent))


def _decoded(opened: OpenGallery, data: bytes, sent: SentRequest) -> Photo:
    limits, sha256 = opened.limits, hashlib.sha256(data).hexdigest()
    if sent.box is None:
        image = load(data, uri=_PHOTO, limits=limits)
        return Photo(image, image.original_size, (0, 0, *image.original_size), sha256)
    larger = replace(limits, max_side=max(limits.max_side, DECODED_SIDE))
    whole = load(data, uri=_PHOTO, limits=larger)
    box = within(sent.box, *whole.original_size, _PHOTO)
    return Photo(cropped(whole, box, limits.max_side), whole.original_size, box, sha256)


async def _described(
    service: Service, opened: OpenGallery, sent: SentRequest, photo: Photo, watch: Stopwatch
) -> Described:
    image = photo.image
    matte = None if sent.mask else _whole(image)
    described = await service.describing.describe(opened, image, matte, watch)
    return described if sent.mask else _without_contour(described)


def _whole(image: RGBImage) -> Matte:
    return Matte(np.ones((image.height, image.width), np.float32))


def _without_contour(described: Described) -> Described:
    """The frame of the photo is no contour of a product, nor a mask that covers too much."""
    description = described.description
    quality = replace(description.quality, untrusted=True, nearly_everything=False)
    return replace(described, description=replace(description, quality=quality))


def _found(
    opened: OpenGallery,
    sent: SentRequest,
    described: Described,
    photo: Photo,
    watch: Stopwatch,
) -> Answer:
    searcher = opened.searcher
    with opened.gallery.snapshot():
        opened.require_generation(sent.generation)
        as_of, generation = datetime.now(UTC), opened.generation
        request = searcher.checked(sent.request())
        results = searcher.results(described.description, request, watch)
        results = _noted(opened, request.where, results)
    return Answer(results, sent, opened.name, generation, as_of, photo, described.cutout)


def _noted(opened: OpenGallery, where: Filter, results: Results) -> Results:
    """With a note on each attribute that no image has, of as many as are looked at: where nothing
    passes the filter, it may be misspelt."""
    if results.hits or not where:
        return results
    held = opened.gallery.attribute_names()
    notes = []
    for name in sorted(where.attributes() - set(held)):
        near = nearest(name, held)
        meant = "" if near is None else f"; did you mean {near!r}?"
        notes.append(f"no image that was looked at has an attribute {name!r}{meant}")
    return replace(results, notes=(*results.notes, *notes))


async def _read(request: Request, most: int) -> Sent:
    async with read_form(request, "photo", MOST_PHOTOS, or_json=True) as form:
        if len(form.files) > most:
            raise RequestError(
                400,
                f"There are {len(form.files)} photos, where one is searched for.",
                remedy=f"POST v1/query:batch takes up to {MOST_PHOTOS}.",
            )
        return Sent([await photo.read() for photo in form.files], read_request(form.request))


Form = Callable[[Service, OpenGallery, Answer], Response]


def _form(name: str, separator: str) -> Form:
    if name == "html":
        return _html
    if name == "csv":
        return lambda service, opened, answer: _download(
            answer.table(separator), "text/csv", "hits.csv"
        )
    return lambda service, opened, answer: JSONResponse(answer.document())


def _html(service: Service, opened: OpenGallery, answer: Answer) -> Response:
    if answer.photo is None or answer.cutout is None:
        raise RequestError(
            422, "format: html is of a photo's answer alone.", remedy="Send format=json or csv."
        )

    def thumbnail(uri: str) -> RGBImage | None:
        try:
            return load(uri, limits=opened.limits)
        except ImageError:
            return None

    page = render(
        answer.shown(), answer.photo.image, answer.cutout, thumbnails=thumbnail, uris=False
    )
    return _download(page, "text/html", "hits.html")


def _download(text: str, kind: str, name: str) -> Response:
    return Response(
        text.encode("utf-8", "replace"),
        media_type=f"{kind}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _like_image(opened: OpenGallery, sent: SentRequest, image: int, watch: Stopwatch) -> Answer:
    """What is like an image of the catalogue; other images of its product are left out."""
    searcher, gallery = opened.searcher, opened.gallery
    with gallery.snapshot():
        opened.require_generation(sent.generation)
        as_of, generation = datetime.now(UTC), opened.generation
        try:
            (record,) = gallery.records([image])
        except KeyError:
            raise no_image(opened, image) from None
        same = [source.id for source in gallery.find(product_id=record.product_id)]
        domain = domain_of(record.attributes)
        wanted = replace(sent.request(), without=same, domain=domain)
        results = searcher.results(record.description, searcher.checked(wanted), watch)
        results = _noted(opened, wanted.where, results)
    return Answer(results, sent, opened.name, generation, as_of, None, None)
