"""The mask of a catalogue image over HTTP: shown, repaired by marks, drawn anew."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from engine.curation import Curation
from engine.galleries import open_gallery
from engine.types import BoolArray
from online.service import masks
from tests.online.service.small_service import make_gallery, png, serving
from tests.online.service.test_service_killed import served, wait_until_up

MASK = "/v1/images/1/mask"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("masks"), "segment.name=grabcut")


@pytest.fixture(scope="module")
def curator(folder: Path) -> Iterator[TestClient]:
    with serving(folder) as client:
        yield client


def bits_of(data: bytes) -> BoolArray:
    with Image.open(io.BytesIO(data)) as found:
        return np.asarray(found.convert("L")) >= 128


def drawn(client: TestClient, left: float = 0.2) -> bytes:
    """A block in the proportions of the mask that there is."""
    bits = np.zeros(bits_of(client.get(MASK).content).shape, np.bool_)
    height, width = bits.shape
    bits[height // 4 : -height // 4, int(left * width) : -width // 4] = True
    return as_png(bits)


def as_png(bits: BoolArray) -> bytes:
    return png(np.repeat(bits.astype(np.uint8)[..., None] * 255, 3, axis=2))


def test_a_mask_is_shown_in_the_proportions_of_its_image(curator: TestClient) -> None:
    found = curator.get(MASK)
    image = Image.open(io.BytesIO(curator.get("/v1/images/1").content))
    bits = bits_of(found.content)
    assert bits.shape == (image.height, image.width) and 0 < bits.mean() < 1
    product = np.asarray(image.convert("L")) < 200  # of a drawn image on white
    assert (bits & product).sum() / (bits | product).sum() > 0.9
    assert len(found.headers["etag"].strip('"')) == 64


@pytest.mark.parametrize("start", ["stored", "box"])
def test_strokes_are_kept_to_and_nothing_outside_the_box_is_product(
    curator: TestClient, start: str
) -> None:
    sent = {
        "box": [0.2, 0.1, 0.8, 0.9],
        "strokes": [
            {"points": [[0.3, 0.2], [0.3, 0.4]], "width": 0.05},
            {"points": [[0.5, 0.5]], "width": 0.06, "remove": True},
            {"points": [[0.6, 0.2], [0.7, 0.2], [0.7, 0.3]], "filled": True},
        ],
        "from": start,
        "sequence": 7,
    }
    answer = curator.post(MASK + ":refine", json=sent).json()
    bits = bits_of(base64.b64decode(answer["png"].partition(",")[2]))
    height, width = bits.shape
    assert (answer["sequence"], answer["width"], answer["height"]) == (7, width, height)
    assert bits[int(0.3 * height), int(0.3 * width)]
    assert not bits[int(0.5 * height), int(0.5 * width)]
    assert bits[int(0.22 * height), int(0.68 * width)]
    assert not bits[:, : int(0.2 * width) - 1].any() and not bits[int(0.9 * height) + 1 :].any()


@pytest.mark.parametrize(
    "sent",
    [
        {"box": [0, 0, 1]},
        {"strokes": [{"points": []}]},
        {"strokes": [{"points": [[0, 9]]}]},
        {"strokes": [{"points": [[0, 0]], "width": 5}]},
        {"from": "draft"},
        {"layers": 3},
    ],
)
def test_marks_that_do_not_fit_are_refused(curator: TestClient, sent: object) -> None:
    assert curator.post(MASK + ":refine", json=sent).status_code == 422


def test_a_drawn_mask_is_kept_and_its_image_described_by_it(
    curator: TestClient, folder: Path
) -> None:
    version = curator.get(MASK).headers["etag"]
    body = drawn(curator)
    answer = curator.put(MASK, content=body, headers={"if-match": version})
    assert answer.status_code == 200 and answer.json()["described"]
    assert answer.json()["flags"] == []
    np.testing.assert_array_equal(bits_of(curator.get(MASK).content), bits_of(body))
    with open_gallery(folder) as gallery, Curation.open(folder) as curation:
        source = gallery.source(1)
        assert source is not None and source.mask == answer.json()["version"]
        assert curation.masks()[source.sha256] == source.mask
        assert gallery.check() == []
    # The one whose page was loaded before loses.
    late = curator.put(MASK, content=drawn(curator, 0.4), headers={"if-match": version})
    assert late.status_code == 412 and "etag" not in late.headers
    undo = {"decisions": [{"kind": "undo", "decision": answer.json()["decision"]}]}
    undone = curator.post("/v1/review/decisions", json=undo, params={"wait": 1})
    assert undone.status_code == 200 and undone.json()["job"]
    assert curator.get(MASK).headers["etag"] == version


def test_a_larger_mask_is_reduced(curator: TestClient) -> None:
    bits = bits_of(curator.get(MASK).content)
    large = np.kron(bits, np.ones((8, 8), np.bool_))
    sent = {"content": as_png(large), "headers": {"if-match": "*"}}
    assert curator.put(MASK, **sent).status_code == 200  # type: ignore[arg-type]
    kept = bits_of(curator.get(MASK).content)
    assert max(kept.shape) == 512


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 415),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 50, 415),
        (as_png(np.zeros((64, 48), np.bool_)), 422),
        (as_png(np.ones((20, 200), np.bool_)), 422),
    ],
)
def test_what_is_no_mask_of_the_image_is_refused(
    curator: TestClient, body: bytes, status: int
) -> None:
    before = curator.get(MASK).headers["etag"]
    answer = curator.put(MASK, content=body, headers={"if-match": "*"})
    assert answer.status_code == status
    assert curator.get(MASK).headers["etag"] == before


def test_a_mask_needs_the_version_it_replaces(curator: TestClient) -> None:
    assert curator.put(MASK, content=drawn(curator)).status_code == 428
    assert curator.get("/v1/images/999/mask").status_code == 404
    assert curator.post("/v1/images/999/mask:refine", json={}).status_code == 404


def test_a_mask_is_kept_while_another_process_writes_and_described_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_gallery(tmp_path)
    monkeypatch.setattr(masks, "_DESCRIBING", 0.1)
    with serving(folder) as client:
        with open_gallery(folder, write=True):
            answer = client.put(MASK, content=drawn(client), headers={"if-match": "*"}).json()
            assert not answer["described"]
            job = client.get(f"/v1/jobs/{answer['job']}").json()
            assert (job["kind"], job["state"]) == ("curate", "queued")
            assert client.get(MASK).headers["etag"] == f'"{answer["version"]}"'
        while not _is_cut_out_by(folder, answer["version"]):
            client.get("/v1/health")


@pytest.mark.slow
def test_of_those_who_draw_at_a_time_one_wins_whichever_process_they_use(tmp_path: Path) -> None:
    folder = make_gallery(tmp_path)
    with served(folder) as (one, _), served(folder) as (other, _):
        with httpx.Client(base_url=one) as client:
            wait_until_up(client)
            version = client.get(MASK).headers["etag"]

        def put(at: int) -> int:
            with httpx.Client(base_url=(one, other)[at % 2], timeout=60) as client:
                wait_until_up(client)
                body = as_png(np.indices((128, 96))[1] > 8 * (at + 1))
                return client.put(MASK, content=body, headers={"if-match": version}).status_code

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(put, range(8))) == [200, *[412] * 7]


def _is_cut_out_by(folder: Path, version: str) -> bool:
    with open_gallery(folder) as gallery:
        source = gallery.source(1)
        return source is not None and source.mask == version
