"""The webhook: the end of every job, posted to the operator's address in a thread of its own.

It is signed, so that the receiver can tell it from others', and tried three times; what is certain
is the table of jobs, where a notice that was lost can be looked up.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from engine.errors import ConfigError
from online.service.job import Job
from online.service.logs import logger
from online.service.web_addresses import parse_address

SIGNATURE = "X-Packsight-Signature"
_TRIES = 3
_PAUSES = (1.0, 5.0)  # seconds between tries
_SECONDS = 10.0  # for each
_MOST_WAITING = 10_000  # more are dropped: the receiver has been down for long
_LEAST_SECRET = 16  # bytes


@dataclass(frozen=True)
class WebhookOptions:
    """``secret``: a file of at least 16 bytes, blanks around them left out. Raises ConfigError."""

    url: str
    secret: Path
    pauses: tuple[float, ...] = _PAUSES

    def __post_init__(self) -> None:
        if parse_address(self.url) is None:
            raise ConfigError(
                f"--webhook: {self.url!r} is no address.",
                remedy="Write it in full, such as https://shop.example/packsight/jobs.",
            )
        if len(self.key()) < _LEAST_SECRET:
            raise ConfigError(
                f"--webhook-secret {self.secret}: has fewer than {_LEAST_SECRET} bytes.",
                remedy=f"Make one: openssl rand -hex 32 > '{self.secret}'",
            )

    def key(self) -> bytes:
        try:
            return self.secret.read_bytes().strip()
        except OSError as error:
            raise ConfigError(
                f"--webhook-secret {self.secret}: cannot be read ({error.strerror})."
            ) from error


@dataclass(eq=False)
class Webhook:
    """``start`` and ``stop`` once; ``notify`` from any thread, which never waits."""

    options: WebhookOptions
    _waiting: queue.Queue[bytes | None] = field(
        default_factory=lambda: queue.Queue(_MOST_WAITING), init=False
    )
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self) -> None:
        self._key = self.options.key()
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What waits is tried once more."""
        self._stopping.set()
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(_SECONDS)

    def notify(self, gallery: str, job: Job) -> None:
        body = {"gallery": gallery, **job.document()}
        try:
            self._waiting.put_nowait(json.dumps(body).encode())
        except queue.Full:
            logger.warning("webhook: too many notices wait, one is dropped")

    def _run(self) -> None:
        # Nothing of the environment: a proxy or a certificate there is none of the operator's.
        with httpx.Client(trust_env=False, timeout=_SECONDS, follow_redirects=False) as client:
            while (body := self._waiting.get()) is not None:
                self._deliver(client, body)

    def _deliver(self, client: httpx.Client, body: bytes) -> None:
        for attempt in range(_TRIES):
            if attempt and self._stopping.wait(self.options.pauses[attempt - 1]):
                break
            try:
                if client.post(
                    self.options.url, content=body, headers=self._headers(body)
                ).is_success:
                    return
            except httpx.HTTPError as error:
                logger.warning("webhook: %s", type(error).__name__)
        logger.warning("webhook: a notice was not taken")

    def _headers(self, body: bytes) -> dict[str, str]:
        """The signature is of the time as well, so that an old notice cannot be sent again."""
        moment = str(int(time.time()))
        signature = signed(self._key, moment, body)
        return {
            "Content-Type": "application/json",
            "User-Agent": "packsight",
            SIGNATURE: f"t={moment},sha256={signature}",
        }


def signed(key: bytes, moment: str, body: bytes) -> str:
    """HMAC-SHA-256 in hex of the time, a dot and the body."""
    return hmac.new(key, f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
