"""GET galleries, categories, attributes, products, images and thumbnails."""

from __future__ import annotations

import hashlib
import io
from collections import OrderedDict
from threading import Lock
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi import Path as PathParameter
from fastapi.responses import Response
from PIL import Image

from engine.attributes import bounded
from engine.errors import GalleryError, ImageError
from engine.images import load
from engine.names import canonical
from engine.object_stores import path_of
from engine.types import Source
from online.api_types import (
    AttributesAnswer,
    CategoriesAnswer,
    GalleriesAnswer,
    ProductAnswer,
    ProductsAnswer,
)
from online.service.logs import log_failure
from online.service.problems import RequestError
from online.service.served import OpenGallery
from online.service.service import Service, service_of
from online.service.spec import OF_IMAGES

router = APIRouter()
SIDES = (128, 256, 512)  # of thumbnails: few, so that a cache in between has them all
_KEPT = 64 * 2**20  # bytes of thumbnails in memory
_QUALITY = 82
_FOREVER = "private, max-age=31536000, immutable"
_DIGITS = 16  # of a content's SHA-256, as the version in an address
Version = Annotated[
    str | None,
    Query(max_length=64, description="of the content: the answer may be kept for ever"),
]
ImageId = Annotated[int, PathParameter(ge=0, lt=2**63)]  # what a database can hold
_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIF": "image/heif",
}


@router.get("/v1/galleries", response_model=GalleriesAnswer)
async def galleries(request: Request) -> dict[str, Any]:
    """What can be searched now, and what parts its hits are compared by."""
    service = service_of(request)
    found = []
    for name in service.galleries.names:
        try:
            found.append(await _gallery(service, name))
        except GalleryError as error:  # the others can be searched all the same
            if len(service.galleries.names) == 1:
                raise
            log_failure(error)
    return {"galleries": found}


async def _gallery(service: Service, name: str) -> dict[str, object]:
    opened = await service.gallery(name)

    def described() -> dict[str, object]:
        gallery, searcher = opened.gallery, opened.searcher
        with gallery.snapshot():
            return {
                "name": name,
                "images": len(gallery),
                "products": gallery.count_products(),
                "generation": opened.generation,
                "calibrated": gallery.calibration() is not None,
                "parts": {
                    "shape": searcher.ranks_by.top_n > 0,
                    "print": searcher.describer.keypoints is not None,
                },
                "attributes": gallery.attribute_names(),
            }

    return await service.run(described)


@router.get("/v1/categories", response_model=CategoriesAnswer)
async def categories(request: Request, gallery: str | None = None) -> dict[str, Any]:
    """In alphabetical order, with their numbers of images."""
    service = service_of(request)
    opened = await service.gallery(gallery)
    held = await service.run(lambda: opened.gallery.categories())
    return {"categories": [{"name": name, "images": count} for name, count in held.items()]}


@router.get("/v1/attributes", response_model=AttributesAnswer)
async def attributes(request: Request, gallery: str | None = None) -> dict[str, Any]:
    """In alphabetical order, each with its 50 most frequent values of at most 100 characters: of
    5,000 images, spread evenly by their ids."""
    opened = await service_of(request).gallery(gallery)

    def found() -> list[dict[str, object]]:
        return [
            {"name": name, "values": [{"value": v, "images": n} for v, n in values.items()]}
            for name, values in opened.gallery.attribute_values().items()
        ]

    return {"attributes": await service_of(request).run(found)}


