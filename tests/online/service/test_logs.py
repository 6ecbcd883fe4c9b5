"""A line of the log is JSON on one line, and holds neither a key nor a control character."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online.service.logs import JsonLines, RequestLine, log_failure, log_request, log_to, request_id


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log_to(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def formatted(message: str) -> str:
    return JsonLines().format(logging.makeLogRecord({"name": "a", "msg": message, "args": ()}))


@given(st.text())
def test_any_message_is_one_line_of_printable_ascii(message: str) -> None:
    line = formatted(message)
    assert line.isascii() and line.isprintable()
    json.loads(line)


def test_a_key_is_shown_as_a_key_alone() -> None:
    line = formatted("Bearer psk_abcDEF-123_x failed")
    assert "abcDEF" not in line and json.loads(line)["message"] == "Bearer psk_… failed"


def test_a_request_is_logged_with_its_id_and_route(log: io.StringIO) -> None:
    token = request_id.set("id-7")
    log_request(RequestLine("GET", "/v1/images/{image}", 200, 3.5, 0, 1234, "shop"))
    request_id.reset(token)
    (line,) = log.getvalue().splitlines()
    found = json.loads(line)
    assert found["request_id"] == "id-7" and found["route"] == "/v1/images/{image}"
    assert (found["status"], found["ms"], found["sent"], found["key"]) == (200, 3.5, 1234, "shop")
    assert found["time"].endswith("+00:00")


def test_a_failure_is_logged_with_its_traceback(log: io.StringIO) -> None:
    try:
        raise ValueError("psk_secretsecret\nforged line")
    except ValueError as error:
        log_failure(error)
    (line,) = log.getvalue().splitlines()
    assert "test_logs.py" in json.loads(line)["traceback"] and "secretsecret" not in line


def test_the_servers_own_lines_have_the_same_form(log: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    found = json.loads(log.getvalue())
    assert (found["level"], found["logger"]) == ("info", "packsight.server")
    assert found["message"] == "Started server process [7]"


def test_libraries_do_not_write_addresses_or_file_names(log: io.StringIO) -> None:
    logging.getLogger("httpx").info("GET https://host/a?token=1")
    logging.getLogger("uvicorn.access").info("GET /v1/products?where=x")
    logging.getLogger("python_multipart.multipart").debug("file name holiday.jpg")
    assert log.getvalue() == ""
