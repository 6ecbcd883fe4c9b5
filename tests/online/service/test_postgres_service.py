"""The service over a gallery in PostgreSQL: searched, written to, reviewed; and its server away."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from fastapi.testclient import TestClient

from engine.copying import copy_gallery
from engine.galleries import open_gallery
from online.service.app import application
from online.service.options import ServiceOptions
from tests.online.service.small_service import ask, make_gallery, photo_of
from tests.postgres_server import PostgresServer, postgres_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """Of these tests alone, for it is killed."""
    with postgres_server() as made:
        yield made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("service"))


@pytest.fixture
def address(server: PostgresServer, made: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PACKSIGHT_UPLOADS_DIR", str(made.parent / "uploads"))
    address = server.address(schema=f"s{secrets.token_hex(4)}")
    copy_gallery(made, address)
    return address


@pytest.fixture
def client(address: str) -> Iterator[TestClient]:
    app = application(ServiceOptions({"small": address}, rate=0))
    with TestClient(app, base_url="http://localhost") as client:
        until(lambda: client.get("/v1/ready").status_code == 200)
        yield client


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def first(client: TestClient) -> str:
    answer = ask(client, photo_of("jar", 11, 0))
    assert answer.status_code == 200
    found: str = answer.json()["hits"][0]["product"]
    return found


def test_what_is_written_is_found_and_what_is_deleted_is_not(
    client: TestClient, address: str
) -> None:
    image = {"image": photo_of("jar", 11, 0)}
    put = client.put("/v1/products/new?wait=1", files=image, data={"request": '{"category":"jar"}'})
    assert put.status_code == 200 and put.json()["state"] == "done"
    assert first(client) == "new"
    with open_gallery(address) as gallery:  # by any other process
        assert len(gallery.find(product_id="new")) == 1
    assert [job["state"] for job in client.get("/v1/jobs").json()["jobs"]] == ["done"]
    assert client.delete("/v1/products/new?wait=1").status_code == 200
    assert first(client) != "new"


def test_what_people_decide_is_carried_out(client: TestClient, address: str) -> None:
    with open_gallery(address) as gallery:
        source = next(iter(gallery.sources()))
    decided = client.post(
        "/v1/review/decisions?wait=1",
        json={"decisions": [{"kind": "exclude", "image": source.id}]},
    )
    assert decided.status_code == 200
    with open_gallery(address) as gallery:
        until(lambda: [one.id for one in gallery.withdrawn()] == [source.id])
        assert gallery.check() == []


def test_requests_are_refused_cleanly_while_the_server_is_away_and_answered_again(
    client: TestClient, server: PostgresServer
) -> None:
    before = first(client)
    server.kill()
    try:
        refused = ask(client, photo_of("jar", 11, 0))
        assert refused.status_code == 503 and refused.headers["retry-after"]
        put = client.put("/v1/products/new", files={"image": photo_of("jar", 11, 0)})
        assert put.status_code == 503
    finally:
        server.start()
    until(lambda: ask(client, photo_of("jar", 11, 0)).status_code == 200)
    assert first(client) == before
    image = {"image": photo_of("jar", 11, 0)}
    assert client.put("/v1/products/new?wait=1", files=image).status_code == 200
    assert first(client) == "new"
