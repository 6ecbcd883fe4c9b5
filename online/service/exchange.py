"""One request and its answer on the way to the client: headers of security, refusals, the log."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Set

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from online.service.bodies import Body
from online.service.logs import RequestLine, log_failure
from online.service.problems import RequestError, problem_of

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# An answer that sets one of these itself keeps its own.
_SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_CLIENT_LEFT = 499  # in logs and metrics: the client closed the connection before an answer
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")
_MAY_SEND = (
    "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, "
    "x-request-id"
)
_MAY_READ = "content-disposition, etag, retry-after, x-request-id"
_PREFLIGHT_SECONDS = "600"


class Exchange:
    """What is known of a request, and the one way on which its answer leaves."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, origins: Set[str]) -> None:
        self.scope = scope
        self.receive = receive
        self.headers = Headers(scope=scope)
        self.body: Body | None = None
        self.key = ""  # the name of the key that was sent
        self._send = send
        self._origins = origins
        self._began = time.monotonic()
        self._refusing = False
        self._left_over: Body | None = None
        self._status = 0
        self._sent = 0
        given = self.headers.getlist("x-request-id")
        valid = len(given) == 1 and _REQUEST_ID.fullmatch(given[0])
        self.id = given[0] if valid else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = self.id

    async def send(self, message: Message) -> None:
        """Towards the client; nothing that the application makes of a body that was refused."""
        if message["type"] == "http.response.start":
            if self.body is not None and self.body.refusal is not None and not self._refusing:
                return
            message = self._start(message)
        elif not self._status:
            return
        self._sent += len(message.get("body", b""))
        if self._left_over is not None and _is_last(message):
            await self._send({**message, "more_body": True})
            await self._left_over.drain()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    def _start(self, message: Message) -> Message:
        self._status = message["status"]
        headers = MutableHeaders(raw=list(message.get("headers", ())))
        for name, value in _SECURITY_HEADERS.items():
            headers.setdefault(name, value)
        headers["x-request-id"] = self.id
        del headers["set-cookie"]
        self._share(headers)
        if self.body is not None and self.body.is_left_over:
            self._left_over = self.body
            headers["connection"] = "close"
        return {**message, "headers": headers.raw}

    def _share(self, headers: MutableHeaders) -> None:
        """With the pages of allowed origins, and no others (Fetch standard, CORS protocol)."""
        resources = "cross-origin" if self._origins else "same-origin"
        headers.setdefault("cross-origin-resource-policy", resources)
        if self._origins:
            headers.add_vary_header("Origin")
            if (origin := self.headers.get("origin")) in self._origins:
                headers["access-control-allow-origin"] = str(origin)
                headers["access-control-expose-headers"] = _MAY_READ

    async def answer_preflight(self) -> None:
        """Before any key: browsers send none with it."""
        if self.headers.get("origin") not in self._origins:
            raise RequestError(403, "Pages of this origin may not use this service.")
        answer = Response(
            status_code=204,
            headers={
                "access-control-allow-methods": ", ".join(sorted(_METHODS)),
                "access-control-allow-headers": _MAY_SEND,
                "access-control-max-age": _PREFLIGHT_SECONDS,
            },
        )
        await answer(self.scope, self.receive, self.send)

    async def refuse(self, error: Exception) -> None:
        """Answer with the problem that ``error`` is; too late where an answer has begun."""
        problem = problem_of(error)
        if problem.is_failure:
            log_failure(error)
        if self._status:
            return  # the server breaks the connection off
        self._refusing = True
        answer = problem.response(self.id)
        if problem.status == 401:
            answer.headers["www-authenticate"] = "Bearer"
        await answer(self.scope, self.receive, self.send)

    async def refuse_body(self) -> None:
        """As ``refuse`` where the body broke a limit; else nothing."""
        if self.body is not None and self.body.refusal is not None:
            await self.refuse(self.body.refusal)

    def line(self) -> RequestLine:
        method, route = self.scope["method"], self.scope.get("route")
        template = getattr(route, "path_format", None) or getattr(route, "path", None)
        return RequestLine(
            method=method if method in _METHODS else "other",
            route=template or "unmatched",
            status=self._status or _CLIENT_LEFT,
            ms=round((time.monotonic() - self._began) * 1000, 2),
            received=0 if self.body is None else self.body.received,
            sent=self._sent,
            key=self.key,
        )


def _is_last(message: Message) -> bool:
    return message["type"] == "http.response.body" and not message.get("more_body", False)
