"""Hostile requests are refused with 4xx, or answered where they hold an image after all, and
leave nothing behind."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from starlette.testclient import TestClient

from engine.errors import ImageError
from engine.images import ImageLimits, load
from tests.online.service.asgi import send_request
from tests.online.service.hostile_requests import (
    BOUNDARY,
    KINDS,
    WRITING_KINDS,
    Hostile,
    file_part,
    hostile_requests,
)
from tests.online.service.small_service import make_gallery, photo_of, serving
from tests.packsight_command import ENTRY, ROOT

LIMITS = ImageLimits(max_pixels=50_000_000)
OF_EACH_KIND = 12
LEAKS = ("/tmp/", "Traceback", ".py")
GROWTH = 1.02


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def client(gallery: Path) -> Iterator[TestClient]:
    with serving(gallery) as client:
        yield client


def fault(hostile: Hostile, status: int, kind: str, body: bytes) -> str:
    """What is wrong with an answer; empty for what it should be."""
    if status in (200, 202):
        return "" if _may_be_answered(hostile) else "answered"
    if not 400 <= status < 500:
        return "failed"
    if kind != "application/problem+json" or json.loads(body)["status"] != status:
        return "no problem document"
    return "a path is shown" if any(word in body.decode() for word in LEAKS) else ""


def _may_be_answered(hostile: Hostile) -> bool:
    if not hostile.photo:
        return hostile.photo is not None  # empty: the form or its parameters may be harmless
    try:
        load(hostile.photo, limits=LIMITS)
    except ImageError:
        return False
    return True


@cache
def drawn(writing: bool) -> tuple[Hostile, ...]:
    """Of all kinds; made once, which takes longer than to answer them."""
    count = OF_EACH_KIND * len(WRITING_KINDS if writing else KINDS)
    return tuple(hostile_requests(count, seed=1, writing=writing))


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_request_is_refused_or_holds_an_image(kind: str, client: TestClient) -> None:
    for hostile in drawn(writing=False):
        if hostile.kind == kind:
            _check(client, hostile)
    photo = {"photo": ("a.png", photo_of("jar", 1))}
    assert client.post("/v1/query", files=photo).json()["hits"][0]["product"] == "jar/p1"


@pytest.mark.parametrize("kind", WRITING_KINDS)
def test_a_hostile_write_is_refused_or_holds_an_image(kind: str, gallery: Path) -> None:
    with serving(gallery) as client:
        for hostile in drawn(writing=True):
            if hostile.kind == kind:
                _check(client, hostile)
        products = client.get("/v1/products").json()["products"]
    assert {f"jar/p{n}" for n in range(3)} <= {one["product"] for one in products}
    outside = [*gallery.parent.glob("*"), *gallery.parent.parent.glob("passwd*")]
    assert {path.name for path in outside} == {"catalogue", "gallery"}


def _check(client: TestClient, hostile: Hostile) -> None:
    """Sent past the client, which would put paths and headers in order."""
    path, _, query = hostile.path.partition("?")
    sent = partial(
        send_request,
        client.app,
        hostile.method,
        unquote(path),
        raw_path=path.encode(),
        query=query.encode(),
        headers={**hostile.headers, "content-length": str(len(hostile.content))},
        body=[hostile.content],
    )
    assert client.portal is not None
    reply = client.portal.call(sent)
    found = fault(hostile, reply.status, reply.headers["content-type"], reply.body)
    assert not found, f"{found}: {reply.status} {reply.body[:300]!r} {hostile}"[:1000]


def test_a_slow_upload_is_refused(gallery: Path) -> None:
    async def drips() -> AsyncIterator[bytes]:
        head = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
        yield head
        while True:
            yield b"x"
            await asyncio.sleep(0.02)

    headers = {"content-type": "multipart/form-data; boundary=b", "content-length": "100000"}
    with serving(gallery, body_seconds=0.1) as client:
        sent = partial(send_request, client.app, "POST", "/v1/query", headers=headers, body=drips())
        assert client.portal is not None
        reply = client.portal.call(sent)
    assert reply.status == 408 and reply.problem["detail"]


@pytest.mark.parametrize("form", ["json", "csv", "html"])
def test_an_answer_holds_no_path_of_the_server(
    form: str, client: TestClient, gallery: Path
) -> None:
    photo = {"photo": ("a.png", photo_of("jar", 1))}
    reply = client.post("/v1/query", params={"format": form}, files=photo)
    assert reply.status_code == 200 and "jar/p1" in reply.text
    assert str(gallery.parent) not in reply.text and "catalogue/jar" not in reply.text


@contextmanager
def served(gallery: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`packsight serve` in a process of its own, and where it answers."""
    words = ["serve", "--gallery", str(gallery), "--port", "0", "--rate", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", ENTRY, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        listens = re.match(rb"(http://\S+?)/?\s", process.stdout.readline())
        assert listens is not None
        base = listens[1].decode()
        while not _is_ready(base):
            assert process.poll() is None
            time.sleep(0.2)
        yield base, process
    finally:
        process.terminate()
        process.wait(60)


def _is_ready(base: str) -> bool:
    try:
        return httpx.get(f"{base}/v1/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _resident(process: subprocess.Popen[bytes]) -> int:
    """Pages in memory, once what clients have left behind is cleared away."""

    def now() -> int:
        time.sleep(0.5)
        return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])

    return min(now() for _ in range(20))


def _open_files(process: subprocess.Popen[bytes]) -> int:
    return sum(1 for _ in Path(f"/proc/{process.pid}/fd").iterdir())


def _faults(client: httpx.Client, count: int, seed: int) -> list[str]:
    def found(hostile: Hostile) -> str:
        headers = {name: value.encode("latin-1") for name, value in hostile.headers.items()}
        target = hostile.path.encode("ascii", "ignore")
        try:
            reply = client.request(
                hostile.method,
                "/",
                content=hostile.content,
                headers=headers,
                extensions={"target": target},
            )
        except httpx.TransportError as error:
            return f"{error!r} {hostile}"[:500]
        if reply.status_code == 400 and reply.text == "Invalid HTTP request received.":
            return ""  # by the server, before there was a request
        kind = reply.headers.get("content-type", "")
        wrong = fault(hostile, reply.status_code, kind, reply.content)
        return wrong and f"{wrong}: {reply.status_code} {reply.text[:300]} {hostile}"[:1000]

    with ThreadPoolExecutor(4) as threads:
        return [line for line in threads.map(found, hostile_requests(count, seed)) if line]


def _leave_midway(base: str, clients: int) -> None:
    """Uploads of which half a megabyte is sent before the connection is broken off."""
    host, _, port = base.removeprefix("http://").partition(":")
    head = (
        f"POST /v1/query HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n--{BOUNDARY}\r\n"
    ).encode()
    opened = [socket.create_connection((host, int(port))) for _ in range(clients)]
    for connection in opened:
        connection.sendall(head + file_part(b"x" * 500_000))
    for connection in opened:
        connection.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_ten_thousand_hostile_requests_leave_no_memory_behind(gallery: Path) -> None:
    with (
        served(gallery) as (base, process),
        httpx.Client(base_url=base, trust_env=False, timeout=120) as client,
    ):
        faults = _faults(client, 3_000, seed=2)
        before, files_before = _resident(process), _open_files(process)
        faults += _faults(client, 10_000, seed=4)
        after = _resident(process)
        assert not faults, "\n".join(faults[:20])
        assert after <= GROWTH * before, f"{before} pages before, {after} after"
        # What is broken off at once may stay with the allocator, once: eight times as much was.
        for _ in range(8):
            _leave_midway(base, 100)
            assert not _faults(client, 50, seed=5)
        left, files_after = _resident(process), _open_files(process)
        assert left <= after + 100 * 500_000 / 4096, f"{after} pages, then {left}"
        assert files_after <= files_before + 10, f"{files_before} open files, then {files_after}"
