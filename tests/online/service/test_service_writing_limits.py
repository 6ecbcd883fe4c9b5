"""What requests that write may not do, and what they wait for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from engine.galleries import open_gallery
from online.service.keys import KeyFile
from online.service.logs import RequestLine
from tests.online.service.asgi import send_request
from tests.online.service.hostile_requests import KINDS, hostile_requests
from tests.online.service.small_service import listening, make_gallery, photo_of, serving
from tests.online.service.test_hostile_uploads import fault
from tests.online.service.test_service_writing import put, wait_for_uploads
from tests.watched_processes import wait

OF_EACH_KIND = 3


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("limits"))


@pytest.fixture(scope="module")
def client(gallery: Path) -> Iterator[TestClient]:
    with serving(gallery) as client:
        yield client


def test_hostile_images_are_refused_and_leave_nothing(client: TestClient, gallery: Path) -> None:
    taken = 0
    for hostile in hostile_requests(OF_EACH_KIND * len(KINDS), seed=2):
        if hostile.path != "/v1/query" or hostile.photo is None:
            continue
        content = hostile.content.replace(b'name="photo"', b'name="image"')
        sent = partial(
            send_request,
            client.app,
            "PUT",
            "/v1/products/hostile",
            headers={**hostile.headers, "content-length": str(len(content))},
            body=[content],
        )
        assert client.portal is not None
        reply = client.portal.call(sent)
        taken += reply.status == 202
        status = 200 if reply.status == 202 else reply.status
        found = fault(hostile, status, reply.headers["content-type"], reply.body)
        assert not found, f"{found}: {reply.status} {reply.body[:300]!r} {hostile}"[:1000]
    assert taken and sum(client.get("/v1/jobs").json()["counts"].values()) == taken
    assert client.delete("/v1/products/hostile", params={"wait": 1}).status_code == 200
    wait_for_uploads(gallery / "uploads", 0)


def test_writing_needs_a_key_that_curates(gallery: Path, tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    reads, curates = (
        {"authorization": f"Bearer {keys.add(scope, scope)}"} for scope in ("read", "curate")
    )
    with serving(gallery, keys=tmp_path / "keys.json") as client:
        for method, path in (
            ("PUT", "/v1/products/a"),
            ("POST", "/v1/products/a/images"),
            ("DELETE", "/v1/products/a"),
            ("DELETE", "/v1/products?category=jar&dry_run=1"),
            ("GET", "/v1/jobs"),
            ("GET", "/v1/jobs/a/events"),
        ):
            assert client.request(method, path).status_code == 401
            assert client.request(method, path, headers=reads).status_code == 403
        assert client.get("/v1/jobs", headers=curates).status_code == 200


def test_each_gallery_has_its_own_jobs(tmp_path: Path) -> None:
    one, other = (make_gallery(tmp_path / name) for name in ("one", "other"))
    with serving(one, galleries={"one": str(one), "other": str(other)}) as client:
        files = {"image": ("x", photo_of("jar", 1))}
        params: dict[str, str | int] = {"gallery": "other", "wait": 1}
        job = client.put("/v1/products/new", files=files, params=params).json()["job"]
        there = {"gallery": "other"}
        assert client.get("/v1/products/new", params=there).status_code == 200
        assert client.get("/v1/products/new").status_code == 404
        assert client.get(f"/v1/jobs/{job}", params=there).status_code == 200
        assert client.get(f"/v1/jobs/{job}").status_code == 404
        unknown = {"gallery": "none"}
        assert client.put("/v1/products/a", files=files, params=unknown).status_code == 404


def test_who_waits_longer_than_the_deadline_gets_the_job(gallery: Path) -> None:
    with serving(gallery, deadline=0.5) as client, open_gallery(gallery, write=True):
        answer = put(client, "late", photo_of("jar", 1))
        assert answer.status_code == 202 and answer.json()["state"] == "queued"


def test_a_stream_of_events_ends_with_its_client(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "packsight.service")
    gallery = make_gallery(tmp_path)
    with listening(gallery) as base, open_gallery(gallery, write=True):
        with httpx.Client(base_url=base, trust_env=False, timeout=60) as client:
            files = {"image": ("x", photo_of("jar", 1))}
            job = client.put("/v1/products/a", files=files).json()["job"]
            with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
                lines = stream.iter_lines()  # its end would end the connection
                assert next(lines) == "event: progress"
                assert "/v1/jobs/{job}/events" not in answered(caplog)
        assert wait(lambda: "/v1/jobs/{job}/events" in answered(caplog))


def answered(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Routes of all requests that were answered to their end."""
    lines = [getattr(record, "request", None) for record in caplog.records]
    return [line.route for line in lines if isinstance(line, RequestLine)]
