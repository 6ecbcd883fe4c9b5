"""Errors as application/problem+json (RFC 9457): the one place that chooses their status.

An answer never holds a traceback or an absolute path of the server; the log does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from engine.errors import (
    ConfigError,
    EmptyGalleryError,
    GalleryError,
    ImageError,
    ImageTooLargeError,
    PacksightError,
    StageError,
)

MEDIA_TYPE = "application/problem+json"
BUSY_SECONDS = 5  # after which a client may try again, where nothing better is known

_UNAVAILABLE = "The operator finds the reason in the log of the service, by this request_id."
_FILLED = "Send a product, PUT v1/products/PRODUCT, or let the operator ingest images."
# Two or more parts of a path from the root on, of POSIX or of Windows, not within an address.
_PATH = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:|\\\\[^\s\\/]+|~\w*)?(?:[\\/][^\s\\/'\"`:,;)]+){2,}")
_OF_ROUTING = {
    HTTPStatus.NOT_FOUND: "The service has nothing at this address.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take requests of this method.",
}
_LONGEST = 500  # characters of a detail


class RequestError(PacksightError):
    """A request that is refused with this status; message and remedy are shown as they are."""

    def __init__(
        self, status: int, message: str, *, remedy: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.retry_after = retry_after  # seconds


@dataclass(frozen=True)
class Problem:
    """What a client reads of an error."""

    status: int
    name: str  # of its kind, for programs: unreadable-image, …
    detail: str
    remedy: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_failure: bool = False  # of the service, not of the request: its cause belongs into the log

    def document(self, request_id: str) -> dict[str, object]:
        return {
            "type": f"urn:packsight:problem:{self.name}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "remedy": self.remedy,
            "request_id": request_id,
        }

    def response(self, request_id: str) -> Response:
        body = json.dumps(self.document(request_id), ensure_ascii=True)
        return Response(body, self.status, dict(self.headers), MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """The answer to any exception; of one that is no user's error nothing is shown."""
    match error:
        case RequestError():
            return _refused(error)
        case ImageTooLargeError():
            return Problem(413, "image-too-large", _of_photo(error.reason), "Send it smaller.")
        case ImageError():
            return Problem(415, "unreadable-image", _of_photo(error.reason), error.remedy)
        case StageError():
            return Problem(
                422, "image-not-described", _of_photo(f"cannot be described: {error.reason}")
            )
        case ConfigError():
            return Problem(422, "invalid-value", _shown(error.message), _shown(error.remedy))
        case EmptyGalleryError():
            return Problem(409, "gallery-empty", "The gallery has no image yet.", _FILLED)
        case GalleryError():
            return _unavailable("gallery-unavailable", "The gallery cannot be read or written now.")
        case PacksightError():
            return _unavailable("service-unavailable", "The service cannot answer now.")
        case HTTPException():
            return _of_framework(error)
        case _:
            detail = "The service failed at this request."
            return Problem(500, "failure", detail, _UNAVAILABLE, is_failure=True)


def without_paths(text: str) -> str:
    """Absolute paths shortened to their last part."""
    return _PATH.sub(lambda found: "…/" + re.split(r"[\\/]", found[0])[-1], text)


def _refused(error: RequestError) -> Problem:
    name = HTTPStatus(error.status).name.lower().replace("_", "-")
    headers = {} if error.retry_after is None else {"Retry-After": _seconds(error.retry_after)}
    return Problem(error.status, name, error.message, error.remedy, headers)


def _seconds(time: float) -> str:
    return str(max(1, -int(-time // 1)))


def _of_photo(reason: str) -> str:
    return _shown(f"The photo {reason}")


def _unavailable(name: str, detail: str) -> Problem:
    headers = {"Retry-After": str(BUSY_SECONDS)}
    return Problem(503, name, detail, _UNAVAILABLE, headers, is_failure=True)


def _of_framework(error: HTTPException) -> Problem:
    """Of routing and parsing: no such path, method not allowed, a body that cannot be parsed."""
    status = HTTPStatus(error.status_code)
    name = status.name.lower().replace("_", "-")
    detail = _OF_ROUTING.get(status) or str(error.detail or status.phrase)
    headers = dict(error.headers or {})
    return Problem(status, name, _shown(detail), "The page /docs has all fields.", headers)


def _shown(text: str) -> str:
    return without_paths(text)[:_LONGEST]
