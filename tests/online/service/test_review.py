"""What curators are shown and what they decide, over HTTP."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from engine.curation import Curation
from engine.decisions import AcceptedMask, Exclusion, Judgement, Mask, MaskDecision, Pair
from engine.errors import DamageError
from engine.galleries import open_gallery
from offline import ingest
from online.service import review_lists
from tests.drawn_catalogue import QUICK, package, save
from tests.online.service.small_service import serving

PAGED = ("masks", "duplicates", "excluded")


@pytest.fixture(scope="module")
def gallery_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Jars of two products with labels; sticks and jars without any; one file of two products; an
    image that shows nothing."""
    folder = tmp_path_factory.mktemp("review")
    lines = ["image,category,product"]
    for category in ("jar", "stick"):
        for product in range(2):
            for view in range(2):
                name = f"labelled/{category}{product}/v{view}.png"
                save(folder / "c" / name, package(category, product, view))
                lines.append(f"{name},{category},{category}{product}")
            save(folder / "c" / f"new-{category}{product}.png", package(category, product, 5))
            lines.append(f"new-{category}{product}.png,,new {category}{product}")
    shutil.copy(folder / "c/labelled/jar0/v0.png", folder / "c/copy.png")
    save(folder / "c/blank.png", np.full((96, 96, 3), 255, np.uint8))
    lines += ["copy.png,jar,copied", "blank.png,jar,blank"]
    (folder / "c" / "labels.csv").write_text("\n".join(lines))
    ingest(folder / "c", folder / "made", overrides=[*QUICK, "segment.name=grabcut"], workers=1)
    return folder / "made"


@pytest.fixture(scope="module")
def unchanged(gallery_made: Path) -> Iterator[TestClient]:
    """For all tests that decide nothing."""
    with serving(gallery_made) as client:
        yield client


@pytest.fixture
def folder(gallery_made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(gallery_made, tmp_path / "gallery"))


@pytest.fixture
def curator(folder: Path) -> Iterator[TestClient]:
    with serving(folder) as client:
        yield client


def decide(client: TestClient, *decisions: dict[str, object]) -> list[str]:
    body = {"decisions": decisions}
    answer = client.post("/v1/review/decisions", json=body, params={"wait": 1})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["decisions"])


def queue(client: TestClient) -> list[dict[str, Any]]:
    """All pages, of one image each."""
    found, after = [], ""
    while after is not None:
        page = client.get("/v1/review/masks", params={"after": after, "limit": 1}).json()
        found += page["images"]
        after = page["after"]
    return found


def test_masks_in_doubt_come_first_and_decided_ones_drop_out(curator: TestClient) -> None:
    waiting = queue(curator)
    assert len({one["id"] for one in waiting}) == len(waiting)
    first = waiting[0]
    assert first["product"] == "blank" and "empty" in first["flags"] and first["reason"]
    counts = curator.get("/v1/review/masks").json()["counts"]
    assert counts["reviewed"] == 0 and counts["left"] >= 1
    (made,) = decide(curator, {"kind": "exclude", "image": first["id"]})
    assert first["id"] not in [one["id"] for one in queue(curator)]
    decide(curator, {"kind": "undo", "decision": made})
    assert queue(curator)[0]["id"] == first["id"]


def test_an_accepted_mask_is_reviewed_until_it_changes(curator: TestClient, folder: Path) -> None:
    version = curator.get("/v1/images/2/mask").headers["etag"].strip('"')
    decide(curator, {"kind": "accept", "image": 2, "version": version})
    with open_gallery(folder) as gallery, Curation.open(folder) as curation:
        source = gallery.source(2)
        assert source is not None
        assert curation.accepted_masks([source.sha256]) == {source.sha256: {version}}
    old = {"kind": "accept", "image": 2, "version": "1" * 64}
    answer = curator.post("/v1/review/decisions", json={"decisions": [old]})
    assert answer.status_code == 409


def test_an_image_that_is_accepted_after_all_is_no_longer_excluded(
    curator: TestClient, folder: Path
) -> None:
    version = curator.get("/v1/images/2/mask").headers["etag"].strip('"')
    decide(curator, {"kind": "exclude", "image": 2})
    ids = decide(curator, {"kind": "accept", "image": 2, "version": version})
    with Curation.open(folder) as curation:
        assert not curation.excluded()
    decide(curator, *({"kind": "undo", "decision": one} for one in ids))
    with Curation.open(folder) as curation:
        assert len(curation.excluded()) == 1


