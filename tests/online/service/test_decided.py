"""What people decide takes effect at once: on images of folders, and on those that were sent."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from engine.curation import Curation
from engine.decisions import CategoryDecision, Decision, Exclusion, Mask, MaskDecision
from engine.galleries import open_gallery
from engine.types import Source
from offline import ingest
from online.service import applying, writer
from tests.online.service.small_service import ask, make_gallery, photo_of, serving
from tests.online.service.test_service_writing import put

FOLDER, SENT = "jar/p1", "sent"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_gallery(tmp_path)


@pytest.fixture
def curator(folder: Path) -> Iterator[TestClient]:
    with serving(folder) as client:
        put(client, SENT, photo_of("jar", 21), request={"category": "jar"})
        yield client


def decide(client: TestClient, *decisions: dict[str, object]) -> list[str]:
    """Carried out; the ids."""
    body = {"decisions": decisions}
    answer = client.post("/v1/review/decisions", json=body, params={"wait": 1})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    job = client.get(f"/v1/jobs/{found['job']}").json()
    assert (job["kind"], job["state"]) == ("curate", "done")
    return [str(one) for one in found["decisions"]]


def undo(client: TestClient, *decisions: str) -> None:
    decide(client, *({"kind": "undo", "decision": one} for one in decisions))


def first_of(client: TestClient, product: str) -> dict[str, Any]:
    """Of the product's images."""
    image: dict[str, Any] = client.get(f"/v1/products/{product}").json()["images"][0]
    return image


def finds(client: TestClient, photo: bytes, image: int) -> bool:
    answers = ask(client, photo, k=100).json()["hits"]
    pages = [client.get(f"/v1/products/{hit['product']}").json()["images"] for hit in answers]
    return image in {one["id"] for page in pages for one in page}


@pytest.mark.parametrize("product", [FOLDER, SENT])
def test_a_job_counts_images_for_which_nothing_is_described(
    curator: TestClient, product: str
) -> None:
    images = [first_of(curator, product)["id"], first_of(curator, "stick/p1")["id"]]
    body = {"decisions": [{"kind": "exclude", "image": one} for one in images]}
    found = curator.post("/v1/review/decisions", json=body, params={"wait": 1}).json()
    job = curator.get(f"/v1/jobs/{found['job']}").json()
    assert (job["kind"], job["done"], job["total"]) == ("curate", 2, 2)


@pytest.mark.parametrize("product", [FOLDER, SENT])
def test_an_excluded_image_is_out_of_the_next_query_and_back_in_another(
    curator: TestClient, product: str
) -> None:
    image = first_of(curator, product)
    photo = curator.get("/" + image["image_url"]).content
    assert finds(curator, photo, image["id"])
    before = ask(curator, photo).json()["hits"]
    (excluded,) = decide(curator, {"kind": "exclude", "image": image["id"]})
    assert not finds(curator, photo, image["id"])
    assert curator.get("/" + image["image_url"]).content == photo
    for path in (image["thumbnail_url"], f"v1/images/{image['id']}/mask"):
        assert curator.get(f"/{path}").status_code == 200
    assert ask(curator, None, image=image["id"]).status_code == 200
    (shown,) = curator.get("/v1/review/excluded").json()["images"]
    assert (shown["id"], shown["product"], shown["decision"]) == (image["id"], product, excluded)
    undo(curator, excluded)
    assert ask(curator, photo).json()["hits"] == before
    decide(curator, {"kind": "exclude", "image": image["id"]})
    decide(curator, {"kind": "include", "image": image["id"]})
    assert ask(curator, photo).json()["hits"] == before
    assert curator.get("/v1/review/excluded").json() == {"images": [], "after": None}


