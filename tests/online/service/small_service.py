"""A service over a small drawn catalogue, and its client, without a socket."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi.testclient import TestClient
from httpx import Response
from PIL import Image

from engine.types import UInt8Array
from offline import ingest
from online.service.app import application
from online.service.options import ServiceOptions
from tests.drawn_catalogue import QUICK, package, save

COLOURS = ("red", "green", "blue")


def make_gallery(folder: Path, *overrides: str) -> Path:
    """Jars and sticks, three of each with two views, their colours and sizes in labels."""
    lines = ["image,colour,size"]
    for category in ("jar", "stick"):
        for product in range(3):
            for view in range(2):
                name = f"{category}/p{product}/v{view}.png"
                save(folder / "catalogue" / name, package(category, product, view))
                lines.append(f"{name},{COLOURS[product]},{50 * (product + 1)} ml")
    (folder / "catalogue" / "labels.csv").write_text("\n".join(lines))
    ingest(folder / "catalogue", folder / "gallery", overrides=[*QUICK, *overrides], workers=1)
    return folder / "gallery"


@contextmanager
def serving(gallery: str | Path, **options: object) -> Iterator[TestClient]:
    """Until its galleries have answered a first query, then its client."""
    given = {"galleries": {"small": str(gallery)}, **options}
    app = application(ServiceOptions(rate=0, **given))  # type: ignore[arg-type]
    with TestClient(app, base_url="http://localhost") as client:
        while client.get("/v1/ready").status_code != 200:
            time.sleep(0.01)
        yield client


@contextmanager
def listening(gallery: Path, **options: object) -> Iterator[str]:
    """The address of a service that is ready, on a free port of this machine."""
    given = {"galleries": {"small": str(gallery)}, "rate": 0, **options}
    app = application(ServiceOptions(**given))  # type: ignore[arg-type]
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started or not app.state.service.warm:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def photo_of(category: str, product: int, view: int = 3) -> bytes:
    return png(package(category, product, view))


def png(pixels: UInt8Array) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def ask(
    client: TestClient, photo: bytes | None, path: str = "/v1/query", **request: object
) -> Response:
    """One photo with a request object, as a form; without a photo the object as JSON."""
    if photo is None:
        return client.post(path, json=request)
    files = {"photo": ("photo", photo)}
    return client.post(path, files=files, data={"request": json.dumps(request)})