def test_excluded_images_are_listed_page_by_page(folder: Path) -> None:
    with open_gallery(folder, write=True) as gallery, Curation.open(folder) as curation:
        images = [gallery.source(identity) for identity in (5, 6)]
        for image in images:
            assert image is not None
            curation.decide([Exclusion(image.sha256)], "anna")
        gallery.withdraw([5, 6])
    with serving(folder) as client:
        first = client.get("/v1/review/excluded", params={"limit": 1}).json()
        second = client.get("/v1/review/excluded", params={"after": first["after"]}).json()
        assert second["after"] is None
        shown = [*first["images"], *second["images"]]
        assert [one["id"] for one in shown] == [5, 6]
        assert all((one["who"], one["kind"]) == ("anna", "exclusion") for one in shown)
        for one in shown:
            for path in (one["image_url"], one["thumbnail_url"], f"v1/images/{one['id']}/mask"):
                assert client.get(f"/{path}").status_code == 200


def test_an_image_that_is_nearest_to_another_product_is_looked_at(unchanged: TestClient) -> None:
    near = [one for one in queue(unchanged) if one["nearest"]]
    assert "jar0" in {one["product"] for one in near}  # its copy is of another product
    assert all("another product" in one["reason"] for one in near)


def test_predicted_categories_come_with_the_uncertain_first(curator: TestClient) -> None:
    found = curator.get("/v1/review/categories").json()["categories"]
    assert sum(one["images"] for one in found) == 4
    name = found[0]["name"]
    page = curator.get("/v1/review/categories", params={"category": name}).json()
    entropies = [one["entropy"] for one in page["images"]]
    assert len(entropies) == page["left"] and entropies == sorted(entropies, reverse=True)
    image = page["images"][0]["id"]
    help_ = curator.get("/v1/review/neighbours", params={"image": image}).json()
    assert len(help_["neighbours"]) == 5 and all(one["labelled"] for one in help_["neighbours"])
    assert {"jar", "stick"} <= {one["name"] for one in help_["categories"]}
    (made,) = decide(curator, {"kind": "category", "image": image, "category": "stick"})
    after = curator.get("/v1/review/categories", params={"category": name}).json()
    assert image not in [one["id"] for one in after["images"]]
    decide(curator, {"kind": "undo", "decision": made})
    again = curator.get("/v1/review/categories", params={"category": name}).json()
    assert again["left"] == page["left"]


@pytest.mark.parametrize("only_first", [False, True])
def test_a_file_of_two_products_is_judged_by_what_it_shows(
    curator: TestClient, folder: Path, only_first: bool
) -> None:
    pair = curator.get("/v1/review/duplicates").json()["pairs"][0]
    assert pair["same_file"] and {one["product"] for one in pair["images"]} == {"jar0", "copied"}
    first, second = pair["images"]
    sent: dict[str, object] = {"kind": "pair", "images": [first["id"], second["id"]]}
    sent |= {"verdict": "same product"}
    if only_first:
        sent |= {"verdict": "same image", "keep": first["id"]}
    assert len(decide(curator, sent)) == 2
    with Curation.open(folder) as curation:
        found = {one.product: one.same for one in curation.judgements()}
        assert curation.excluded() == frozenset()
    assert found == {first["product"]: True, second["product"]: not only_first}
    assert not any(one["same_file"] for one in curator.get("/v1/review/duplicates").json()["pairs"])
    sent |= {"verdict": "different products", "keep": None}
    answer = curator.post("/v1/review/decisions", json={"decisions": [sent]})
    assert answer.status_code == 422


def test_pairs_that_are_nearly_the_same_are_found_page_by_page(
    curator: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_lists, "ALIKE", 0.0)
    pairs, after = [], ""
    while after is not None:
        page = curator.get("/v1/review/duplicates", params={"after": after, "limit": 2}).json()
        pairs += [one for one in page["pairs"] if not one["same_file"]]
        after = page["after"]
    both = [frozenset(one["id"] for one in pair["images"]) for pair in pairs]
    assert pairs and len(set(both)) == len(both)
    first, second = (one["id"] for one in pairs[0]["images"])
    decide(
        curator,
        {"kind": "pair", "images": [first, second], "verdict": "same image", "keep": second},
    )
    with Curation.open(folder) as curation:
        (kept,) = curation.pairs()
        assert isinstance(kept, Pair) and kept.verdict == "same image"
        assert curation.excluded() == {pairs[0]["images"][0]["sha256"]}


