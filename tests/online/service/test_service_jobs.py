"""Jobs: their table, deletes by filter, events, and what else goes on meanwhile."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import LockedError
from engine.galleries import open_gallery
from engine.request import Condition, Filter
from engine.types import Source
from offline import ingest
from online.service import jobs as jobs_module
from online.service.changes import Change
from online.service.jobs import JobTable, UploadGoneError
from online.service.problems import RequestError
from online.service.uploads import Uploads
from tests.drawn_catalogue import QUICK, package, save
from tests.online.service.small_service import ask, make_gallery, photo_of, serving
from tests.online.service.test_service_writing import put
from tests.watched_processes import wait

DELETE = Change(kind="delete", product="p")


@pytest.fixture
def table(tmp_path: Path) -> Iterator[JobTable]:
    table = JobTable(tmp_path)
    yield table
    table.close()


def test_jobs_are_begun_in_the_order_they_were_submitted(table: JobTable) -> None:
    submitted = [table.submit(Change(kind="delete", product=str(at))) for at in range(3)]
    for job in submitted:
        begun = table.begin()
        assert begun is not None and (begun.id, begun.state) == (job.id, "running")
        table.finish(begun)
    assert table.begin() is None and table.unfinished() == 0
    assert table.counts() == {"queued": 0, "running": 0, "done": 3, "failed": 0}


def test_a_job_that_was_cut_off_is_begun_again_first(table: JobTable, tmp_path: Path) -> None:
    first = table.submit(DELETE)
    table.submit(DELETE)
    table.begin()
    table.close()
    other = JobTable(tmp_path)
    begun = other.begin()
    other.close()
    assert begun is not None and begun.id == first.id and begun.attempts == 2


def test_a_job_at_which_the_process_always_ends_fails_and_lets_others_pass(table: JobTable) -> None:
    first, second = table.submit(DELETE), table.submit(DELETE)
    for _ in range(jobs_module.MOST_ATTEMPTS):
        begun = table.begin()
        assert begun is not None and begun.id == first.id
    begun = table.begin()
    assert begun is not None and begun.id == second.id
    ended = table.find(first.id)
    assert ended is not None and ended.state == "failed" and ended.error


def test_all_who_send_one_key_at_a_time_get_one_job(tmp_path: Path) -> None:
    tables = [JobTable(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        keyed = pool.map(lambda at: tables[at % 4].submit(DELETE, idempotency="k").id, range(24))
        others = pool.map(lambda at: tables[at % 4].submit(DELETE).id, range(24))
        assert len(set(keyed)) == 1 and len(set(others)) == 24
    assert tables[0].unfinished() == 25
    for table in tables:
        table.close()


def test_jobs_that_ended_long_ago_go(table: JobTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "MOST_KEPT", 2)
    for _ in range(4):
        table.submit(DELETE)
    waiting = table.submit(DELETE)
    for _ in range(4):
        begun = table.begin()
        assert begun is not None
        table.finish(begun)
    assert table.counts()["done"] == 2
    monkeypatch.setattr(jobs_module, "KEPT_SECONDS", -1.0)
    begun = table.begin()
    assert begun is not None and begun.id == waiting.id
    table.finish(begun, "it failed")
    assert table.find(waiting.id) is None


def test_no_more_jobs_are_taken_than_may_wait(
    table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "MOST_WAITING", 1)
    table.submit(DELETE)
    with pytest.raises(RequestError) as raised:
        table.submit(DELETE)
    assert raised.value.status == 503


def test_a_table_follows_a_folder_that_is_made_anew(table: JobTable, tmp_path: Path) -> None:
    table.submit(DELETE)
    for file in tmp_path.glob("jobs.sqlite*"):
        file.unlink()
    assert table.latest(None, 10) == []
    table.submit(DELETE)
    assert len(table.latest(None, 10)) == 1


def test_an_upload_is_kept_while_a_job_needs_it(table: JobTable, tmp_path: Path) -> None:
    ingest_one(tmp_path)
    uploads = Uploads(tmp_path / "g")
    table = JobTable(tmp_path / "g")
    sha256 = uploads.keep("p", photo_of("jar", 1))
    path = uploads.path("p", sha256)
    change = Change(kind="add", product="p", images=(sha256,))
    with open_gallery(tmp_path / "g") as gallery:
        job = table.submit(change, [path])
        assert uploads.clean([path, tmp_path / "c/jar/p0/v.png"], gallery, table) == 0
        table.finish(job)
        assert uploads.clean([path, tmp_path / "c/jar/p0/v.png"], gallery, table) == 1
    with pytest.raises(UploadGoneError):
        table.submit(change, [path])
    assert (tmp_path / "c/jar/p0/v.png").is_file()
    table.close()


def ingest_one(folder: Path) -> Path:
    save(folder / "c" / "jar" / "p0" / "v.png", package("jar", 0))
    ingest(folder / "c", folder / "g", overrides=QUICK, workers=1)
    return folder / "g"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("waiting"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    with serving(folder) as client:
        yield client


CONDITIONS = st.one_of(
    st.builds(
        lambda name, value: {"attribute": name, "equals": value},
        st.sampled_from(["colour", "size", "none"]),
        st.sampled_from(["red", "green", "50 ml", ""]),
    ),
    st.builds(
        lambda low: {"attribute": "size", "at_least": low}, st.sampled_from([0, 50, 100.5, 200])
    ),
)
WHERE = st.lists(st.lists(CONDITIONS, min_size=1, max_size=2), min_size=1, max_size=2)


def test_a_gallery_is_made_anew_beside_jobs_and_uploads(tmp_path: Path) -> None:
    gallery = ingest_one(tmp_path)
    with serving(gallery) as client:
        put(client, "q", photo_of("jar", 3))
    for file in gallery.glob("gallery.sqlite*"):
        file.unlink()
    ingest(tmp_path / "c", gallery, overrides=QUICK, workers=1)
    with serving(gallery) as client:
        assert client.get("/v1/jobs").json()["counts"]["done"] == 1


def passing(folder: Path, where: list[list[dict[str, Any]]], category: str | None) -> list[Source]:
    """The slow twin: every image is looked at in Python."""
    clauses = tuple(
        tuple(
            Condition(
                one["attribute"],
                (one["equals"],) if "equals" in one else (),
                at_least=one.get("at_least"),
            )
            for one in clause
        )
        for clause in where
    )
    with open_gallery(folder) as gallery:
        return [
            source
            for source in gallery.sources()
            if category in (None, source.category) and Filter(clauses).holds(source.attributes)
        ]


@settings(max_examples=30, deadline=None)
@given(WHERE, st.sampled_from([None, "jar", "stick", "none"]))
def test_a_dry_run_counts_what_passes(
    client: TestClient, folder: Path, where: list[list[dict[str, Any]]], category: str | None
) -> None:
    expected = passing(folder, where, category)
    params: dict[str, Any] = {"where": json.dumps(where), "dry_run": 1}
    if category is not None:
        params["category"] = category
    answer = client.delete("/v1/products", params=params)
    products = sorted({source.product_id for source in expected})
    assert answer.status_code == 200
    assert answer.json() == {
        "images": len(expected),
        "products": len(products),
        "first": products[:20],
    }


def test_a_delete_by_filter_deletes_what_its_dry_run_counts(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path)
    where = [[{"attribute": "size", "at_most": 100}]]
    params: dict[str, Any] = {"where": json.dumps(where), "category": "jar"}
    with serving(gallery) as client:
        counted = client.delete("/v1/products", params={**params, "dry_run": 1}).json()
        assert counted == {"images": 4, "products": 2, "first": ["jar/p0", "jar/p1"]}
        answer = client.delete("/v1/products", params={**params, "wait": 1})
        job = client.get(f"/v1/jobs/{answer.json()['job']}").json()
        assert (job["done"], job["total"]) == (4, 4)
        left = [one["product"] for one in client.get("/v1/products").json()["products"]]
        assert left == ["jar/p2", "stick/p0", "stick/p1", "stick/p2"]
        again = client.delete("/v1/products", params={**params, "dry_run": 1}).json()
        assert again["images"] == 0
    with open_gallery(gallery) as opened:
        assert opened.check() == []


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"where": "[]"},
        {"where": ""},
        {"where": "{}"},
        {"where": '[], "x": 1'},
        {"where": '[[{"attribute": "a"}]]'},
        {"where": "[[]]"},
        {"where": "[" * 5000},
        {"where": " " * 10_001},
        {"category": ""},
        {"category": "a" * 501},
        {"where": json.dumps([[{"attribute": "a", "equals": "b"}] * 60] * 2)},
        {"where": json.dumps([[{"attribute": "a", "equals": "\0"}]])},
    ],
)
@pytest.mark.parametrize("dry_run", [0, 1])
def test_a_filter_that_is_none_deletes_nothing(
    client: TestClient, params: dict[str, Any], dry_run: int
) -> None:
    answer = client.delete("/v1/products", params={**params, "dry_run": dry_run})
    assert answer.status_code == 422


def test_jobs_are_listed_and_counted_by_their_state(client: TestClient) -> None:
    done = put(client, "a", photo_of("jar", 5)).json()["job"]
    listed = client.get("/v1/jobs", params={"state": "done"}).json()
    assert listed["jobs"][0]["job"] == done and listed["counts"]["done"] >= 1
    job = client.get(f"/v1/jobs/{done}").json()
    assert job == listed["jobs"][0]
    assert (job["kind"], job["product"], job["state"]) == ("replace", "a", "done")
    assert job["created"] <= job["started"] <= job["finished"]
    assert client.get("/v1/jobs", params={"state": "failed"}).json()["jobs"] == []
    assert client.get("/v1/jobs", params={"state": "lost"}).status_code == 422
    assert client.get("/v1/jobs/none").status_code == 404
    assert client.get("/v1/jobs/none/events").status_code == 404
    assert client.get("/v1/jobs", params={"gallery": "none"}).status_code == 404
    assert 'packsight_jobs{state="done"}' in client.get("/metrics").text


def test_the_events_of_a_job_end_with_it(client: TestClient) -> None:
    images = [photo_of("jar", 40, view) for view in range(20)]
    job = put(client, "followed", *images, wait=False).json()["job"]
    answer = client.get(f"/v1/jobs/{job}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [event.split("\ndata: ") for event in answer.text.strip().split("\n\n")]
    assert [name for name, _ in events[:-1]] == ["event: progress"] * (len(events) - 1)
    assert events[-1][0] == "event: end"
    last = json.loads(events[-1][1])
    assert (last["state"], last["done"], last["total"]) == ("done", 20, 20)


def test_a_failed_job_shows_why_and_no_path(tmp_path: Path) -> None:
    gallery = ingest_one(tmp_path)
    with serving(gallery) as client, open_gallery(gallery, write=True) as held:
        job = put(client, "a", photo_of("jar", 1), wait=False).json()["job"]
        for file in (gallery / "uploads").iterdir():
            file.unlink()
        held.close()
        ended = wait_for(client, job)
    assert ended["state"] == "failed" and ended["error"]
    assert str(tmp_path) not in json.dumps(ended) and "uploads" not in ended["error"]


def test_jobs_wait_for_another_writer_and_queries_go_on(tmp_path: Path) -> None:
    gallery = ingest_one(tmp_path)
    with serving(gallery) as client, open_gallery(gallery, write=True) as held:
        job = put(client, "a", photo_of("jar", 7), wait=False).json()["job"]
        assert ask(client, photo_of("jar", 0)).status_code == 200
        time.sleep(0.6)
        assert client.get(f"/v1/jobs/{job}").json()["state"] == "queued"
        held.close()
        assert wait_for(client, job)["state"] == "done"
        assert ask(client, photo_of("jar", 7)).json()["hits"][0]["product"] == "a"


def wait_for(client: TestClient, job: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def has_ended() -> bool:
        found.update(client.get(f"/v1/jobs/{job}").json())
        return found["state"] in ("done", "failed")

    assert wait(has_ended), f"job {job} did not end"
    return found


@pytest.mark.parametrize("seed", range(3))
def test_jobs_that_wait_come_to_the_same_as_one_after_the_other(
    made: Path, tmp_path: Path, seed: int
) -> None:
    gallery = shutil.copytree(made, tmp_path / "gallery")
    chance = random.Random(seed)
    pool = [photo_of("jar", 70 + at) for at in range(4)]
    expected: dict[str, tuple[str, set[bytes]]] = {}  # category and images of a product
    with serving(gallery) as client, open_gallery(gallery, write=True) as held:
        for _ in range(24):
            name, category = chance.choice("abc"), chance.choice(["tin", "tube"])
            images = set(chance.sample(pool, 2))
            kind = chance.choice(["PUT", "PUT", "POST", "DELETE", "matching"])
            if kind == "matching":
                client.delete("/v1/products", params={"category": category})
                expected = {key: one for key, one in expected.items() if one[0] != category}
            elif kind == "DELETE":
                client.delete(f"/v1/products/{name}")
                expected.pop(name, None)
            else:
                before = expected.get(name)
                if kind == "POST" and before is not None:
                    category, images = before[0], images | before[1]
                labels = {"category": category}
                put(client, name, *images, request=labels, method=kind, wait=False)
                expected[name] = (category, images)
        held.close()
        wait_for(client, client.get("/v1/jobs").json()["jobs"][0]["job"])
        assert client.get("/v1/jobs").json()["counts"]["failed"] == 0
        for name in "abc":
            shown = client.get(f"/v1/products/{name}").json()
            found = {client.get("/" + one["image_url"]).content for one in shown.get("images", [])}
            wanted = expected.get(name, (None, set()))
            assert (shown.get("category"), found) == wanted
    with open_gallery(gallery) as opened:
        assert opened.check() == []


def test_no_query_fails_while_jobs_run_and_an_ingest_goes_on_beside(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path)
    statuses: list[int] = []
    ended = threading.Event()
    with serving(gallery) as client:

        def search() -> None:
            while not ended.is_set():
                statuses.append(ask(client, photo_of("jar", 1)).status_code)
                time.sleep(0.05)

        searching = threading.Thread(target=search)
        searching.start()
        try:
            submitted = []
            for at in range(4):
                image = photo_of("jar", 50 + at)
                submitted.append(put(client, f"p{at}", image, wait=False).json()["job"])
            save(tmp_path / "catalogue/jar/late/v.png", package("jar", 60))
            ingest_when_free(tmp_path / "catalogue", gallery)
            submitted.append(client.delete("/v1/products/p0").json()["job"])
            states = [wait_for(client, job)["state"] for job in submitted]
        finally:
            ended.set()
            searching.join()
        names = {one["product"] for one in client.get("/v1/products").json()["products"]}
    assert states == ["done"] * 5 and set(statuses) == {200}
    assert {"p1", "p2", "p3", "jar/late"} <= names and "p0" not in names
    with open_gallery(gallery) as opened:
        assert opened.check() == []


def ingest_when_free(folder: Path, gallery: Path) -> None:
    def is_done() -> bool:
        try:
            ingest(folder, gallery, workers=1)
        except LockedError:
            return False
        return True

    assert wait(is_done), "the gallery was never free"


def test_uploads_that_requests_left_over_go_at_the_next_start(tmp_path: Path) -> None:
    gallery = ingest_one(tmp_path)
    uploads = Uploads(gallery)
    old, new = (uploads.path("p", uploads.keep("p", photo_of("jar", at))) for at in range(2))
    os.utime(old, (0, 0))
    with serving(gallery) as client:
        put(client, "q", photo_of("jar", 3))
    assert not old.exists() and new.exists()
    assert len(list((gallery / "uploads").iterdir())) == 2
