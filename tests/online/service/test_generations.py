"""A served gallery through a migration, the flip and a rollback: no answer fails, none is mixed."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from engine.errors import WeightsError
from engine.galleries import generations, open_gallery, use_generation
from offline import ingest
from offline.migrate import migrate, rollback
from online.service import served
from online.service.service import Service
from stages.open_searcher import searcher_over
from tests.contracts.conftest import NewAddress, new_address
from tests.drawn_catalogue import QUICK, package
from tests.online.service.small_service import ask, make_gallery, photo_of, png, serving
from tests.watched_processes import wait

__all__ = ["new_address"]
pytestmark = pytest.mark.slow
PLAIN = ("keypoints.name=none", "adapt.auto=false")
OTHER = ("embed.side=16",)
PHOTO = photo_of("jar", 1)
Found = list[tuple[str, float]]


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    return make_gallery(tmp_path, *PLAIN)


@pytest.fixture
def client(gallery: Path) -> Iterator[TestClient]:
    with serving(gallery) as opened:
        yield opened


@pytest.fixture
def anywhere(gallery: Path, new_address: NewAddress) -> str:
    """In a folder, and in PostgreSQL."""
    made = new_address()
    ingest(gallery.parent / "catalogue", made, overrides=[*QUICK, *PLAIN], workers=1)
    return made


def moved(gallery: str | Path, *overrides: str) -> None:
    assert migrate(gallery, overrides=overrides or OTHER, workers=1).in_use


def number(answer: dict[str, object]) -> str:
    """The generation's name."""
    return str(answer["generation"]).partition("-")[0]


def answering(client: TestClient) -> str:
    return number(ask(client, PHOTO).json())


def after_the_swap(client: TestClient, name: str) -> None:
    assert wait(lambda: answering(client) == name)


def found(answer: dict[str, object]) -> Found:
    return [(hit["product"], round(hit["distance"], 4)) for hit in answer["hits"]]  # type: ignore[attr-defined]


def expected(gallery: str | Path, generation: str) -> Found:
    """By that generation alone."""
    with open_gallery(gallery, generation=generation) as opened:
        results = searcher_over(opened).search(PHOTO)
    return [(hit.record.product_id, round(hit.distance, 4)) for hit in results.hits]


def test_no_answer_fails_or_is_mixed_through_migration_flip_and_rollback(
    anywhere: str,
) -> None:
    answers: list[tuple[str, str, Found]] = []
    faults: list[object] = []
    ended = threading.Event()

    def search() -> None:
        while not ended.is_set():
            answer = ask(client, PHOTO)
            if answer.status_code != 200:
                faults.append(answer.text)
                return
            one = answer.json()
            answers.append((number(one), one["fingerprint"], found(one)))

    searching = [threading.Thread(target=search) for _ in range(4)]
    with serving(anywhere) as client:
        for thread in searching:
            thread.start()
        moved(anywhere)
        after_the_swap(client, "2")
        assert rollback(anywhere, workers=1).in_use
        after_the_swap(client, "1")
        ended.set()
        for thread in searching:
            thread.join()
    assert faults == []
    assert {name for name, _, _ in answers} == {"1", "2"}
    of = {}
    for name in "12":
        with open_gallery(anywhere, generation=name) as opened:
            of[name] = (opened.fingerprint, expected(anywhere, name))
    assert of["1"] != of["2"]
    assert all((fingerprint, hits) == of[name] for name, fingerprint, hits in answers)