@router.get("/v1/products", response_model=ProductsAnswer)
async def products(
    request: Request,
    gallery: str | None = None,
    category: str | None = None,
    after: Annotated[str, Query(max_length=1000)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    generation: Annotated[str | None, Query(max_length=100)] = None,
) -> dict[str, Any]:
    """In the order of their ids, from the one behind ``after`` on; with ``generation``, that of an
    earlier page, as long as it is in use: predicted categories are of one model then."""
    service = service_of(request)
    opened = await service.gallery(gallery)

    def page() -> dict[str, Any]:
        with opened.gallery.snapshot():
            opened.require_generation(generation)
            now = opened.generation
            names = opened.gallery.product_ids(after, limit + 1, category)
            shown = [_product(opened, name) for name in names[:limit]]
        further = names[limit - 1] if len(names) > limit else None
        return {"products": shown, "after": further, "generation": now}

    return await service.run(page)


@router.get("/v1/products/{product:path}", response_model=ProductAnswer)
async def product(request: Request, product: str, gallery: str | None = None) -> dict[str, Any]:
    """One product with all its images."""
    service = service_of(request)
    opened = await service.gallery(gallery)
    return await service.run(lambda: _product(opened, product))


def _product(opened: OpenGallery, product: str) -> dict[str, Any]:
    sources = opened.gallery.find(product_id=canonical(product))
    if not sources:
        raise no_product(opened, product)
    return {
        "product": sources[0].product_id,
        "category": sources[0].category,
        "attributes": bounded(sources[0].attributes),
        "images": [image_document(opened, source) for source in sources],
    }


def no_product(opened: OpenGallery, product: str) -> RequestError:
    return RequestError(
        404,
        f"Gallery {opened.name!r} has no product {product[:100]!r}.",
        remedy="GET v1/products lists them.",
    )


def no_image(opened: OpenGallery, image: int) -> RequestError:
    return RequestError(
        404,
        f"Gallery {opened.name!r} has no image {image}.",
        remedy="GET v1/products lists the images of every product with their ids.",
    )


def image_document(opened: OpenGallery, source: Source) -> dict[str, Any]:
    return {
        "id": source.id,
        "category": source.category,
        "labelled": source.labelled,
        "sha256": source.sha256,
        **image_urls(opened.name, source.id, source.sha256),
    }


def image_urls(gallery: str, image: int, sha256: str) -> dict[str, str]:
    """Of an image and its thumbnail, as they may be kept for ever."""
    address, query = f"v1/images/{image}", urlencode({"gallery": gallery, "v": sha256[:_DIGITS]})
    return {"image_url": f"{address}?{query}", "thumbnail_url": f"{address}/thumbnail?{query}"}


@router.get("/v1/images/{image}", response_class=Response, responses=OF_IMAGES)
async def image(
    request: Request, image: ImageId, gallery: str | None = None, v: Version = None
) -> Response:
    """The file as it was ingested; its ETag is its SHA-256."""
    service = service_of(request)
    opened = await service.gallery(gallery)

    def found() -> Response:
        source = source_of(opened, image)
        tag = f'"{source.sha256}"'
        headers = _headers(tag, source, v)
        if _is_known(request, tag):
            return Response(status_code=304, headers=headers)
        data = image_bytes(opened, source)
        return Response(data, media_type=_type(data), headers=headers)

    return await service.run(found)


@router.get("/v1/images/{image}/thumbnail", response_class=Response, responses=OF_IMAGES)
async def thumbnail(
    request: Request,
    image: ImageId,
    side: Annotated[int, Query(ge=1, le=SIDES[-1])] = 256,
    gallery: str | None = None,
    v: Version = None,
) -> Response:
    """A JPEG, its longer side 128, 256 or 512: the first of these that is no less than ``side``."""
    service = service_of(request)
    opened = await service.gallery(gallery)
    wanted = next(one for one in SIDES if one >= side)

    def found() -> Response:
        source = source_of(opened, image)
        tag = f'"{source.sha256[:32]}-{wanted}"'
        headers = _headers(tag, source, v)
        if _is_known(request, tag):
            return Response(status_code=304, headers=headers)
        data = _thumbnails.get(opened, source, wanted)
        return Response(data, media_type="image/jpeg", headers=headers)

    return await service.run(found)


def source_of(opened: OpenGallery, image: int) -> Source:
    """RequestError (404) where there is none."""
    source = opened.gallery.source(image)
    if source is None:
        raise no_image(opened, image)
    return source


def _is_known(request: Request, tag: str) -> bool:
    return tag in request.headers.get("if-none-match", "")


def _headers(tag: str, source: Source, version: str | None) -> dict[str, str]:
    """An id may come to be of another content: without that of now nothing is kept unseen."""
    current = version is not None and version[:_DIGITS] == source.sha256[:_DIGITS]
    return {"ETag": tag, "Cache-Control": _FOREVER if current else "private, no-cache"}


def image_bytes(opened: OpenGallery, source: Source) -> bytes:
    """Of the file that was ingested: another one at its place is not shown."""
    path = path_of(source.uri)
    try:
        if path.stat().st_size > opened.limits.max_bytes:
            raise _not_shown(source, "has become too large to be sent")
        data = path.read_bytes()
    except OSError:
        raise _not_shown(source, "cannot be read where it was ingested") from None
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise _not_shown(source, "was changed since it was ingested")
    return data


def _not_shown(source: Source, reason: str) -> RequestError:
    return RequestError(
        404,
        f"The file of image {source.id} {reason}.",
        remedy="The operator ingests its folder again.",
    )


def _type(data: bytes) -> str:
    try:
        with Image.open(io.BytesIO(data)) as found:
            return _TYPES.get(found.format or "", "application/octet-stream")
    except Exception:  # a format that Pillow reads by a plugin, or not at all
        return "application/octet-stream"


class _Thumbnails:
    """The last ones that were made; thread-safe."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._bytes = 0
        self._guard = Lock()

    def get(self, opened: OpenGallery, source: Source, side: int) -> bytes:
        key = (source.sha256, side)
        with self._guard:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        data = _jpeg(opened, source, side)
        with self._guard:
            self._bytes += len(data) - len(self._kept.get(key, b""))
            self._kept[key] = data
            while self._bytes > _KEPT:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone)
        return data


_thumbnails = _Thumbnails()


def _jpeg(opened: OpenGallery, source: Source, side: int) -> bytes:
    try:
        pixels = load(image_bytes(opened, source), uri="the image", limits=opened.limits).pixels
    except ImageError:
        raise RequestError(404, "The image cannot be shown.") from None
    found = Image.fromarray(pixels)
    found.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    out = io.BytesIO()
    found.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
