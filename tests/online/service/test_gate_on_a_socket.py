"""The gate behind a real server: a client that sends too much still reads its answer."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn

from online.service import bodies
from tests.online.service.gated import gated

LIMIT = 100_000


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listening_at(body_seconds=60.0) as port, pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "_DRAINED_SECONDS", 60.0)
        yield port


@contextmanager
def listening_at(body_seconds: float) -> Iterator[int]:
    app = gated(max_bytes=LIMIT, body_seconds=body_seconds)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(60)


def exchanged(port: int, *pieces: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_sends_too_much_reads_why(port: int, chunked: bool) -> None:
    content = b"x" * (20 * LIMIT)
    body = iter([content[i : i + 4096] for i in range(0, len(content), 4096)])
    with httpx.Client(trust_env=False, timeout=60) as client:
        reply = client.post(
            f"http://127.0.0.1:{port}/v1/query", content=body if chunked else content
        )
    assert reply.status_code == 413 and reply.json()["remedy"]


def test_a_client_that_waits_for_a_word_sends_nothing_of_too_much(port: int) -> None:
    head = b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    answer = exchanged(port, head + b"Content-Length: 1000000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413") and b"100 Continue" not in answer
    small = head + b"Content-Length: 3\r\nConnection: close\r\n\r\n"
    answer = exchanged(port, small, b"abc")
    assert answer.startswith(b"HTTP/1.1 100") and b'{"bytes":3}' in answer


def test_a_client_that_stops_in_the_middle_is_let_go() -> None:
    head = b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n"
    with listening_at(body_seconds=0.3) as port:
        answer = exchanged(port, head, b"x" * 10)
    assert answer.startswith(b"HTTP/1.1 408") and b"connection: close" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 408


def test_many_slow_clients_keep_no_quick_one_waiting(port: int) -> None:
    head = b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\nx"
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
    for connection in slow:
        connection.sendall(head)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
        assert client.get("/v1/health").status_code == 200
        time.sleep(0.1)
        for connection in slow:
            connection.close()
        assert client.get("/v1/health").status_code == 200


def test_a_connection_is_kept_after_a_small_refusal(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
        refused = client.post(
            "/v1/query", content=b"x" * 100, headers={"origin": "https://evil.example"}
        )
        assert refused.status_code == 403 and "connection" not in refused.headers
        assert client.get("/v1/health").status_code == 200
