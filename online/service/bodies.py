"""The body of a request as it comes in: bounded in bytes, also without a length, and in time."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from online.service.problems import RequestError

_SMALL = 64 * 2**10  # bytes that a server discards by itself after an answer
_DRAINED_BYTES = 64 * 2**20
_DRAINED_SECONDS = 1.0


class Body:
    """Receives in place of the server; afterwards ``refusal`` is the limit that was broken.

    The application reads a disconnected client then, whatever it makes of that: its answer does
    not count. Seconds are those spent waiting for the client, not those of reading.
    """

    def __init__(
        self, receive: Receive, headers: Headers, *, max_bytes: int, seconds: float
    ) -> None:
        self.received = 0  # bytes
        self.refusal: RequestError | None = None
        self._receive = receive
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._announced = _announced(headers)
        self._complete = False
        self._expects_word = "expect" in headers  # the client waits before it sends the body

    def check_length(self) -> None:
        """RequestError (413) where the announced length alone is too large: nothing is read."""
        if self._announced is not None and self._announced > self._max_bytes:
            raise self._too_large()

    async def __call__(self) -> Message:
        if self.refusal is not None:
            return {"type": "http.disconnect"}
        if self._complete:
            return await self._receive()  # waits for the client to leave
        before = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                message = await self._receive()
        except TimeoutError:
            return self._refuse(RequestError(408, "The body of the request came in too slowly."))
        self._seconds -= time.monotonic() - before
        self._note(message)
        return self._refuse(self._too_large()) if self.received > self._max_bytes else message

    def _note(self, message: Message) -> None:
        self.received += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)

    def _refuse(self, refusal: RequestError) -> Message:
        self.refusal = refusal
        return {"type": "http.disconnect"}

    def _too_large(self) -> RequestError:
        return RequestError(
            413,
            f"The body of the request has more than {self._max_bytes:,} bytes.",
            remedy="Send smaller images, or fewer at once.",
        )

    @property
    def is_left_over(self) -> bool:
        """More is to come than a server discards by itself: the connection must be closed."""
        return not self._complete and (self._announced is None or self._announced > _SMALL)

    async def drain(self) -> None:
        """Read and forget for a while: a connection closed on a client that still sends is reset,
        and the client would never read its answer."""
        if self._expects_word:
            return
        drained = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAINED_SECONDS):
                while not self._complete and drained < _DRAINED_BYTES:
                    message = await self._receive()
                    drained += len(message.get("body", b""))
                    self._complete = not message.get("more_body", False)


def _announced(headers: Headers) -> int | None:
    """Bytes; None where the body ends when it ends. RequestError (400)."""
    if "transfer-encoding" in headers:
        return None
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) < 20):
        raise RequestError(400, "The Content-Length of the request is no number.")
    return int(length)
