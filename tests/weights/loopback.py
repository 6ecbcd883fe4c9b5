"""A web server on this machine that serves checkpoints well or badly, and remembers requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from weights.catalog import CatalogEntry, Framework, InputSpec
from weights.checksums import Checksum

SPEC = InputSpec(8, 8, "unit", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bilinear", "nchw")


@dataclass
class Loopback:
    """What to serve and how; ``ranges`` holds the Range header of every request, "" for none."""

    body: bytes
    port: int = 0
    cuts: list[int] = field(default_factory=list)  # bytes to send before cutting, a request each
    failures: list[int] = field(default_factory=list)  # status codes to answer with first
    knows_ranges: bool = True
    knows_length: bool = True  # whether answers have a Content-Length
    delay: float = 0.0  # seconds before an answer
    stall: threading.Event | None = None  # send half, then wait for it
    ranges: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/model.onnx"


@contextmanager
def loopback(body: bytes) -> Iterator[Loopback]:
    """Serve ``body`` at ``url`` until the end of the block."""
    state = Loopback(body)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, state)

        def log_message(self, format: str, *args: object) -> None:
            pass  # the default writes to stderr

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def _answer(request: BaseHTTPRequestHandler, state: Loopback) -> None:
    wanted = request.headers.get("Range", "")
    state.ranges.append(wanted)
    threading.Event().wait(state.delay)
    if state.failures:
        request.send_error(state.failures.pop(0))
        return
    total = len(state.body)
    start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.knows_ranges else 0
    if start and start >= total:
        request.send_response(416)
        request.send_header("Content-Range", f"bytes */{total}")
        request.end_headers()
        return
    request.send_response(206 if start else 200)
    if start:
        request.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
    if state.knows_length:
        request.send_header("Content-Length", str(total - start))
    request.end_headers()
    if state.stall is not None and not state.stall.is_set():
        request.wfile.write(state.body[: total // 2])
        state.stall.wait(60)
        return
    end = start + state.cuts.pop(0) if state.cuts else total
    request.wfile.write(state.body[start:end])


def make_entry(
    url: str,
    checksum: Checksum | None,
    *,
    name: str = "toy",
    framework: Framework = "rembg",
    size: int | None = None,
) -> CatalogEntry:
    """A segmenter that lies at ``url``."""
    return CatalogEntry(
        name=name,
        kind="segmenter",
        framework=framework,
        format="onnx",
        url=url,
        licence="Apache-2.0",
        source="a test",
        input=SPEC,
        checksum=checksum,
        bytes=size,
    )


def temporary_files(folder: Path) -> list[str]:
    """What a finished download must not leave behind."""
    return sorted(path.name for path in folder.iterdir() if ".part" in path.name)
