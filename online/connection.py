"""Requests to one service: what may be sent again is sent again, what is refused is an error."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

try:
    import httpx
except ModuleNotFoundError as error:
    missing = "packsight.Client needs the extra `serve`: pip install 'packsight[serve]'"
    raise ModuleNotFoundError(missing, name=error.name) from None
from pydantic import BaseModel, ValidationError

from engine.errors import PacksightError
from online.api_types import Refusal

Fields = Mapping[str, Any]
Files = Sequence[tuple[str, tuple[str, bytes]]]
Answered = TypeVar("Answered", bound=BaseModel)

# Refused before anything was done: too many requests of one client, or of all.
_BUSY = frozenset({429, 503})
# Those, or between a proxy and a service that is starting anew: it may have been carried out.
_AGAIN = _BUSY | {502, 504}
# No connection was made, so that nothing was sent.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_LONGEST_WAIT = 30.0  # seconds


class ServiceError(PacksightError):
    """The service refused a request, or could not be reached (``status`` 0)."""

    def __init__(
        self, message: str, *, status: int, remedy: str = "", request_id: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.request_id = request_id


class Connection:
    """To one service, for several threads; see ``Client``, whose arguments these are."""

    def __init__(
        self,
        address: str,
        key: str,
        gallery: str | None,
        timeout: float,
        tries: int,
        transport: httpx.BaseTransport | None,
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

    def close(self) -> None:
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | Sequence[str]] | None = None,
        body: Fields | None = None,
        content: bytes | None = None,
        files: Files | None = None,
        data: Fields | None = None,
        headers: Mapping[str, str] | None = None,
        of_gallery: bool = True,
        once: bool = False,
    ) -> httpx.Response:
        """``once``: to be carried out once at most, so that it is sent again only where nothing
        can have been done. Others change nothing, have an Idempotency-Key, or change the same once
        more. ``of_gallery``: whether it is about one of several."""
        wanted = dict(params or {})
        if of_gallery and self._gallery is not None:
            wanted.setdefault("gallery", self._gallery)
        field = None if data is None else {"request": json.dumps(data)}
        for tries_left in reversed(range(self._tries)):
            wait = 0.2 * 2 ** (self._tries - 1 - tries_left) * random.uniform(0.75, 1.25)
            try:
                answer = self._http.request(
                    method,
                    path,
                    params=wanted or None,
                    json=body,
                    content=content,
                    files=files,
                    data=field,
                    headers=headers,
                )
            except httpx.TransportError as error:
                if not tries_left or (once and not isinstance(error, _UNSENT)):
                    raise _unreached(self._http.base_url, error) from error
            else:
                if answer.is_success:
                    return answer
                if answer.status_code not in (_BUSY if once else _AGAIN) or not tries_left:
                    raise _refused(answer)
                wait = _wanted_wait(answer, wait)
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")


def _wanted_wait(answer: httpx.Response, otherwise: float) -> float:
    try:
        return min(_LONGEST_WAIT, float(answer.headers.get("retry-after", "")))
    except ValueError:
        return otherwise


def typed(answer: httpx.Response, kind: type[Answered]) -> Answered:
    """What it holds; ServiceError where that is something else."""
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
