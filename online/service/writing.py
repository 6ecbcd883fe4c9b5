"""PUT, POST and DELETE products: images in, jobs out.

What is acknowledged lies on the disk: the images first, then the job, then the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import UploadFile

from engine.errors import ImageError, ImageTooLargeError
from engine.images import ImageLimits, load
from engine.names import canonical
from online.api_types import DryRunAnswer, SubmittedJob
from online.service.applying import deleted_by
from online.service.changes import (
    MOST_IMAGES,
    Category,
    Change,
    Kind,
    product_id,
    read_product,
    read_where,
)
from online.service.forms import read_form
from online.service.job import Job
from online.service.jobs import UploadGoneError
from online.service.problems import RequestError
from online.service.served import OpenGallery
from online.service.service import Service, service_of
from online.service.spec import PRODUCT_SPEC
from online.service.writer import Writer

router = APIRouter()
_TRIES = 3  # to store images that are removed meanwhile
_SHOWN = 20  # products of a dry run

_Responses = dict[int | str, dict[str, Any]]
_ENDED: _Responses = {200: {"model": SubmittedJob, "description": "The job has ended."}}
_ENDED_OR_COUNTED: _Responses = {
    200: {"model": SubmittedJob | DryRunAnswer, "description": "The job has ended; or a dry run."}
}
Wait = Annotated[bool, Query(description="answer when the job is done, or after the deadline")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        description="of this change alone: sent again within a day it gives the same job",
    ),
]


@router.put(
    "/v1/products/{product:path}",
    status_code=202,
    response_model=SubmittedJob,
    responses=_ENDED,
    openapi_extra=PRODUCT_SPEC,
)
async def replace_product(
    request: Request,
    product: str,
    gallery: str | None = None,
    wait: Wait = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Make a product of these images alone, with this category and these attributes."""
    return await _stored(request, "replace", product, gallery, wait, idempotency_key)


@router.post(
    "/v1/products/{product:path}/images",
    status_code=202,
    response_model=SubmittedJob,
    responses=_ENDED,
    openapi_extra=PRODUCT_SPEC,
)
async def add_images(
    request: Request,
    product: str,
    gallery: str | None = None,
    wait: Wait = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Add images to a product, with its category and attributes where none are given."""
    return await _stored(request, "add", product, gallery, wait, idempotency_key)


@router.delete(
    "/v1/products/{product:path}",
    status_code=202,
    response_model=SubmittedJob,
    responses=_ENDED,
)
async def delete_product(
    request: Request,
    product: str,
    gallery: str | None = None,
    wait: Wait = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Delete a product with all its images; one that is not there is none that is left."""
    service = service_of(request)
    writer = service.writers.of(gallery)
    change = Change(kind="delete", product=product_id(product))
    job = await service.writers.look(lambda: writer.submit(change, idempotency_key))
    return await _answer(service, writer, job, wait)


@router.delete(
    "/v1/products", status_code=202, response_model=SubmittedJob, responses=_ENDED_OR_COUNTED
)
async def delete_matching(
    request: Request,
    gallery: str | None = None,
    where: Annotated[str | None, Query(max_length=10_000)] = None,
    category: Annotated[list[Category] | None, Query(max_length=MOST_IMAGES)] = None,
    dry_run: bool = False,
    wait: Wait = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Delete all images of these categories that pass a filter, as a query has it, and products
    with their last image; a dry run counts them alone."""
    service = service_of(request)
    clauses = read_where(where) if where is not None else []
    if not clauses and not category:
        raise RequestError(
            422,
            "A filter is needed: everything would be deleted.",
            remedy="Give where, category, or both.",
        )
    categories = None if category is None else tuple(map(canonical, category))
    change = Change(kind="delete matching", where=clauses, categories=categories)
    if dry_run:
        opened = await service.gallery(gallery)
        found = service.run(lambda: _counted(opened, change))
        return JSONResponse(await service.in_time(found))
    writer = service.writers.of(gallery)
    job = await service.writers.look(lambda: writer.submit(change, idempotency_key))
    return await _answer(service, writer, job, wait)


async def _stored(
    request: Request,
    kind: Kind,
    product: str,
    gallery: str | None,
    wait: bool,
    idempotency_key: str | None,
) -> Response:
    service = service_of(request)
    name = product_id(product)
    opened = await service.gallery(gallery)
    writer = service.writers.of(opened.name)
    with service.writers.admitted():
        async with read_form(request, "image", MOST_IMAGES) as form:
            if not form.files:
                raise RequestError(
                    422, "There is no image.", remedy="Send each as a file named image."
                )
            sent = read_product(form.request)
            change = Change(
                kind=kind, product=name, category=sent.category, attributes=sent.attributes
            )
            job = await service.in_time(
                _acknowledged(service, opened, writer, change, form.files, idempotency_key)
            )
    return await _answer(service, writer, job, wait)


async def _acknowledged(
    service: Service,
    opened: OpenGallery,
    writer: Writer,
    change: Change,
    images: Sequence[UploadFile],
    idempotency_key: str | None,
) -> Job:
    """All images are judged before one is stored."""
    writers = service.writers
    for place, image in enumerate(images, start=1):
        if (image.size or 0) > service.options.max_bytes:
            raise RequestError(413, f"Image {place} has too many bytes.", remedy="Send it smaller.")
        content = await image.read()
        await writers.receive(lambda: _require_image(content, place, opened.limits))  # noqa: B023
    for _ in range(_TRIES):
        kept = []
        for image in images:
            await image.seek(0)
            content = await image.read()
            product = change.product
            kept.append(await writers.receive(lambda: writer.uploads.keep(product, content)))  # noqa: B023
        whole = change.model_copy(update={"images": tuple(kept)})
        try:
            return await writers.look(lambda: writer.submit(whole, idempotency_key))  # noqa: B023
        except UploadGoneError:  # with an image of before that was deleted
            continue
    raise RequestError(503, "The images are being deleted.", retry_after=1)


def _require_image(content: bytes, place: int, limits: ImageLimits) -> None:
    try:
        load(content, uri="", limits=limits)
    except ImageTooLargeError as error:
        raise RequestError(
            413, f"Image {place} {error.reason}", remedy="Send it smaller."
        ) from None
    except ImageError as error:
        raise RequestError(415, f"Image {place} {error.reason}", remedy=error.remedy) from None


async def _answer(service: Service, writer: Writer, job: Job, wait: bool) -> Response:
    if wait:
        job = await service.writers.until_ended(writer, job, service.options.deadline)
    if wait and job.state == "failed":
        raise RequestError(
            422, f"Job {job.id} failed: {job.error}", remedy="Mend that, and send the change anew."
        )
    document = {"job": job.id, "state": job.state}
    return JSONResponse(document, 200 if wait and job.ended else 202)


def _counted(opened: OpenGallery, change: Change) -> dict[str, Any]:
    gallery = opened.gallery
    with gallery.snapshot():
        found = [source.product_id for source in deleted_by(change, gallery)]
    products = sorted(set(found))
    return {
        "images": len(found),
        "products": len(products),
        "first": list(islice(products, _SHOWN)),
    }
