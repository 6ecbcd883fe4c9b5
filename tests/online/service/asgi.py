"""A request handed to an application without a socket, message by message."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message


@dataclass
class Reply:
    """What came back, and how many bytes of the body had been read when the answer began."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    read_before: int = 0
    messages: list[Message] = field(default_factory=list)

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["request_id"] == self.headers["x-request-id"]
        return document


async def send_request(
    app: ASGIApp,
    method: str = "GET",
    path: str = "/",
    *,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    body: Iterable[bytes] | AsyncIterator[bytes] = (),
    client: str = "127.0.0.1",
    raw_path: bytes | None = None,
    query: bytes = b"",
    root_path: str = "",
) -> Reply:
    """``body`` in pieces; afterwards the client stays until the answer is complete."""
    reply, read, done = Reply(), 0, asyncio.Event()
    pieces = body if hasattr(body, "__anext__") else _pieces(body)  # type: ignore[arg-type]

    async def receive() -> Message:
        nonlocal read
        async for piece in pieces:  # type: ignore[union-attr]
            read += len(piece)
            return {"type": "http.request", "body": piece, "more_body": True}
        if not done.is_set() and not getattr(receive, "ended", False):
            receive.ended = True  # type: ignore[attr-defined]
            return {"type": "http.request", "body": b"", "more_body": False}
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        reply.messages.append(message)
        if message["type"] == "http.response.start":
            reply.status, reply.read_before = message["status"], read
            reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            reply.body += message.get("body", b"")
            if not message.get("more_body"):
                done.set()

    given = headers.items() if isinstance(headers, Mapping) else headers
    pairs = [("host", "localhost:8000"), *given]
    if any(name == "host" for name, _ in given):
        pairs = pairs[1:]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode() if raw_path is None else raw_path,
        "query_string": query,
        "root_path": root_path,
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs],
        "client": (client, 50_000),
        "server": ("127.0.0.1", 8000),
    }
    await app(scope, receive, send)
    return reply


async def _pieces(body: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in body:
        yield piece


def request(app: ASGIApp, method: str = "GET", path: str = "/", **given: Any) -> Reply:
    return asyncio.run(send_request(app, method, path, **given))
