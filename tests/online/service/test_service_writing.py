"""Products written over HTTP: what a job has done, the next query finds."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx import Response

from engine.curation import Curation
from engine.decisions import CategoryDecision, Exclusion, Mask, MaskDecision
from engine.galleries import open_gallery
from offline import ingest
from tests.drawn_catalogue import QUICK, package, save
from tests.online.service.small_service import ask, make_gallery, photo_of, png, serving
from tests.watched_processes import wait

LABELS = {"category": "jar", "attributes": {"colour": "white"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("written"))


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    with serving(folder) as client:
        yield client


def put(
    client: TestClient,
    product: str,
    *images: bytes,
    request: object = LABELS,
    method: str = "PUT",
    wait: bool = True,
    **headers: str,
) -> Response:
    path = f"/v1/products/{quote(product, safe='')}" + ("/images" if method == "POST" else "")
    text = request if isinstance(request, str) else json.dumps(request)
    parts: list[tuple[str, tuple[str | None, bytes]]] = [("request", (None, text.encode()))]
    parts += [("image", ("x", image)) for image in images]
    return client.request(
        method,
        path,
        files=parts,
        params={"wait": int(wait)},
        headers=headers,
    )


def product(client: TestClient, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/products/{quote(name, safe='')}").json()
    return found


def wait_for_uploads(folder: Path, count: int) -> None:
    """They are deleted right after their job is done."""
    assert wait(lambda: len(list(folder.iterdir())) == count)


def images_of(client: TestClient, name: str) -> set[str]:
    return {image["sha256"] for image in product(client, name).get("images", [])}


def test_a_product_that_was_put_is_found_by_the_next_query(client: TestClient) -> None:
    answer = put(client, "new/1", photo_of("jar", 11, 0), photo_of("jar", 11, 1))
    assert answer.status_code == 200 and answer.json()["state"] == "done"
    hit = ask(client, photo_of("jar", 11, 0)).json()["hits"][0]
    assert hit["product"] == "new/1"
    held = product(client, "new/1")
    assert held["category"] == "jar" and held["attributes"] == {"colour": "white"}
    assert len(held["images"]) == 2
    sent = client.get("/" + held["images"][0]["image_url"])
    assert sent.content == photo_of("jar", 11, 0)


def test_a_put_replaces_all_images_and_labels(client: TestClient) -> None:
    put(client, "replaced", photo_of("jar", 12, 0), photo_of("jar", 12, 1))
    before = product(client, "replaced")["images"]
    put(
        client,
        "replaced",
        photo_of("jar", 12, 1),
        photo_of("jar", 12, 2),
        request={"category": "stick", "attributes": {"size": "5 ml"}},
    )
    held = product(client, "replaced")
    assert held["category"] == "stick" and held["attributes"] == {"size": "5 ml"}
    assert len(held["images"]) == 2
    kept = {image["id"] for image in before} & {image["id"] for image in held["images"]}
    assert kept == {before[1]["id"]}


def test_an_uploaded_image_takes_the_place_of_the_same_one_of_an_ingest(
    client: TestClient, folder: Path
) -> None:
    before = product(client, "stick/p2")["images"]
    content = (folder.parent / "catalogue/stick/p2/v0.png").read_bytes()
    put(client, "stick/p2", content, request={"category": "stick"})
    assert [one["id"] for one in product(client, "stick/p2")["images"]] == [before[0]["id"]]
    with open_gallery(folder) as gallery:
        (source,) = gallery.find(product_id="stick/p2")
    assert Path(source.uri).parent == folder.absolute() / "uploads"


def test_images_are_added_with_the_labels_of_their_product(client: TestClient) -> None:
    put(client, "added", photo_of("jar", 13, 0))
    put(client, "added", photo_of("jar", 13, 1), photo_of("jar", 13, 0), method="POST", request={})
    with_labels = product(client, "added")
    assert len(with_labels["images"]) == 2
    assert all(image["category"] == "jar" for image in with_labels["images"])
    assert with_labels["attributes"] == {"colour": "white"}


def test_an_image_without_a_category_gets_a_predicted_one(client: TestClient) -> None:
    put(client, "guessed", photo_of("stick", 0, 0), request={})
    (image,) = product(client, "guessed")["images"]
    assert image["category"] == "stick" and not image["labelled"]


def test_one_image_may_be_of_two_products(client: TestClient) -> None:
    put(client, "twin/a", photo_of("jar", 14))
    put(client, "twin/b", photo_of("jar", 14))
    assert images_of(client, "twin/a") == images_of(client, "twin/b") != set()
    client.delete("/v1/products/twin/a", params={"wait": 1})
    (left,) = product(client, "twin/b")["images"]
    assert client.get("/" + left["image_url"]).status_code == 200


def test_what_is_deleted_is_gone_with_its_files(client: TestClient, folder: Path) -> None:
    put(client, "gone", photo_of("jar", 15))
    files = set((folder / "uploads").iterdir())
    (image,) = product(client, "gone")["images"]
    assert client.delete("/v1/products/gone", params={"wait": 1}).status_code == 200
    assert client.get("/v1/products/gone").status_code == 404
    assert client.get("/" + image["image_url"]).status_code == 404
    wait_for_uploads(folder / "uploads", len(files) - 1)
    assert client.delete("/v1/products/gone", params={"wait": 1}).status_code == 200


def test_a_described_upload_equals_the_ingest_of_the_same_file(
    client: TestClient, folder: Path, tmp_path: Path
) -> None:
    save(tmp_path / "c" / "jar" / "p" / "v.png", package("jar", 16))
    ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK, workers=1)
    put(client, "same", png(package("jar", 16)))
    with open_gallery(tmp_path / "g") as one, open_gallery(folder) as two:
        (expected,) = one.records([1])
        (source,) = two.find(product_id="same")
        (found,) = two.records([source.id])
    assert found.description.embedding.vector == pytest.approx(
        expected.description.embedding.vector, abs=1e-6
    )
    assert found.description.contour.mask().tolist() == expected.description.contour.mask().tolist()


@pytest.mark.parametrize(
    "name",
    ["a/b c/ü?#%", "../x".replace("/", "-"), "'; DROP TABLE images;--", "名前/1", "a" * 500],
)
def test_ids_of_products_may_hold_any_character(client: TestClient, name: str) -> None:
    assert put(client, name, photo_of("jar", 17)).status_code == 200
    assert product(client, name)["product"] == name
    assert client.delete(f"/v1/products/{quote(name, safe='')}?wait=1").status_code == 200
    assert client.get(f"/v1/products/{quote(name, safe='')}").status_code == 404


def test_both_unicode_forms_of_an_id_are_one_product(client: TestClient) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Käse") for form in ("NFC", "NFD"))
    put(client, decomposed, photo_of("jar", 18), request={"category": decomposed})
    assert product(client, composed)["product"] == composed
    assert product(client, decomposed)["category"] == composed
    client.delete(f"/v1/products/{quote(decomposed)}", params={"wait": 1})
    assert client.get(f"/v1/products/{quote(composed)}").status_code == 404


@pytest.mark.parametrize(
    ("name", "images", "request_", "status"),
    [
        ("a" * 501, 1, LABELS, 422),
        ("a\u202eb", 1, LABELS, 422),
        (" ", 1, LABELS, 422),
        ("a", 0, LABELS, 422),
        ("a", 65, LABELS, 400),
        ("a", 1, {"category": "a" * 501}, 422),
        ("a", 1, {"category": ""}, 422),
        ("a", 1, {"category": "a\u0085"}, 422),
        ("a", 1, {"attributes": {str(at): "x" for at in range(33)}}, 422),
        ("a", 1, {"attributes": {"a": "x" * 1001}}, 422),
        ("a", 1, {"attributes": {"a": 1}}, 422),
        ("a", 1, {"attributes": {"a": "x\0y"}}, 422),
        ("a", 1, {"attributes": {"a\0": "x"}}, 422),
        ("a", 1, {"colour": "red"}, 422),
        ("a", 1, "[[[", 422),
        ("a", 1, "[" * 10_000, 422),
    ],
)
def test_what_does_not_fit_is_refused(
    client: TestClient, name: str, images: int, request_: object, status: int
) -> None:
    answer = put(client, name, *[photo_of("jar", 1)] * images, request=request_)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("content", [b"", b"no image", png(package("jar", 1))[:-200], b"GIF89a"])
def test_what_is_no_image_is_refused_before_anything_is_kept(
    client: TestClient, folder: Path, content: bytes
) -> None:
    files = set((folder / "uploads").iterdir()) if (folder / "uploads").is_dir() else set()
    count = sum(client.get("/v1/jobs").json()["counts"].values())
    answer = put(client, "bad", photo_of("jar", 99), content)
    assert answer.status_code == 415 and "Image 2" in answer.json()["detail"]
    assert set((folder / "uploads").iterdir()) == files
    assert sum(client.get("/v1/jobs").json()["counts"].values()) == count


def test_images_of_too_many_pixels_or_bytes_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "c" / "jar" / "p" / "v.png", package("jar", 1))
    ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK, workers=1)
    with serving(tmp_path / "g", max_pixels=1000) as client:
        assert put(client, "a", photo_of("jar", 1)).status_code == 413
    with serving(tmp_path / "g", max_bytes=300) as client:
        assert put(client, "a", photo_of("jar", 1)).status_code == 413


def test_a_body_that_is_no_form_is_refused(client: TestClient) -> None:
    assert client.put("/v1/products/a", json={"category": "jar"}).status_code == 415
    assert client.put("/v1/products/a", data={"image": "x"}).status_code == 415
    assert client.put("/v1/products/", files={"image": b"x"}).status_code == 422
    assert client.delete("/v1/products/").status_code == 422


@pytest.mark.parametrize("field", ["requests", "photo"])
def test_a_field_that_is_none_is_refused_by_its_name(client: TestClient, field: str) -> None:
    sent = {"image": photo_of("jar", 1), field: b'{"category": "jar"}'}
    refused = client.put("/v1/products/a", files=sent)
    assert refused.status_code == 400 and repr(field) in refused.json()["detail"]


def test_an_idempotency_key_gives_the_same_job(client: TestClient) -> None:
    key = {"idempotency-key": "0b1c"}
    first = put(client, "once", photo_of("jar", 21), **key).json()["job"]
    assert put(client, "once", photo_of("jar", 21), **key).json()["job"] == first
    assert put(client, "once", photo_of("jar", 22), **key).status_code == 422
    assert put(client, "once", photo_of("jar", 21)).json()["job"] != first
    deleted = client.delete("/v1/products/once", headers={"idempotency-key": "0b1d"}).json()["job"]
    again = client.delete("/v1/products/once", headers={"idempotency-key": "0b1d"}).json()["job"]
    assert deleted == again


def test_what_people_decided_holds_for_uploads(client: TestClient, folder: Path) -> None:
    contents = [photo_of("jar", 30, view) for view in range(3)]
    put(client, "curated", *contents)
    first, second, third = (one["sha256"] for one in product(client, "curated")["images"])
    bits = np.zeros((16, 12), np.bool_)
    bits[4:8, 4:8] = True
    mask = Mask.from_bits(bits)
    with Curation.open(folder) as curation:
        curation.decide([Exclusion(first), CategoryDecision(second, "bottle")])
        curation.decide([MaskDecision(third, mask)])
    put(client, "curated", *contents)
    images = {image["sha256"]: image for image in product(client, "curated")["images"]}
    assert set(images) == {second, third}
    assert images[second]["category"] == "bottle"
    with open_gallery(folder) as gallery:
        source = gallery.source(images[third]["id"])
        (record,) = gallery.records([images[third]["id"]])
    assert source is not None and source.mask == mask.digest
    assert record.description.contour.area < 0.2 * 128 * 128