def test_no_request_waits_for_the_models_of_another_generation(
    gallery: Path, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading, may_end = threading.Event(), threading.Event()

    def slow(opened: served.OpenGallery, sizes: object) -> None:
        loading.set()
        assert may_end.wait(60)

    monkeypatch.setattr(served.OpenGallery, "warm", slow)
    moved(gallery)
    assert answering(client) == "1"
    assert loading.wait(60)
    assert [answering(client) for _ in range(5)] == ["1"] * 5
    assert client.get("/v1/ready").status_code == 200
    may_end.set()
    after_the_swap(client, "2")


def test_a_generation_that_cannot_be_opened_leaves_the_one_before(
    gallery: Path, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = [True]
    warm = served.OpenGallery.warm

    def without_weights(opened: served.OpenGallery, sizes: tuple[int, ...]) -> None:
        if failing:
            failing.append(True)
            raise WeightsError("not here.")
        warm(opened, sizes)

    monkeypatch.setattr(served.OpenGallery, "warm", without_weights)
    monkeypatch.setattr(served, "_RETRY_SECONDS", 0.05)
    moved(gallery)
    assert wait(lambda: answering(client) == "1" and len(failing) > 2)
    failing.clear()
    after_the_swap(client, "2")


def test_the_generation_before_is_let_go_when_its_last_request_has_ended(
    gallery: Path, client: TestClient
) -> None:
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    held: list[served.OpenGallery] = [service.galleries.get()]
    old = weakref.ref(held[0])
    client.put("/v1/products/jar%2Fp0?wait=1", files={"image": PHOTO})  # the writer has used it
    moved(gallery)
    after_the_swap(client, "2")
    gc.collect()
    assert old() is not None  # as of a request that has not ended
    assert [one.uri for one in held[0].gallery.sources()]
    held.clear()
    assert wait(lambda: old() is None)


def test_a_gallery_that_was_made_anew_is_no_generation(gallery: Path, client: TestClient) -> None:
    before = ask(client, PHOTO).json()["fingerprint"]
    gallery.rename(gallery.with_name("old"))
    make_gallery(gallery.parent, *PLAIN, *OTHER)
    assert ask(client, PHOTO).json()["fingerprint"] != before  # at once


def test_writes_go_to_the_generation_in_use_and_wait_for_the_exchange(
    gallery: Path, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()
    warm = served.OpenGallery.warm

    def slow(opened: served.OpenGallery, sizes: tuple[int, ...]) -> None:
        assert may_end.wait(60)
        warm(opened, sizes)

    monkeypatch.setattr(served.OpenGallery, "warm", slow)
    moved(gallery)
    assert answering(client) == "1"
    image = png(package("stick", 9))
    job = client.put("/v1/products/stick%2Fp9", files={"image": image}).json()["job"]
    time.sleep(0.5)
    assert client.get(f"/v1/jobs/{job}").json()["state"] == "queued"
    may_end.set()
    assert wait(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "done")
    for name, products in (("1", 0), ("2", 1)):
        with open_gallery(gallery, generation=name) as opened:
            assert len(opened.find(product_id="stick/p9")) == products
            assert opened.check() == []
    assert ask(client, image).json()["hits"][0]["product"] == "stick/p9"
    assert rollback(gallery, workers=1).described == 1  # from the service's own copy of the image
    after_the_swap(client, "1")
    assert ask(client, image).json()["hits"][0]["product"] == "stick/p9"


def test_writes_while_a_migration_describes_are_in_the_new_generation(
    gallery: Path, client: TestClient
) -> None:
    sent: list[int] = []

    def write(done: int, total: int) -> None:
        if done and not sent:
            answer = client.put(
                "/v1/products/stick%2Fp9?wait=1", files={"image": png(package("stick", 9))}
            )
            sent.append(answer.status_code)
            sent.append(client.delete("/v1/products/jar%2Fp0?wait=1").status_code)

    report = migrate(gallery, overrides=(*OTHER, "ingest.batch=2"), workers=1, progress=write)
    assert report.in_use and sent == [200, 200]
    with open_gallery(gallery) as opened:
        products = {source.product_id for source in opened.sources()}
    assert "stick/p9" in products and "jar/p0" not in products


def test_pages_that_were_begun_in_another_generation_are_refused(
    gallery: Path, client: TestClient
) -> None:
    first = ask(client, PHOTO, k=1).json()
    products = client.get("/v1/products", params={"limit": 1}).json()
    for image in (1, 2):
        decision = {"decisions": [{"kind": "exclude", "image": image}]}
        assert client.post("/v1/review/decisions", json=decision, params={"wait": "1"}).is_success
    marks = {}
    for path in ("/v1/review/excluded", "/v1/review/masks"):
        marks[path] = client.get(path, params={"limit": 1}).json()["after"]
        assert marks[path] is not None
    marks["/v1/review/duplicates"] = marks["/v1/review/excluded"]
    go_on = {"limit": 1, "after": products["after"], "generation": products["generation"]}

    def statuses() -> set[int]:
        paged = [client.get(path, params={"after": mark}) for path, mark in marks.items()]
        hits = ask(client, PHOTO, k=1, offset=1, generation=first["generation"])
        alike = ask(client, None, image=3, generation=first["generation"])
        return {
            one.status_code
            for one in (*paged, hits, alike, client.get("/v1/products", params=go_on))
        }

    assert statuses() == {200}
    moved(gallery)
    after_the_swap(client, "2")
    assert statuses() == {409}
    use_generation(gallery, "1")
    after_the_swap(client, "1")
    assert statuses() == {200}


def test_an_image_has_the_same_id_in_both_generations(gallery: Path, client: TestClient) -> None:
    hit = ask(client, PHOTO).json()["hits"][0]
    content = client.get(f"/{hit['image_url']}").content
    moved(gallery)
    after_the_swap(client, "2")
    assert generations(gallery).current == "2"
    assert client.get(f"/{hit['image_url']}").content == content
    assert ask(client, None, image=hit["id"]).status_code == 200
