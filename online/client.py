"""The service from Python: typed answers, and what may be tried again is tried again.

from packsight import Client

with Client("http://localhost:8000", key="psk_…") as client:
    for hit in client.query("photo.jpg", k=5).hits:
        print(hit.rank, hit.product, hit.probability)
"""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar
from urllib.parse import quote

try:
    import httpx
except ModuleNotFoundError as error:
    missing = "packsight.Client needs the extra `serve`: pip install 'packsight[serve]'"
    raise ModuleNotFoundError(missing, name=error.name) from None
from pydantic import BaseModel, ValidationError

from engine.errors import ImageError, PacksightError
from online.api_types import (
    CategoriesAnswer,
    CategoryCount,
    GalleriesAnswer,
    GalleryAnswer,
    HitAnswer,
    JobAnswer,
    MaskPreview,
    ProductAnswer,
    ProductsAnswer,
    QueryAnswer,
    Refusal,
    SubmittedJob,
)

Photo = str | Path | bytes | BinaryIO
_Fields = Mapping[str, Any]
_Files = Sequence[tuple[str, tuple[str, bytes]]]
Answered = TypeVar("Answered", bound=BaseModel)

# Busy, limited by rate, or between a proxy and a service that is starting anew.
_AGAIN = frozenset({429, 502, 503, 504})
_LONGEST_WAIT = 30.0  # seconds


class ServiceError(PacksightError):
    """The service refused a request, or could not be reached (``status`` 0)."""

    def __init__(
        self, message: str, *, status: int, remedy: str = "", request_id: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.request_id = request_id


class Client:
    """Queries of one service and changes of its catalogue; a context manager, for several threads.

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
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._gallery = gallery
        self._tries = max(1, tries)
        self._http = httpx.Client(
            base_url=address.rstrip("/") + "/",
            headers=headers,
            timeout=timeout,
            transport=transport,
        )

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
        return _read(self._sent("GET", "v1/galleries"), GalleriesAnswer).galleries

    def categories(self) -> Sequence[CategoryCount]:
        return _read(self._sent("GET", "v1/categories"), CategoriesAnswer).categories

    def products(
        self, *, category: str | None = None, after: str = "", limit: int = 50
    ) -> ProductsAnswer:
        """In the order of their ids, from the one behind ``after`` on."""
        wanted = {"after": after, "limit": str(limit)}
        if category is not None:
            wanted["category"] = category
        return _read(self._sent("GET", "v1/products", params=wanted), ProductsAnswer)

    def product(self, product: str) -> ProductAnswer:
        return _read(self._sent("GET", f"v1/products/{quote(product)}"), ProductAnswer)

    def download(self, address: str) -> bytes:
        """The bytes of a hit's ``image`` or ``thumbnail``."""
        url = httpx.URL(address)
        return self._sent("GET", url.path, params=dict(url.params)).content

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

    def job(self, job: str) -> JobAnswer:
        """How far it is."""
        return _read(self._sent("GET", f"v1/jobs/{quote(job)}"), JobAnswer)

    def judge(self, answer: QueryAnswer, hit: HitAnswer, *, same: bool) -> None:
        """Keep whether the photo of an answer shows a hit's product: the gallery learns from it."""
        if answer.photo is None:
            raise ServiceError("The answer is to no photo.", status=0)
        body = {"photo": answer.photo.sha256, "product": hit.product, "same": same}
        self._sent("POST", "v1/judgements", body=body)

    def close(self) -> None:
        self._http.close()

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
            return _read(self._sent("POST", path, body=request), kind)
        files = [("photo", ("photo", _bytes(photo)))]
        return _read(self._sent("POST", path, files=files, data=request), kind)

    def _changed(
        self, method: str, path: str, wait: bool, files: _Files | None, data: _Fields | None
    ) -> SubmittedJob:
        params = {"wait": "1"} if wait else {}
        once = {"Idempotency-Key": secrets.token_hex(16)}
        return _read(
            self._sent(method, path, params=params, files=files, data=data, headers=once),
            SubmittedJob,
        )

    def _sent(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: _Fields | None = None,
        files: _Files | None = None,
        data: _Fields | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Each may be sent again: it changes nothing, or has an Idempotency-Key, or changes the
        same once more."""
        wanted = dict(params or {})
        if self._gallery is not None:
            wanted["gallery"] = self._gallery
        field = None if data is None else {"request": json.dumps(data)}
        for tries_left in reversed(range(self._tries)):
            wait = 0.2 * 2 ** (self._tries - 1 - tries_left) * random.uniform(0.75, 1.25)
            try:
                answer = self._http.request(
                    method,
                    path,
                    params=wanted or None,
                    json=body,
                    files=files,
                    data=field,
                    headers=headers,
                )
            except httpx.TransportError as error:
                if not tries_left:
                    raise _unreached(self._http.base_url, error) from error
            else:
                if answer.is_success:
                    return answer
                if answer.status_code not in _AGAIN or not tries_left:
                    raise _refused(answer)
                wait = _wanted_wait(answer, wait)
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")


def _bytes(photo: Photo) -> bytes:
    if isinstance(photo, bytes):
        return photo
    try:
        return Path(photo).read_bytes() if isinstance(photo, str | Path) else photo.read()
    except OSError as error:
        raise ImageError(str(photo), f"cannot be read ({error.strerror}).") from error


def _wanted_wait(answer: httpx.Response, otherwise: float) -> float:
    try:
        return min(_LONGEST_WAIT, float(answer.headers.get("retry-after", "")))
    except ValueError:
        return otherwise


def _read(answer: httpx.Response, kind: type[Answered]) -> Answered:
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        raise ServiceError(
            f"{_shown(answer.url)}: its answer is none of Packsight's ({error.title}).",
            status=answer.status_code,
            remedy="Check the address, and that client and service are of the same version.",
        ) from None


def _shown(url: httpx.URL) -> str:
    return str(url.copy_with(query=None))


def _refused(answer: httpx.Response) -> ServiceError:
    try:
        problem = Refusal.model_validate_json(answer.content)
    except ValidationError:
        return ServiceError(
            f"{_shown(answer.url)}: {answer.status_code} {answer.reason_phrase}.",
            status=answer.status_code,
            remedy="Check the address.",
        )
    return ServiceError(
        problem.detail,
        status=problem.status,
        remedy=problem.remedy,
        request_id=problem.request_id,
    )


def _unreached(address: httpx.URL, error: httpx.TransportError) -> ServiceError:
    if isinstance(error, httpx.UnsupportedProtocol):
        return ServiceError(
            f"{address}: is no address of a service.",
            status=0,
            remedy="Begin it with http:// or https://.",
        )
    return ServiceError(
        f"{address}: cannot be reached ({error}).",
        status=0,
        remedy="Start it with: packsight serve --gallery GALLERY",
    )
