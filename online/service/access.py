"""What a request is judged by before it is answered: path, host, origin, and the key it needs."""

from __future__ import annotations

import re
from collections.abc import Set
from http import HTTPStatus
from typing import NoReturn
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from engine.errors import ConfigError
from online.service.keys import KeyScope
from online.service.problems import RequestError

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN_API = frozenset({"/v1/health", "/v1/ready"})
_SEARCHES = frozenset({"/v1/query", "/v1/query:batch", "/v1/mask"})  # posts that change nothing
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::\d{1,5})?")


def needed_scope(method: str, path: str) -> KeyScope | None:
    """None for what needs no key: the page and its files, health and readiness.

    ``path`` is that of ``route_path``. What is not listed as open or reading needs a key that
    curates, so that a new endpoint is closed until it is opened here.
    """
    # From the interface's own beginning on: whatever prefix is left opens nothing.
    api = path[found:] if (found := path.find("/v1/")) >= 0 else path
    if method in _READS:
        if api in _OPEN_API or not (api.startswith("/v1/") or api.rstrip("/").endswith("/metrics")):
            return None
        return "curate" if api.startswith(("/v1/review", "/v1/jobs")) else "read"
    return "read" if method == "POST" and api in _SEARCHES else "curate"


def route_path(scope: Scope) -> str:
    """The path below the one that a reverse proxy serves us under; RequestError (400).

    No path is ever opened by its name; one that would climb is refused all the same, also one
    that climbs only where a proxy decodes it a second time.
    """
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    try:
        path = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        _refuse_path()
    again = unquote(path)
    if _CONTROLS.search(path) or "\x00" in again or _climbs(path) or _climbs(again):
        _refuse_path()
    served: str = scope["path"]
    root = scope.get("root_path", "").rstrip("/")
    return served[len(root) :] if root and served.startswith(f"{root}/") else served


def _climbs(path: str) -> bool:
    return not {".", ".."}.isdisjoint(re.split(r"[/\\]", path))


def _refuse_path() -> NoReturn:
    raise RequestError(
        400,
        "The path of the request is malformed.",
        remedy="Write names in it percent-encoded, without . or .. between slashes.",
    )


def check_host(headers: Headers, hosts: Set[str] | None) -> None:
    """RequestError (400) for another name than ours: a page whose name was made to resolve to
    this machine (DNS rebinding) would else be of our own origin. None allows every name."""
    if hosts is None:
        return
    given = headers.getlist("host")
    if len(given) != 1 or host_name(given[0]) not in hosts:
        raise RequestError(
            HTTPStatus.BAD_REQUEST,
            "The service does not go by the name in the Host header.",
            remedy="The operator allows a name: packsight serve --allow-host NAME",
        )


def host_name(host: str) -> str:
    """Of a Host header, without the port, lower case; empty for what is none."""
    found = _HOST.fullmatch(host)
    return found[1].lower() if found else ""


def check_origin(method: str, headers: Headers, origins: Set[str]) -> None:
    """RequestError (403) for what another site's page sends without having been allowed to.

    Such a page cannot read the answer, but a form it posts would be carried out. Browsers name
    the relation (Sec-Fetch-Site, W3C Fetch Metadata) or else the origin, and pages cannot forge
    either; other software sends neither.
    """
    origin = headers.get("origin", "")
    if method in _READS or origin in origins:
        return
    site = headers.get("sec-fetch-site", "")
    own = site in ("same-origin", "none") if site else _is_own(origin, headers.get("host", ""))
    if not own:
        raise RequestError(
            HTTPStatus.FORBIDDEN,
            "Pages of another origin may not use this service.",
            remedy="The operator allows an origin: packsight serve --allow-origin ORIGIN",
        )


def _is_own(origin: str, host: str) -> bool:
    return not origin or origin.partition("://")[2].lower() == host.lower()


def checked_origin(origin: str) -> str:
    """``origin`` as browsers send it; ConfigError for what no browser sends."""
    try:
        parts = urlsplit(origin)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or origin != f"{parts.scheme}://{parts.netloc}" or "@" in origin:
        raise ConfigError(
            f"--allow-origin: {origin!r} is no origin.",
            remedy="Write scheme, host and port alone, such as https://shop.example.",
        )
    if not origin.isascii() or origin != origin.lower() or "*" in origin:
        raise ConfigError(
            f"--allow-origin: {origin!r} is never what a browser sends.",
            remedy="Write one origin in lower case, such as https://shop.example.",
        )
    return origin
