"""The service from Python: typed answers, and what may be tried again is tried again.

from packsight import Client

with Client("http://localhost:8000", key="psk_…") as client:
    for hit in client.query("photo.jpg", k=5).hits:
        print(hit.rank, hit.product, hit.probability)
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self
from urllib.parse import parse_qsl, quote, urlsplit

from engine.errors import ImageError
from online.api_types import (
    AttributeAnswer,
    AttributesAnswer,
    CategoriesAnswer,
    CategoryCount,
    DecisionAnswer,
    DryRunAnswer,
    GalleriesAnswer,
    GalleryAnswer,
    HitAnswer,
    ImageAnswer,
    JobAnswer,
    JobsAnswer,
    MaskPreview,
    ProductAnswer,
    ProductsAnswer,
    QueryAnswer,
    SubmittedJob,
)
from online.connection import Answered, Connection, Fields, Files, ServiceError, typed
from online.review_client import Review

if TYPE_CHECKING:
    import httpx

__all__ = ["Client", "ServiceError"]

Photo = str | Path | bytes | BinaryIO


class Client:
    """Queries of one service and changes of its catalogue; a context manager, for several threads.
    ``review``: what curators decide (``Review``).

    ``gallery``: which of several, None for the first. ``tries``: of a request that fails because
    the service is busy or cannot be reached; it waits as long as the service wants, else 0.2 s,
    0.4 s and so on. Raises ServiceError, and ImageError for a photo that cannot be read.
    """

    def __init__(
        self,
        address: str,
        *,
        key: str = "",
        gallery: str | None = None,
        timeout: float = 30.0,
        tries: int = 4,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._service = Connection(address, key, gallery, timeout, tries, transport)
        self.review = Review(self._service)

    def query(
        self,
        photo: Photo | None = None,
        *,
        image: int | None = None,
        url: str | None = None,
        box: tuple[int, int, int, int] | None = None,
        mask: bool = True,
        k: int = 10,
        offset: int = 0,
        categories: Sequence[str] | None = None,
        where: Sequence[Sequence[Mapping[str, Any]]] = (),
        weights: Mapping[str, float] | None = None,
        threshold: float | None = None,
        generation: str | None = None,
    ) -> QueryAnswer:
        """The ``k`` best products for a photo, for the photo at a ``url`` or like a catalogue
        ``image``. See docs/service.md for what the others mean."""
        request = {
            "image": image,
            "url": url,
            "box": box,
            "mask": mask,
            "k": k,
            "offset": offset,
            "categories": categories,
            "where": where,
            "weights": weights,
            "threshold": threshold,
            "generation": generation,
        }
        given = {name: value for name, value in request.items() if value is not None}
        return self._photo("v1/query", photo, given, QueryAnswer)

    def mask(
        self, photo: Photo, *, box: tuple[int, int, int, int] | None = None, mask: bool = True
    ) -> MaskPreview:
        """The mask and categories that a query for the photo would be made by."""
        given = {"mask": mask} if box is None else {"mask": mask, "box": box}
        return self._photo("v1/mask", photo, given, MaskPreview)

    def galleries(self) -> Sequence[GalleryAnswer]:
        found = self._service.send("GET", "v1/galleries", of_gallery=False)
        return typed(found, GalleriesAnswer).galleries

    def categories(self) -> Sequence[CategoryCount]:
        return typed(self._service.send("GET", "v1/categories"), CategoriesAnswer).categories

    def attributes(self) -> Sequence[AttributeAnswer]:
        """Their names, each with its most frequent values."""
        return typed(self._service.send("GET", "v1/attributes"), AttributesAnswer).attributes

    def products(
        self,
        *,
        category: str | None = None,
        after: str = "",
        limit: int = 50,
        generation: str | None = None,
    ) -> ProductsAnswer:
        """In the order of their ids, from the one behind ``after`` on; with ``generation``, that of
        an earlier page, refused (409) once another is in use."""
        wanted = {"after": after, "limit": str(limit)}
        if category is not None:
            wanted["category"] = category
        if generation is not None:
            wanted["generation"] = generation
        return typed(self._service.send("GET", "v1/products", params=wanted), ProductsAnswer)

    def product(self, product: str) -> ProductAnswer:
        return typed(self._service.send("GET", f"v1/products/{quote(product)}"), ProductAnswer)

    def download(self, of: HitAnswer | ImageAnswer | str) -> bytes:
        """The bytes of a hit's image, of a catalogue image, or of what lies at the ``image_url`` or
        ``thumbnail_url`` of one."""
        address = of.image_url if isinstance(of, HitAnswer | ImageAnswer) else of
        if not isinstance(address, str):
            raise ServiceError(
                f"A {type(of).__name__} is no hit and no image of the catalogue.",
                status=0,
                remedy="Give a hit, such as client.query(photo).hits[0], or its thumbnail_url.",
            )
        parts = urlsplit(address)
        return self._service.send("GET", parts.path, params=dict(parse_qsl(parts.query))).content

    def put_product(
        self,
        product: str,
        images: Sequence[Photo],
        *,
        category: str | None = None,
        attributes: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> SubmittedJob:
        """Make a product of these images alone; needs a key that curates. With ``wait`` the answer
        comes when the job is done, or after the service's deadline."""
        given: dict[str, Any] = {"category": category, "attributes": attributes}
        fields = {name: value for name, value in given.items() if value is not None}
        files = [("image", ("image", _bytes(image))) for image in images]
        return self._changed("PUT", f"v1/products/{quote(product)}", wait, files, fields)

    def add_images(
        self, product: str, images: Sequence[Photo], *, wait: bool = True
    ) -> SubmittedJob:
        """To a product, with its category and attributes."""
        files = [("image", ("image", _bytes(image))) for image in images]
        return self._changed("POST", f"v1/products/{quote(product)}/images", wait, files, {})

    def delete_product(self, product: str, *, wait: bool = True) -> SubmittedJob:
        """With all its images; one that is not there is no error."""
        return self._changed("DELETE", f"v1/products/{quote(product)}", wait, None, None)

    def matching(
        self,
        where: Sequence[Sequence[Mapping[str, Any]]] = (),
        categories: Sequence[str] = (),
    ) -> DryRunAnswer:
        """What ``delete_matching`` would delete; nothing is changed."""
        wanted = {**_filter(where, categories), "dry_run": "1"}
        return typed(self._service.send("DELETE", "v1/products", params=wanted), DryRunAnswer)

    def delete_matching(
        self,
        where: Sequence[Sequence[Mapping[str, Any]]] = (),
        categories: Sequence[str] = (),
        *,
        wait: bool = True,
    ) -> SubmittedJob:
        """All images of these categories that pass a filter, as ``where`` of a query has it."""
        wanted = _filter(where, categories)
        return self._changed("DELETE", "v1/products", wait, None, None, wanted)

    def job(self, job: str) -> JobAnswer:
        """How far it is."""
        return typed(self._service.send("GET", f"v1/jobs/{quote(job)}"), JobAnswer)

    def jobs(self, *, state: str | None = None, limit: int = 100) -> JobsAnswer:
        """The last to be submitted first; ``state``: queued, running, done or failed."""
        wanted = {"limit": str(limit)} if state is None else {"limit": str(limit), "state": state}
        return typed(self._service.send("GET", "v1/jobs", params=wanted), JobsAnswer)

    def judge(
        self,
        answer: QueryAnswer,
        hit: HitAnswer,
        *,
        same: bool,
        image: int | None = None,
    ) -> DecisionAnswer:
        """Keep whether the photo of an answer, or the catalogue ``image`` that was searched for,
        shows a hit's product: the gallery learns from it."""
        if (answer.photo is None) == (image is None):
            raise ServiceError(
                "The answer is to no photo." if image is None else "The answer is to a photo.",
                status=0,
                remedy="Give image=ID for an answer to a catalogue image, and for no other.",
            )
        query = {"image": image} if answer.photo is None else {"photo": answer.photo.sha256}
        body = {**query, "product": hit.product, "same": same}
        return typed(self._service.send("POST", "v1/judgements", body=body), DecisionAnswer)

    def close(self) -> None:
        self._service.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _photo(
        self, path: str, photo: Photo | None, request: Mapping[str, Any], kind: type[Answered]
    ) -> Answered:
        if photo is None:
            return typed(self._service.send("POST", path, body=request), kind)
        files = [("photo", ("photo", _bytes(photo)))]
        return typed(self._service.send("POST", path, files=files, data=request), kind)

    def _changed(
        self,
        method: str,
        path: str,
        wait: bool,
        files: Files | None,
        data: Fields | None,
        params: Mapping[str, str | Sequence[str]] | None = None,
    ) -> SubmittedJob:
        params = {**(params or {}), "wait": "1"} if wait else params
        once = {"Idempotency-Key": secrets.token_hex(16)}
        sent = self._service.send(method, path, params=params, files=files, data=data, headers=once)
        return typed(sent, SubmittedJob)


def _bytes(photo: Photo) -> bytes:
    if isinstance(photo, bytes):
        return photo
    try:
        return Path(photo).read_bytes() if isinstance(photo, str | Path) else photo.read()
    except OSError as error:
        raise ImageError(str(photo), f"cannot be read ({error.strerror}).") from error


def _filter(
    where: Sequence[Sequence[Mapping[str, Any]]], categories: Sequence[str]
) -> dict[str, str | Sequence[str]]:
    found: dict[str, str | Sequence[str]] = {"category": categories} if categories else {}
    return {**found, "where": json.dumps(where)} if where else found