def test_the_file_of_an_excluded_image_stays(curator: TestClient, folder: Path) -> None:
    image = first_of(curator, SENT)
    decide(curator, {"kind": "exclude", "image": image["id"]})
    with open_gallery(folder) as gallery:
        uploads = curator.app.state.service.writers.of(None).uploads  # type: ignore[attr-defined]
        jobs = curator.app.state.service.writers.of(None).jobs  # type: ignore[attr-defined]
        assert uploads.clean(list(uploads.folder.iterdir()), gallery, jobs) == 0
    ingest(folder.parent / "catalogue", folder, workers=1)
    assert curator.get("/" + image["image_url"]).status_code == 200


def test_an_excluded_image_that_is_sent_again_is_back_when_that_is_undone(
    curator: TestClient, folder: Path
) -> None:
    image = first_of(curator, SENT)
    (excluded,) = decide(curator, {"kind": "exclude", "image": image["id"]})
    put(curator, SENT, photo_of("jar", 21), photo_of("jar", 22), request={"category": "lid"})
    held = curator.get(f"/v1/products/{SENT}").json()
    assert image["sha256"] not in {one["sha256"] for one in held["images"]}
    undo(curator, excluded)
    held = curator.get(f"/v1/products/{SENT}").json()["images"]
    assert {one["category"] for one in held} == {"lid"} and len(held) == 2
    assert image["id"] in {one["id"] for one in held}


def test_what_was_deleted_while_it_was_excluded_stays_deleted(
    curator: TestClient, folder: Path
) -> None:
    images = [first_of(curator, name) for name in (SENT, "jar/p0")]
    excluded = decide(curator, *({"kind": "exclude", "image": one["id"]} for one in images))
    curator.delete(f"/v1/products/{SENT}", params={"wait": 1})
    wanted = {"category": "jar", "dry_run": 1}
    assert curator.delete("/v1/products", params=wanted).json()["images"] == 6
    curator.delete("/v1/products", params={"wait": 1, "category": "jar"})
    undo(curator, *excluded)
    assert {one["id"] for one in images} & {source.id for source in sources(folder)} == set()
    assert list((folder / "uploads").iterdir()) == []


@pytest.mark.parametrize("product", [FOLDER, SENT])
def test_a_category_is_a_label_at_once_and_gone_when_it_is_undone(
    curator: TestClient, product: str
) -> None:
    image = first_of(curator, product)
    photo = curator.get("/" + image["image_url"]).content
    (made,) = decide(curator, {"kind": "category", "image": image["id"], "category": "tin"})
    assert first_of(curator, product)["category"] == "tin"
    assert ask(curator, photo, categories=["tin"]).json()["hits"][0]["product"] == product
    undo(curator, made)
    assert (first_of(curator, product)["category"], first_of(curator, product)["labelled"]) == (
        "jar",
        True,
    )
    names = {one["name"] for one in curator.get("/v1/categories").json()["categories"]}
    assert names == {"jar", "stick"}


def test_where_no_label_was_overruled_the_category_is_predicted_again(curator: TestClient) -> None:
    put(curator, "guessed", photo_of("stick", 0, 0), request={})
    before = first_of(curator, "guessed")
    assert not before["labelled"]
    first, second = (
        decide(curator, {"kind": "category", "image": before["id"], "category": name})[0]
        for name in ("tin", "can")
    )
    assert first_of(curator, "guessed")["category"] == "can"
    undo(curator, second)
    assert first_of(curator, "guessed")["category"] == "tin"
    undo(curator, first)
    assert first_of(curator, "guessed") == before


def test_of_a_pair_that_is_one_image_the_other_goes_out_and_comes_back(curator: TestClient) -> None:
    one, other = first_of(curator, FOLDER), first_of(curator, SENT)
    pair = {"images": [one["id"], other["id"]], "verdict": "same image", "keep": one["id"]}
    (made,) = decide(curator, {"kind": "pair", **pair})
    assert curator.get(f"/v1/products/{SENT}").status_code == 404
    undo(curator, made)
    assert first_of(curator, SENT)["id"] == other["id"]


