"""What the catalogue holds, over HTTP: products, images and thumbnails."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from offline import ingest
from online.service.served import ServedGalleries
from tests.drawn_catalogue import QUICK, package, save
from tests.online.service.small_service import ask, photo_of, serving


def test_products_are_listed_page_by_page(client: TestClient) -> None:
    names, after = [], ""
    while after is not None:
        page = client.get("/v1/products", params={"after": after, "limit": 4}).json()
        names += [product["product"] for product in page["products"]]
        after = page["after"]
    assert names == [f"{category}/p{at}" for category in ("jar", "stick") for at in range(3)]
    jars = client.get("/v1/products", params={"category": "jar"}).json()["products"]
    assert [product["product"] for product in jars] == ["jar/p0", "jar/p1", "jar/p2"]
    one = client.get("/v1/products/jar/p1").json()
    assert one["attributes"]["colour"] == "green" and len(one["images"]) == 2
    assert client.get("/v1/products/jar/p9").status_code == 404


def test_galleries_and_categories_are_told(client: TestClient) -> None:
    (one,) = client.get("/v1/galleries").json()["galleries"]
    assert (one["name"], one["images"], one["products"]) == ("small", 12, 6)
    assert one["attributes"] == ["colour", "size"]
    assert client.get("/v1/categories").json()["categories"] == [
        {"name": "jar", "images": 6},
        {"name": "stick", "images": 6},
    ]


def test_attributes_come_with_their_most_frequent_values(client: TestClient) -> None:
    found = client.get("/v1/attributes").json()["attributes"]
    assert [one["name"] for one in found] == ["colour", "size"]
    assert found[0]["values"] == [
        {"value": colour, "images": 4} for colour in ("blue", "green", "red")
    ]


def test_images_come_as_they_were_ingested_and_may_be_kept_for_ever(
    client: TestClient, gallery: Path
) -> None:
    image = client.get("/v1/products/jar/p1").json()["images"][0]
    found = client.get("/" + image["image_url"])
    assert found.content == (gallery.parent / "catalogue/jar/p1/v0.png").read_bytes()
    assert (
        found.headers["content-type"] == "image/png"
        and "immutable" in found.headers["cache-control"]
    )
    again = client.get("/" + image["image_url"], headers={"if-none-match": found.headers["etag"]})
    assert again.status_code == 304 and again.content == b""


@pytest.mark.parametrize("name", ["R&D", "50%", "a+b #1"])
def test_addresses_lead_to_images_of_a_gallery_of_any_name(gallery: Path, name: str) -> None:
    with serving(gallery, galleries={name: str(gallery)}) as client:
        (product,) = client.get("/v1/products?limit=1").json()["products"]
        (hit,) = ask(client, photo_of("jar", 1), k=1).json()["hits"]
        (mask, *_) = client.get("/v1/review/masks").json()["images"]
        for one in (product["images"][0], hit, mask):
            urls = [url for key, url in one.items() if key.endswith("_url")]
            assert [client.get(f"/{url}").status_code for url in urls] == [200] * len(urls)


@pytest.mark.parametrize("kind", ["", "/thumbnail"])
@pytest.mark.parametrize("version", ["", "?v=0000000000000000"])
def test_an_image_without_its_version_is_looked_up_again(
    client: TestClient, kind: str, version: str
) -> None:
    found = client.get(f"/v1/images/1{kind}{version}")
    assert found.status_code == 200 and "no-cache" in found.headers["cache-control"]


@pytest.mark.parametrize("path", ["/", "/v1/health", "/v1/images/1", "/v1/products"])
def test_what_answers_get_answers_head(client: TestClient, path: str) -> None:
    whole = client.get(path)
    head = client.head(path)
    assert head.status_code == 200
    assert head.headers["content-length"] == whole.headers["content-length"]


@pytest.mark.parametrize(("side", "longer"), [(1, 128), (128, 128), (200, 128)])
def test_thumbnails_are_small_jpegs(client: TestClient, side: int, longer: int) -> None:
    image = client.get("/v1/products/jar/p1").json()["images"][0]["id"]
    found = client.get(f"/v1/images/{image}/thumbnail", params={"side": side})
    with Image.open(io.BytesIO(found.content)) as opened:
        assert opened.format == "JPEG" and max(opened.size) == longer  # the image has no more
    assert client.get(f"/v1/images/{image}/thumbnail", params={"side": 9999}).status_code == 422


@pytest.mark.parametrize("path", ["/v1/images/99999", "/v1/images/x", "/v1/images/-1", "/v1/none"])
def test_what_is_not_there_is_a_problem(client: TestClient, path: str) -> None:
    found = client.get(path)
    assert found.status_code in (404, 422)
    assert found.headers["content-type"] == "application/problem+json"


def test_an_image_that_was_changed_or_is_gone_is_not_shown(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / "c" / "jar" / name / "v.png", package("jar", ord(name)))
    ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK, workers=1)
    with serving(tmp_path / "g") as client:
        save(tmp_path / "c" / "jar" / "a" / "v.png", package("stick", 1))
        (tmp_path / "c" / "jar" / "b" / "v.png").unlink()
        assert client.get("/v1/images/1").status_code == 404
        assert client.get("/v1/images/2").status_code == 404
        assert str(tmp_path) not in client.get("/v1/images/2").text
        assert ask(client, photo_of("jar", ord("a"))).status_code == 200


def test_what_another_process_ingests_is_found_by_the_next_query(tmp_path: Path) -> None:
    save(tmp_path / "c" / "jar" / "p0" / "v.png", package("jar", 0))
    ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK, workers=1)
    with serving(tmp_path / "g") as client:
        save(tmp_path / "c" / "jar" / "p7" / "v.png", package("jar", 7))
        ingest(tmp_path / "c", tmp_path / "g", workers=1)
        assert ask(client, photo_of("jar", 7, 0)).json()["hits"][0]["product"] == "jar/p7"


def test_a_gallery_that_was_made_anew_is_opened_anew(tmp_path: Path) -> None:
    save(tmp_path / "c" / "jar" / "p0" / "v.png", package("jar", 0))
    ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK, workers=1)
    galleries = ServedGalleries({"g": str(tmp_path / "g")}, 10**8, ())
    first = galleries.get()
    assert galleries.get("g") is first
    (tmp_path / "g").rename(tmp_path / "old")
    ingest(tmp_path / "c", tmp_path / "g", overrides=[*QUICK, "cutout.size=64"], workers=1)
    second = galleries.get()
    assert second is not first and second.generation != first.generation