def test_no_list_reads_decisions_about_images_that_it_does_not_show(folder: Path) -> None:
    pair, mask = f"{'a' * 64} {'b' * 64}", Mask(2, 2, b"\xf0")
    with Curation.open(folder) as curation:
        curation.decide([AcceptedMask("a" * 64, mask), MaskDecision("b" * 64, mask)])
        connection = sqlite3.connect(folder / "curation.sqlite")
        with connection:  # what cannot be read, so that reading it is an error
            for kind, slot in (("category", "a" * 64), ("pair", pair), ("judgement", pair)):
                row = (f"{kind:0<16}", kind, slot)
                sql = "INSERT INTO decisions VALUES (?, 1, '', ?, ?, 'none', NULL, NULL)"
                connection.execute(sql, row)
        connection.close()
        with pytest.raises(DamageError):
            curation.categories()
        with open_gallery(folder, write=True) as gallery:  # all is carried out
            gallery.keep_curated_to(curation.latest())
    with serving(folder) as client:
        for name in (*PAGED, "categories"):
            assert client.get(f"/v1/review/{name}").status_code == 200


def test_judgements_are_kept_by_what_was_searched_for(curator: TestClient, folder: Path) -> None:
    photo = "ab" * 32
    sent: list[dict[str, object]] = [
        {"photo": photo, "product": "jar0", "same": True},
        {"image": 1, "product": "stick1", "same": False},
    ]
    for one in sent:
        assert curator.post("/v1/judgements", json=one).status_code == 200
    with Curation.open(folder) as curation:
        first, second = curation.judgements()
    assert first == Judgement(photo, "jar0", True)
    assert (second.product, second.same) == ("stick1", False)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"product": "jar0", "same": True}, 422),
        ({"photo": "ab" * 32, "image": 1, "product": "jar0", "same": True}, 422),
        ({"photo": "AB", "product": "jar0", "same": True}, 422),
        ({"image": 1, "product": "jar0", "same": "no"}, 422),
        ({"photo": "ab" * 32, "product": "none", "same": True}, 404),
        ({"image": 2**70, "product": "jar0", "same": True}, 422),
        ({"image": 999, "product": "jar0", "same": True}, 404),
    ],
)
def test_judgements_that_fit_nothing_are_refused(
    unchanged: TestClient, sent: object, status: int
) -> None:
    assert unchanged.post("/v1/judgements", json=sent).status_code == status


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        ({"kind": "exclude", "image": 999}, 404),
        ({"kind": "exclude", "image": True}, 422),
        ({"kind": "exclude", "image": "1"}, 422),
        ({"kind": "category", "image": 1, "category": ""}, 422),
        ({"kind": "category", "image": 1, "category": "  "}, 422),
        ({"kind": "category", "image": 1, "category": "a\x01b"}, 422),
        ({"kind": "pair", "images": [1, 1], "verdict": "same product"}, 422),
        ({"kind": "pair", "images": [1, 2], "verdict": "same product", "keep": 1}, 422),
        ({"kind": "undo", "decision": "0" * 16}, 404),
        ({"kind": "unknown"}, 422),
    ],
)
def test_of_decisions_all_are_kept_or_none(
    unchanged: TestClient, gallery_made: Path, decision: dict[str, object], status: int
) -> None:
    sent = {"decisions": [{"kind": "exclude", "image": 1}, decision]}
    assert unchanged.post("/v1/review/decisions", json=sent).status_code == status
    with Curation.open(gallery_made) as curation:
        assert curation.counts() == {}


def test_an_undo_is_not_undone(curator: TestClient) -> None:
    (made,) = decide(curator, {"kind": "exclude", "image": 1})
    (undone,) = decide(curator, {"kind": "undo", "decision": made})
    sent = {"decisions": [{"kind": "undo", "decision": undone}]}
    assert curator.post("/v1/review/decisions", json=sent).status_code == 422


@pytest.mark.parametrize("path", [f"/v1/review/{name}" for name in PAGED])
def test_a_page_goes_on_only_from_a_page(unchanged: TestClient, path: str) -> None:
    assert unchanged.get(path, params={"after": "near x"}).status_code == 422
    assert unchanged.get(path, params={"after": "trust 1"}).status_code == 422
