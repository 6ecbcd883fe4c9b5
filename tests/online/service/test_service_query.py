"""A photo over HTTP: its answer is that of a query from Python, with what it was made from."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from offline import ingest
from online import query
from tests.drawn_catalogue import QUICK, package, save
from tests.online.service.small_service import ask, make_gallery, photo_of, png, serving


def test_the_answer_is_that_of_a_query_from_python(client: TestClient, gallery: Path) -> None:
    for category in ("jar", "stick"):
        for product in range(3):
            photo = photo_of(category, product)
            expected = query(photo, gallery, k=6)
            found = ask(client, photo, k=6).json()
            assert [hit["product"] for hit in found["hits"]] == [
                hit.record.product_id for hit in expected.hits
            ]
            assert [hit["distance"] for hit in found["hits"]] == pytest.approx(
                [hit.distance for hit in expected.hits], abs=1e-5
            )
            assert found["route"]["why"] == expected.route.why
            assert found["fingerprint"] == expected.fingerprint


def test_a_photo_without_a_request_is_enough(client: TestClient) -> None:
    found = client.post("/v1/query", files={"photo": photo_of("jar", 1)})
    assert found.json()["hits"][0]["product"] == "jar/p1"


def test_hits_are_given_page_by_page(client: TestClient) -> None:
    photo = photo_of("jar", 1)
    whole = ask(client, photo, k=6, categories=["jar", "stick"]).json()
    assert not whole["more"] and len(whole["hits"]) == 6
    pages = [
        ask(client, photo, k=4, offset=offset, categories=["jar", "stick"]).json()
        for offset in (0, 4)
    ]
    assert [page["more"] for page in pages] == [True, False]
    assert [hit["rank"] for page in pages for hit in page["hits"]] == [1, 2, 3, 4, 5, 6]
    listed = [hit["product"] for page in pages for hit in page["hits"]]
    assert listed == [hit["product"] for hit in whole["hits"]]


def test_a_box_is_described_as_if_the_photo_were_cropped(client: TestClient) -> None:
    pixels = package("jar", 2, 1)
    canvas = package("stick", 0).repeat(3, 0).repeat(3, 1)
    canvas[40 : 40 + 128, 30 : 30 + 96] = pixels
    found = ask(client, png(canvas), box=[30, 40, 126, 168], k=6).json()
    alone = ask(client, png(pixels), k=6).json()
    assert found["photo"]["box"] == [30, 40, 126, 168]
    assert (found["photo"]["width"], found["photo"]["height"]) == (288, 384)
    assert found["photo"]["sha256"] == hashlib.sha256(png(canvas)).hexdigest()
    assert [hit["score"] for hit in found["hits"]] == [hit["score"] for hit in alone["hits"]]


def test_without_a_mask_no_contour_is_compared(client: TestClient) -> None:
    found = ask(client, photo_of("jar", 1), mask=False).json()
    assert found["mask"]["used"] is False and found["mask"]["contour"] == ""
    assert all(hit["parts"]["shape"] is None for hit in found["hits"])


def test_a_catalogue_image_finds_other_products(client: TestClient) -> None:
    (product,) = [
        one for one in client.get("/v1/products").json()["products"] if one["product"] == "jar/p1"
    ]
    found = ask(client, None, image=product["images"][0]["id"], k=5).json()
    assert found["photo"] is None
    assert "jar/p1" not in [hit["product"] for hit in found["hits"]] and found["hits"]


def test_filters_choose_what_is_searched(client: TestClient) -> None:
    photo = photo_of("jar", 0)
    every = ["jar", "stick"]
    red = [[{"attribute": "colour", "in": ["red", "blue"]}], [{"attribute": "size", "at_most": 60}]]
    found = ask(client, photo, where=red, categories=every).json()
    assert {hit["product"] for hit in found["hits"]} == {"jar/p0", "stick/p0"}
    either = [[{"attribute": "colour", "equals": "green"}, {"attribute": "size", "at_least": 150}]]
    found = ask(client, photo, where=either, categories=["jar"]).json()
    assert {hit["product"] for hit in found["hits"]} == {"jar/p1", "jar/p2"}
    none = [[{"attribute": "colour", "equals": "pink"}]]
    found = ask(client, photo, where=none).json()
    assert found["hits"] == [] and found["no_match"]
    assert any("colour" in note for note in found["notes"])
    assert not any("colour" in note for note in ask(client, photo, where=red).json()["notes"])


def test_a_misspelt_attribute_is_noted_with_the_nearest(client: TestClient) -> None:
    no_attribute, no_value = (
        ask(client, sent, where=[[{"attribute": name, "equals": value}]], **image).json()["notes"]
        for name, value, sent, image in (
            ("color", "red", None, {"image": 1}),
            ("colour", "mauve", photo_of("jar", 1), {}),
        )
    )
    assert any("'color'" in note and "'colour'" in note for note in no_attribute)
    assert no_value and not any("did you mean" in note for note in no_value)


def test_weights_order_by_the_parts_that_are_answered(client: TestClient) -> None:
    for weights in ({"look": 1}, {"look": 0, "shape": 1}, {"look": 1, "shape": 2}):
        found = ask(client, photo_of("jar", 1), k=6, categories=["jar", "stick"], weights=weights)
        values = [
            hit["parts"]["look"] * weights.get("look", 0)
            + (hit["parts"]["shape"] or 0) * weights.get("shape", 0)
            for hit in found.json()["hits"]
        ]
        assert values == sorted(values, reverse=True)


def test_several_photos_are_answered_in_order_and_a_bad_one_costs_no_other(
    client: TestClient,
) -> None:
    photos = [photo_of("jar", 0), b"no image", photo_of("stick", 2)]
    files = [("photo", ("x", photo)) for photo in photos]
    found = client.post("/v1/query:batch", files=files, data={"request": json.dumps({"k": 1})})
    first, second, third = found.json()["answers"]
    assert first["hits"][0]["product"] == "jar/p0" and third["hits"][0]["product"] == "stick/p2"
    assert second["status"] == 415


def test_more_photos_than_there_are_places_are_answered(gallery: Path) -> None:
    photos = [photo_of(category, at) for category in ("jar", "stick") for at in range(3)] * 2
    with serving(gallery, queue=5, batch=4) as client:
        found = client.post("/v1/query:batch", files=[("photo", ("x", one)) for one in photos])
    firsts = [answer["hits"][0]["product"] for answer in found.json()["answers"]]
    assert firsts == [f"{name}/p{at}" for name in ("jar", "stick") for at in range(3)] * 2


def test_the_mask_is_shown_before_a_search(client: TestClient) -> None:
    found = ask(client, photo_of("jar", 1), "/v1/mask").json()
    assert found["mask"]["png"].startswith("data:image/png;base64,")
    assert found["categories"][0]["name"] == "jar"
    assert found["photo"]["box"] == [0, 0, 96, 128]


@pytest.mark.parametrize("separator", [",", ";"])
def test_hits_come_as_a_table_for_spreadsheets(client: TestClient, separator: str) -> None:
    path = f"/v1/query?format=csv&separator={separator}"
    found = ask(client, photo_of("jar", 1), path, k=2)
    assert found.content.startswith("\ufeff".encode())
    rows = list(csv.DictReader(io.StringIO(found.text[1:]), delimiter=separator))
    assert [row["product"] for row in rows] == [
        hit["product"] for hit in ask(client, photo_of("jar", 1), k=2).json()["hits"]
    ]
    assert rows[0]["colour"] == "green"


def test_hits_come_as_one_html_file(client: TestClient) -> None:
    found = ask(client, photo_of("jar", 1), "/v1/query?format=html", k=2)
    assert found.headers["content-type"].startswith("text/html")
    assert "jar/p1" in found.text and "http-equiv" in found.text


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"k": 0}, 422),
        ({"k": 101}, 422),
        ({"offset": -1}, 422),
        ({"weights": {"look": 0}}, 422),
        ({"weights": {"look": "NaN"}}, 422),
        ({"box": [0, 0, 1]}, 422),
        ({"box": [5000, 5000, 6000, 6000]}, 422),
        ({"where": [[]]}, 422),
        ({"where": [[{"attribute": "colour"}]]}, 422),
        ({"categories": ["cap"]}, 422),
        ({"threshold": 2}, 422),
        ({"unknown": 1}, 422),
        ({"url": "http://localhost/x.jpg"}, 400),
    ],
)
def test_what_is_wrong_with_a_request_is_named(
    client: TestClient, request_: dict[str, object], status: int
) -> None:
    found = ask(client, photo_of("jar", 1), **request_)
    assert found.status_code == status
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json()["detail"]


def test_what_is_no_photo_is_refused(client: TestClient) -> None:
    assert ask(client, b"GIF89a but not really").status_code == 415
    assert ask(client, b"").status_code == 415
    assert ask(client, None).status_code == 400
    assert (
        client.post("/v1/query", content=b"x", headers={"content-type": "image/png"}).status_code
        == 415
    )
    assert client.post("/v1/query", data={"photo": "no file"}).status_code in (400, 415)
    assert ask(client, None, image=10**6).status_code == 404
    assert ask(client, photo_of("jar", 0), "/v1/query?gallery=other").status_code == 404
    assert ask(client, photo_of("jar", 0), "/v1/query?format=xml").status_code == 422


@pytest.mark.parametrize("request_", [{"image": 1}, {"url": "https://images.example/1.jpg"}])
def test_a_photo_beside_another_is_refused(client: TestClient, request_: dict[str, object]) -> None:
    refused = ask(client, photo_of("jar", 1), **request_)
    assert refused.status_code == 400 and refused.json()["remedy"]


def test_an_image_that_has_no_other_product_beside_it_is_answered_with_a_note(
    tmp_path: Path,
) -> None:
    for view in range(2):
        save(tmp_path / "c" / "jar" / "p" / f"v{view}.png", package("jar", 1, view))
    ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK, workers=1)
    with serving(tmp_path / "g") as alone:
        found = ask(alone, None, image=1).json()
    assert found["hits"] == [] and any("no other product" in note for note in found["notes"])


@pytest.mark.parametrize("request_", [{"box": [0, 0, 50, 50]}, {"mask": False}])
def test_an_image_is_searched_for_as_it_was_described(
    client: TestClient, request_: dict[str, object]
) -> None:
    refused = ask(client, None, image=1, **request_)
    assert refused.status_code == 422 and "photo" in refused.json()["detail"]


def test_a_threshold_that_is_not_used_is_noted(client: TestClient) -> None:
    assert ask(client, photo_of("jar", 1)).json()["notes"] == []
    (note,) = ask(client, photo_of("jar", 1), threshold=0.5).json()["notes"]
    assert "not calibrated" in note


def test_a_field_that_is_none_is_refused_by_its_name(client: TestClient) -> None:
    sent = {"files": {"photo": photo_of("jar", 1)}, "data": {"k": "5"}}
    refused = client.post("/v1/query", **sent)  # type: ignore[arg-type]
    assert refused.status_code == 400 and "'k'" in refused.json()["detail"]
    refused = client.post("/v1/query", files={"file": photo_of("jar", 1)})
    assert refused.status_code == 400 and "`photo`" in refused.json()["remedy"]


def test_a_photo_of_a_batch_that_fails_has_the_id_of_its_request(client: TestClient) -> None:
    reply = client.post("/v1/query:batch", files=[("photo", b"none"), ("photo", b"either")])
    problems = reply.json()["answers"]
    assert [one["request_id"] for one in problems] == [reply.headers["x-request-id"]] * 2


def test_a_field_that_is_misspelt_is_named_with_the_one_that_was_meant(client: TestClient) -> None:
    problem = ask(client, photo_of("jar", 1), category=["jar"]).json()
    assert "category" in problem["detail"] and "'categories'" in problem["remedy"]


def test_an_image_that_is_not_there_is_named_with_its_gallery(client: TestClient) -> None:
    for refused in (ask(client, None, image=99999), client.get("/v1/images/99999")):
        assert refused.status_code == 404
        assert "99999" in refused.json()["detail"] and "'small'" in refused.json()["detail"]
        assert "v1/products" in refused.json()["remedy"]


def test_several_photos_are_sent_to_the_batch(client: TestClient) -> None:
    photos = [("photo", ("a", photo_of("jar", 1)))] * 2
    refused = client.post("/v1/query", files=photos)
    assert refused.status_code == 400 and "v1/query:batch" in refused.json()["remedy"]


def test_a_photo_in_which_there_is_nothing_is_answered_with_a_note(tmp_path: Path) -> None:
    with serving(make_gallery(tmp_path, "segment.name=grabcut")) as client:
        white = png(np.full((200, 150, 3), 255, np.uint8))
        answer = ask(client, white).json()
        assert answer["guesses"] and answer["verdict"] is None and "empty" in answer["quality"]
        assert any("no product" in note for note in answer["notes"])
        files = {"photo": ("photo", white)}
        assert "no product" not in client.post("/v1/query?format=csv", files=files).text
        assert ask(client, white, mask=False).json()["notes"] == []
        assert ask(client, photo_of("jar", 1)).json()["notes"] == []
