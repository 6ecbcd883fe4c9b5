"""The page at /: the files of ``online/web`` that a browser loads, read once at start."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from online.service.problems import RequestError

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"
_VERSION_DIGITS = 16


@dataclass(frozen=True)
class WebFile:
    """One file as it is sent."""

    body: bytes
    media_type: str
    etag: str  # with its quotes


@dataclass(frozen=True)
class WebFiles:
    """All that the page loads, by name; ``version`` changes with any of them and is a part of every
    address, so that a browser may keep what it has."""

    version: str
    index: WebFile
    by_name: Mapping[str, WebFile]


@cache
def web_files() -> WebFiles:
    """The page's files: every module, the vendored ones, and the styles."""
    named = {name: _file(name, source.read_bytes()) for name, source in _sources()}
    whole = hashlib.sha256("".join(named[name].etag for name in sorted(named)).encode())
    version = whole.hexdigest()[:_VERSION_DIGITS]
    html = (files("online") / "web" / "index.html").read_text("utf-8")
    body = html.replace("VERSION", version).encode()
    return WebFiles(version, WebFile(body, "text/html; charset=utf-8", _etag(body)), named)


def _sources() -> Iterator[tuple[str, Traversable]]:
    """(name in the address, file). The style that all pages share lies with theirs."""
    web = files("online") / "web"
    for folder, prefix in ((web, ""), (web / "vendor", "vendor/")):
        for entry in folder.iterdir():
            if entry.name.endswith(".js"):
                yield prefix + entry.name, entry
    yield "style.css", web / "style.css"
    yield "base.css", files("engine.pages") / "base.css"


def _file(name: str, body: bytes) -> WebFile:
    return WebFile(body, _TYPES[name[name.rindex(".") :]], _etag(body))


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'


def page_router() -> APIRouter:
    """``/`` and ``/web/VERSION/NAME``. A name is looked up in a table, never on the disk."""
    web = web_files()
    router = APIRouter()

    async def index(request: Request) -> Response:
        return _sent(request, web.index, _REVALIDATE)

    async def named(request: Request) -> Response:
        found = web.by_name.get(request.path_params["name"])
        if found is None:
            raise RequestError(404, "The page has no such file.")
        # A tab that was opened before an update still finds its modules; they are not kept.
        current = request.path_params["version"] == web.version
        return _sent(request, found, _IMMUTABLE if current else _REVALIDATE)

    router.add_route("/", index, methods=["GET"], include_in_schema=False)
    router.add_route("/web/{version}/{name:path}", named, methods=["GET"], include_in_schema=False)
    return router


def _sent(request: Request, file: WebFile, cache: str) -> Response:
    headers = {"ETag": file.etag, "Cache-Control": cache}
    known = [tag.strip().removeprefix("W/") for tag in _known_tags(request)]
    if file.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.media_type, headers=headers)


def _known_tags(request: Request) -> list[str]:
    return request.headers.get("if-none-match", "").split(",")
