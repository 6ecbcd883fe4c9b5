"""The service's log: one JSON object a line, without what users sent or may keep secret.

A line holds no content of an image, no name of an uploaded file, no query string and no key.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TextIO

from engine.errors import DisconnectedError
from engine.names import without_controls
from online.service.keys import PREFIX

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Of the request that is being answered; empty outside of one."""

logger = logging.getLogger("packsight.service")

_KEY = re.compile(rf"{PREFIX}[\w-]+")
_LONGEST = 20_000  # characters of a message or traceback
# Loggers that write addresses with their query strings, or names of uploaded files.
_TALKATIVE = ("httpx", "httpcore", "python_multipart", "multipart", "uvicorn.access", "PIL")


@dataclass(frozen=True)
class RequestLine:
    """What is logged of a request that was answered."""

    method: str
    route: str  # the template, such as /v1/images/{image}: no value that a user sent
    status: int
    ms: float
    received: int  # bytes of the body that were read
    sent: int  # bytes of the body of the answer
    key: str  # its name; empty without keys


_SERVER = "packsight.server"  # whose own loggers have names such as uvicorn.error at any level


class JsonLines(logging.Formatter):
    """A record as one line of ASCII, control characters and line ends escaped."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": _SERVER if record.name.startswith("uvicorn") else record.name,
            "message": _clean(record.getMessage()),
        }
        if identity := getattr(record, "request_id", request_id.get()):
            line["request_id"] = identity
        if isinstance(request := getattr(record, "request", None), RequestLine):
            line.update(asdict(request))
        if record.exc_info and record.exc_info[1] is not None:
            line["traceback"] = _clean("".join(traceback.format_exception(record.exc_info[1])))
        return without_controls(json.dumps(line))


def log_to(stream: TextIO, *, level: int = logging.INFO) -> None:
    """Write all logs of this process to ``stream`` as JSON, those of libraries from warnings on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    for name in ("packsight", "uvicorn"):
        logging.getLogger(name).setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def log_request(line: RequestLine) -> None:
    logger.info("request", extra={"request": line})


def log_failure(error: BaseException) -> None:
    """With its traceback, but for a server that is away, which is no fault of the code."""
    trace = None if isinstance(error, DisconnectedError) else error
    logger.error("request failed: %s: %s", type(error).__name__, error, exc_info=trace)


def _clean(text: str) -> str:
    return _KEY.sub(f"{PREFIX}…", text)[:_LONGEST]
