"""The gate: the one middleware that every request passes before and after the application.

Before: request id, path, host, origin, key, rate, size of the body. After: headers of security,
log, metrics. What is refused is refused before a byte of the body is read.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.errors import ConfigError
from online.service.access import check_host, check_origin, checked_origin, needed_scope, route_path
from online.service.bodies import Body
from online.service.exchange import Exchange
from online.service.keys import ApiKey, KeyFile, KeyScope
from online.service.logs import log_failure, log_request, request_id
from online.service.metrics import Metrics
from online.service.problems import RequestError
from online.service.rates import Rate, TokenBuckets, client_of

DEFAULT_RATE = Rate(per_second=20, burst=200)  # a page of 100 hits loads as many thumbnails
_ROOT_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")


@dataclass(frozen=True)
class GateOptions:
    """What the gate lets pass. Raises ConfigError for an origin that is none."""

    keys: KeyFile | None = None  # None: all may do everything, as on loopback
    hosts: Set[str] | None = None  # names in the Host header; None: any
    root_path: str = ""  # below which a reverse proxy shows us, whether or not it takes it away
    origins: Set[str] = frozenset()  # whose pages may use the service besides its own
    rate: Rate | None = DEFAULT_RATE  # a key, or an address without one
    max_bytes: int = 32 * 2**20  # of a body: one photo
    max_bytes_of_json: int = 4 * 2**20  # which is held in memory while it comes in
    max_bytes_of_many: int = 256 * 2**20  # a batch of photos, or images of a product
    body_seconds: float = 60  # waited in all for the body of a request

    def __post_init__(self) -> None:
        for origin in self.origins:
            checked_origin(origin)
        if self.root_path and not _ROOT_PATH.fullmatch(self.root_path):
            raise ConfigError(
                f"--root-path: {self.root_path!r} is no path.",
                remedy="Write it with a slash in front and none behind, such as /catalogue.",
            )


class Gate:
    """ASGI middleware; ``application.add_middleware(Gate, options=…, metrics=…)``."""

    def __init__(self, app: ASGIApp, *, options: GateOptions, metrics: Metrics) -> None:
        self._app = app
        self._options = options
        self._metrics = metrics
        self._buckets = None if options.rate is None else TokenBuckets(options.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # there are none; nor may one pass by the checks below
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            if scope["method"] == "HEAD":  # of which the server leaves the body of an answer away
                scope = {**scope, "method": "GET"}
            scope["root_path"] = self._options.root_path or scope.get("root_path", "")
            await self._answer(Exchange(scope, receive, send, self._options.origins))

    async def _answer(self, exchange: Exchange) -> None:
        token = request_id.set(exchange.id)
        try:
            await self._pass(exchange)
        except ClientDisconnect:  # also what the application makes of a body that was refused
            await exchange.refuse_body()
        except Exception as error:
            await exchange.refuse(error)
        finally:
            line = exchange.line()
            log_request(line)
            self._metrics.answered(
                method=line.method,
                route=line.route,
                status=line.status,
                seconds=line.ms / 1000,
            )
            request_id.reset(token)

    async def _pass(self, exchange: Exchange) -> None:
        """Raises whatever the answer is to be made of."""
        scope, headers, options = exchange.scope, exchange.headers, self._options
        path = route_path(scope)
        exchange.body = body = Body(
            exchange.receive,
            headers,
            max_bytes=_most_bytes(path, headers, options),
            seconds=options.body_seconds,
        )
        check_host(headers, options.hosts)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return await exchange.answer_preflight()
        check_origin(scope["method"], headers, options.origins)
        if scope_needed := needed_scope(scope["method"], path):
            self._admit(exchange, scope_needed)
        body.check_length()
        await self._app(scope, body, exchange.send)
        return await exchange.refuse_body()

    def _admit(self, exchange: Exchange, needed: KeyScope) -> None:
        """RequestError 401 without a key, 403 for one that opens too little, 429 too often."""
        address = (exchange.scope.get("client") or ("",))[0]
        if self._options.keys is None:
            return self._count(f"address {client_of(address)}")
        key = _find(self._options.keys, exchange.headers)
        if key is None:
            self._count(f"address {client_of(address)}")
            raise RequestError(
                401,
                "The request needs a valid key.",
                remedy="Send the header Authorization: Bearer KEY.",
            )
        exchange.key = exchange.scope["state"]["key"] = key.name
        self._count(f"key {key.name}")
        if not key.opens(needed):
            raise RequestError(
                403,
                f"The key {key.name!r} has the scope {key.scope!r}; this needs {needed!r}.",
                remedy=f"The operator makes another: packsight keys add NAME --scope {needed}",
            )
        return None

    def _count(self, client: str) -> None:
        if self._buckets is not None and (seconds := self._buckets.take(client)):
            raise RequestError(
                429,
                f"There were too many requests of this {client.partition(' ')[0]}.",
                remedy="Send the next one after Retry-After seconds. "
                "The operator sets the limit: packsight serve --rate N",
                retry_after=seconds,
            )


def _most_bytes(path: str, headers: Headers, options: GateOptions) -> int:
    many = path == "/v1/query:batch" or path.startswith("/v1/products")
    if "json" in headers.get("content-type", "").lower():
        return min(options.max_bytes_of_json, options.max_bytes)
    return options.max_bytes_of_many if many else options.max_bytes


def _find(keys: KeyFile, headers: Headers) -> ApiKey | None:
    given = headers.getlist("authorization")
    if len(given) != 1:
        return None
    scheme, _, secret = given[0].partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        return keys.find(secret.strip())
    except ConfigError as error:
        log_failure(error)
        raise RequestError(503, "The service cannot read its keys now.", retry_after=5) from error
