"""The client against a real service on this machine, and against one that is busy or not there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from engine.curation import Curation
from engine.errors import ImageError
from online import query
from packsight import Client, ServiceError
from tests.online.service.small_service import listening, make_gallery, photo_of, png


@pytest.fixture(scope="module")
def address(gallery: Path) -> Iterator[str]:
    with listening(gallery) as found:
        yield found


def test_an_answer_is_typed_and_that_of_a_query(
    address: str, gallery: Path, tmp_path: Path
) -> None:
    photo = photo_of("jar", 1)
    (tmp_path / "photo.png").write_bytes(photo)
    expected = [hit.record.product_id for hit in query(photo, gallery, k=3).hits]
    with Client(address) as client:
        for kind in (photo, tmp_path / "photo.png", str(tmp_path / "photo.png"), io.BytesIO(photo)):
            assert [hit.product for hit in client.query(kind, k=3).hits] == expected
        answer = client.query(photo, box=(0, 0, 96, 100), mask=False, k=1, where=())
        assert answer.photo is not None and answer.photo.box == (0, 0, 96, 100)
        like = client.query(image=answer.hits[0].id, weights={"look": 0, "shape": 1})
        assert answer.hits[0].product not in [hit.product for hit in like.hits]
        assert client.download(answer.hits[0].thumbnail_url)[:3] == b"\xff\xd8\xff"
        image = client.product(answer.hits[0].product).images[0]
        assert client.download(image)[:4] == client.download(answer.hits[0])[:4] == b"\x89PNG"
        with pytest.raises(ServiceError, match="QueryAnswer"):
            client.download(answer)  # type: ignore[arg-type]
        assert client.mask(photo).categories[0].name == "jar"


def test_the_catalogue_is_listed(address: str) -> None:
    with Client(address, gallery="small") as client:
        assert [one.name for one in client.galleries()] == ["small"]
        assert [one.name for one in client.categories()] == ["jar", "stick"]
        assert [one.name for one in client.attributes()] == ["colour", "size"]
        page = client.products(limit=4)
        rest = client.products(after=page.after or "")
        names = [one.product for one in (*page.products, *rest.products)]
        assert names[0] == "jar/p0" and len(names) == 6
        assert client.product("stick/p2").images


def test_what_is_refused_is_an_error_with_its_remedy(address: str) -> None:
    with Client(address) as client, pytest.raises(ServiceError) as refused:
        client.query(b"no image")
    assert refused.value.status == 415 and refused.value.remedy and refused.value.request_id
    with Client(address, gallery="other") as client, pytest.raises(ServiceError, match="gallery"):
        client.categories()
    with Client(address) as client, pytest.raises(ImageError):
        client.query("no-such-photo.jpg")
    with Client("http://127.0.0.1:9", tries=1) as client, pytest.raises(ServiceError) as none:
        client.galleries()
    assert none.value.status == 0 and "packsight serve" in none.value.remedy
    with Client("localhost:8000", tries=1) as client, pytest.raises(ServiceError) as wrong:
        client.galleries()
    assert "http://" in wrong.value.remedy


def test_a_busy_service_is_tried_again_and_a_refusal_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("online.connection.time.sleep", waited.append)
    answers = [
        httpx.Response(503, headers={"retry-after": "2"}),
        httpx.Response(429),
        httpx.Response(200, json={"categories": []}),
        httpx.Response(403, json={"detail": "no"}),
    ]
    transport = httpx.MockTransport(lambda request: answers.pop(0))
    with Client("http://service", transport=transport) as client:
        assert client.categories() == ()
        assert waited[0] == 2 and 0 < waited[1] < 1
        with pytest.raises(ServiceError) as refused:
            client.categories()
    assert refused.value.status == 403 and not answers


def test_a_service_that_stays_busy_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("online.connection.time.sleep", lambda seconds: None)
    calls: list[httpx.Request] = []

    def busy(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ConnectError("refused")

    client = Client("http://service", tries=3, transport=httpx.MockTransport(busy))
    with client, pytest.raises(ServiceError):
        client.query(b"photo")
    assert len(calls) == 3


def test_a_product_is_written_found_judged_and_deleted(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path)
    with listening(gallery) as address, Client(address) as client:
        images = [photo_of("jar", 8, view) for view in (0, 1)]
        made = client.put_product("jar/ü 8", images[:1], category="jar", attributes={"size": "9"})
        assert made.state == "done" and client.job(made.job).total == 1
        client.add_images("jar/ü 8", images[1:])
        assert len(client.product("jar/ü 8").images) == 2
        answer = client.query(images[0])
        assert answer.hits[0].product == "jar/ü 8" and answer.hits[0].attributes["size"] == "9"
        assert client.judge(answer, answer.hits[0], same=True).decision
        with Curation.open(gallery) as curation:
            (judged,) = curation.judgements()
        assert (judged.product, judged.same) == ("jar/ü 8", True)
        assert client.delete_product("jar/ü 8").state == "done"
        assert client.query(images[0]).hits[0].product != "jar/ü 8"


def test_what_a_filter_would_delete_is_counted_before(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path)
    red = [[{"attribute": "colour", "equals": "red"}]]
    with listening(gallery) as address, Client(address, gallery="small") as client:
        found = client.matching(red, ["jar"])
        assert (found.images, found.products, found.first) == (2, 1, ("jar/p0",))
        assert client.delete_matching(red, ["jar"]).state == "done"
        assert client.matching(red, ["jar"]).images == 0 and client.matching(red).images == 2
        (job,) = client.jobs(state="done").jobs
        assert job.kind == "delete matching" and client.job(job.job) == job


def test_a_curator_reviews_and_undoes(tmp_path: Path) -> None:
    gallery = make_gallery(tmp_path, "segment.name=grabcut")
    with listening(gallery) as address, Client(address) as client:
        review = client.review
        stored = review.mask(1)
        draft = review.refine_mask(1, box=(0.1, 0.1, 0.9, 0.9), start="box")
        assert draft.png.startswith("data:image/png") and draft.width > 0
        saved = review.save_mask(1, png(np.full((128, 96), 255, np.uint8)), stored.version)
        assert review.mask(1).version == saved.version != stored.version
        with pytest.raises(ServiceError) as changed:
            review.save_mask(1, stored.png, stored.version)
        assert changed.value.status == 412
        assert len(review.accept_mask(1, saved.version).decisions) == 1
        (excluded,) = review.exclude(2).decisions
        (out,) = review.excluded().images
        assert (out.id, out.decision) == (2, excluded)
        review.undo(excluded)
        review.include(2)
        review.categorise(3, "stick")
        review.compare(1, 3, "different products")
        with Curation.open(gallery) as curation:
            assert not curation.excluded() and len(curation.pairs()) == 1
            assert set(curation.categories().values()) == {"stick"}
        page = review.masks(limit=1)
        assert page.counts.reviewed >= 0 and len(page.images) <= 1
        assert review.duplicates().images == 12
        assert review.excluded().images == ()
        assert isinstance(review.categories(), tuple)
        assert review.uncertain("jar").left == 0
        assert review.neighbours(1).neighbours


def test_what_is_decided_once_is_not_sent_again_where_it_may_have_been_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("online.connection.time.sleep", lambda seconds: None)
    calls: list[str] = []
    answers: list[httpx.Response | httpx.TransportError] = [
        httpx.Response(503),
        httpx.ConnectError("refused"),
        httpx.ReadError("broken off"),
        httpx.Response(504),
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        found = answers.pop(0)
        if isinstance(found, httpx.TransportError):
            raise found
        return found

    with Client("http://service", transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(ServiceError, match="cannot be reached"):
            client.review.exclude(1)
        assert len(calls) == 3
        with pytest.raises(ServiceError) as late:
            client.review.save_mask(1, b"", "0" * 64)
    assert late.value.status == 504 and len(calls) == 4
