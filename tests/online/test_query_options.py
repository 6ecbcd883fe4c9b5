"""Options of a query that leave its gallery unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.errors import ConfigError
from engine.types import Results
from offline import ingest
from online import query
from tests.drawn_catalogue import QUICK, package, save, write_catalogue
from tests.packsight_command import Command

PLAIN = ["rerank.name=none"]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("options")
    write_catalogue(folder / "catalogue", products=3)
    plain = [*QUICK, "keypoints.name=none"]
    ingest(folder / "catalogue", folder / "gallery", overrides=plain, workers=1)
    return folder / "gallery"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return save(tmp_path / "photo.png", package("jar", 1, 3))


def ids(results: Results) -> list[int]:
    return [hit.record.id for hit in results.hits]


def test_cosine_orders_unit_vectors_as_euclidean_distance_does(gallery: Path, photo: Path) -> None:
    plain = query(photo, gallery, k=9, overrides=PLAIN)
    cosine = query(photo, gallery, k=9, overrides=[*PLAIN, "search.metric=cosine"])
    product = query(photo, gallery, k=9, overrides=[*PLAIN, "search.metric=inner_product"])
    assert ids(plain) == ids(cosine) == ids(product)
    for one, other, third in zip(plain.hits, cosine.hits, product.hits, strict=True):
        assert other.distance == pytest.approx(one.distance**2 / 2, abs=1e-6)
        assert third.distance == pytest.approx(other.distance - 1, abs=1e-6)
        assert one.score == pytest.approx(other.score, abs=1e-6)
        assert other.score == pytest.approx(third.score, abs=1e-6)


@pytest.mark.parametrize("index", ["sq8", "hnsw"])
def test_a_small_gallery_is_searched_alike_by_every_index(
    gallery: Path, photo: Path, index: str
) -> None:
    plain = query(photo, gallery, k=9, overrides=PLAIN)
    other = query(photo, gallery, k=9, overrides=[*PLAIN, f"search.index={index}"])
    assert [(hit.record.id, hit.distance) for hit in plain.hits] == [
        (hit.record.id, hit.distance) for hit in other.hits
    ]


@pytest.mark.parametrize(
    "overrides",
    [
        ["query.augment=true"],
        ["query.expand=2"],
        ["query.expand=50", "query.expand_alpha=0"],
        ["rerank.name=k_reciprocal", "rerank.k1=3"],
        ["query.augment=true", "query.expand=2", "search.metric=cosine"],
    ],
)
def test_a_photo_of_a_known_product_is_still_found(
    gallery: Path, photo: Path, overrides: list[str]
) -> None:
    results = query(photo, gallery, k=3, overrides=[*PLAIN, *overrides])
    assert results.hits[0].record.product_id == "jar/p1"
    assert len(set(ids(results))) == len(results.hits) == 3
    again = query(photo, gallery, k=3, overrides=[*PLAIN, *overrides])
    assert [hit.distance for hit in again.hits] == [hit.distance for hit in results.hits]


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("search.metric=manhattan", "search.metric = 'manhattan'"),
        ("search.index=ivf", "search.index = 'ivf'"),
        ("query.expand=-1", "query.expand = -1"),
        ("query.expand_alpha=nan", "query.expand_alpha"),
        ("query.expand_alpha=inf", "query.expand_alpha"),
        ("query.expnd=1", "Did you mean 'query.expand'?"),
        ("query.exhaustive=true", "has no keypoints"),
    ],
)
def test_an_invalid_option_is_named(gallery: Path, photo: Path, flag: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        query(photo, gallery, overrides=[flag])
    assert expected in str(caught.value)


def test_the_command_takes_them_too_and_info_shows_the_metric(
    tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packsight, folder = Command(capsys), tmp_path / "catalogue"
    write_catalogue(folder, products=2)
    plain = ("--set", "search.metric=cosine", "--set", "keypoints.name=none")
    made = packsight.ingest(folder, tmp_path / "g", *plain)
    assert made.code == 0
    assert "cosine distance" in packsight("gallery", "info", tmp_path / "g").out
    flags = ("--set", "query.expand=1", "--set", "rerank.name=k_reciprocal")
    found = packsight("query", photo, "--gallery", tmp_path / "g", "-k", "1", *flags)
    assert found.code == 0 and "jar/p1" in found.out
    assert (
        "k-reciprocal distance"
        in packsight(*("query", photo, "--gallery", tmp_path / "g", "--json"), *flags).out
    )
    assert packsight("gallery", "check", tmp_path / "g").code == 0
    refused = packsight("query", photo, "--gallery", tmp_path / "g", "--exhaustive")
    assert refused.code != 0 and "keypoints.name=sift" in refused.line


def test_the_command_looks_everywhere_for_print(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packsight, folder = Command(capsys), tmp_path / "catalogue"
    write_catalogue(folder, products=3, views=1, categories=["bottle", "jar"])
    written = package("bottle", 2)
    cv2.putText(written, "BALM 17", (4, 70), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 2)
    cv2.putText(written, "rose*42", (8, 100), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (90, 0, 0), 2)
    save(folder / "bottle" / "p2" / "v0.png", written)
    ingested = packsight.ingest(folder, tmp_path / "g", "--set", "keypoints.name=sift")
    assert ingested.code == 0
    photo = save(tmp_path / "other.png", np.rot90(written, 2))
    flags = ("--gallery", tmp_path / "g", "-k", "1", "--json", "--exhaustive")
    found = json.loads(packsight("query", photo, *flags).out)
    assert found["hits"][0]["product"] == "bottle/p2"
    assert "matching places" in found["hits"][0]["why"]
    assert {one["name"] for one in found["route"]["categories"]} == {"bottle", "jar"}
    assert "exhaustive" in found["route"]["why"]