def test_an_image_that_comes_back_is_cut_out_by_the_mask_drawn_meanwhile(
    curator: TestClient, folder: Path
) -> None:
    image = first_of(curator, FOLDER)
    (excluded,) = decide(curator, {"kind": "exclude", "image": image["id"]})
    with Curation.open(folder) as curation:
        curation.decide([MaskDecision(image["sha256"], left_half())])
    undo(curator, excluded)
    (found,) = (source for source in sources(folder) if source.id == image["id"])
    assert found.mask == left_half().digest


def test_an_image_whose_file_is_gone_fails_with_the_reason_and_spares_the_others(
    curator: TestClient, folder: Path
) -> None:
    gone, other = sources(folder)[:2]
    Path(gone.uri).unlink()
    with Curation.open(folder) as curation:
        curation.decide([MaskDecision(one.sha256, left_half()) for one in (gone, other)])
    job = curator.app.state.service.writers.of(None).curate([gone.sha256])  # type: ignore[attr-defined]
    found = ended(curator, job.id)
    assert found["state"] == "failed" and f"Image {gone.id} cannot be read" in found["error"]
    masks = {source.id: source.mask for source in sources(folder)}
    assert masks[gone.id] is None and masks[other.id] == left_half().digest


def test_decisions_of_another_process_are_noticed(
    curator: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(applying, "_DECISIONS", 2)
    held = sources(folder)
    decide_beside(folder, [Exclusion(one.sha256) for one in held[:5]])
    wait_for(lambda: {one.id for one in sources(folder)} == {one.id for one in held[5:]})
    decide_beside(folder, [Exclusion(one.sha256, False) for one in held[:4]])
    decide_beside(folder, [CategoryDecision(held[5].sha256, "tin")])
    wait_for(lambda: "tin" in {one.category for one in sources(folder)})
    assert {one.id for one in sources(folder)} == {one.id for one in held} - {held[4].id}
    wait_for(lambda: set(states(curator)) == {"done"})


def test_decisions_that_no_job_was_submitted_for_are_carried_out_at_the_next_start(
    folder: Path,
) -> None:
    first = sources(folder)[0]
    decide_beside(folder, [Exclusion(first.sha256)])
    with serving(folder) as client:
        wait_for(lambda: states(client) == ["done"])
        assert first.id not in {one.id for one in sources(folder)}
    with serving(folder) as client:
        time.sleep(0.1)
        assert states(client) == ["done"]


def decide_beside(folder: Path, decisions: Sequence[Decision]) -> None:
    with Curation.open(folder) as curation:
        curation.decide(decisions)


def sources(folder: Path) -> list[Source]:
    with open_gallery(folder) as gallery:
        assert gallery.check() == []
        return list(gallery.sources())


def left_half() -> Mask:
    bits = np.zeros((64, 64), np.bool_)
    bits[4:-4, 4:32] = True
    return Mask.from_bits(bits)


def ended(client: TestClient, job: str) -> dict[str, Any]:
    wait_for(lambda: client.get(f"/v1/jobs/{job}").json()["state"] in ("done", "failed"))
    found: dict[str, Any] = client.get(f"/v1/jobs/{job}").json()
    return found


def states(client: TestClient) -> list[str]:
    """Of all jobs."""
    return [str(one["state"]) for one in client.get("/v1/jobs").json()["jobs"]]


def wait_for(holds: Any) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_query_waits_for_no_decision_that_another_process_holds_up(
    curator: TestClient, folder: Path
) -> None:
    decide(curator, {"kind": "exclude", "image": 1})
    sent = {"decisions": [{"kind": "include", "image": 1}]}
    with (
        closing(sqlite3.connect(folder / "curation.sqlite", isolation_level=None)) as elsewhere,
        ThreadPoolExecutor(4) as pool,
    ):
        elsewhere.execute("BEGIN IMMEDIATE")
        held = [pool.submit(curator.post, "/v1/review/decisions", json=sent) for _ in range(4)]
        time.sleep(0.2)  # until they wait
        assert ask(curator, None, image=2).status_code == 200
        assert not any(one.done() for one in held)
        elsewhere.execute("ROLLBACK")
        assert [one.result().status_code for one in held] == [200] * 4
