"""A gallery that is gone, beside one that is there, and one that has nothing."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from engine.galleries import open_gallery
from tests.online.service.small_service import ask, photo_of, serving


def test_a_gallery_that_is_gone_leaves_the_others(
    gallery: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other"
    shutil.copytree(gallery, other)
    with serving(gallery, galleries={"small": str(gallery), "other": str(other)}) as client:
        names = [one["name"] for one in client.get("/v1/galleries").json()["galleries"]]
        assert names == ["small", "other"]
        shutil.rmtree(other)
        with caplog.at_level(logging.ERROR):
            listed = client.get("/v1/galleries").json()["galleries"]
        assert [one["name"] for one in listed] == ["small"]
        failed = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
        assert len(failed) == 1 and str(other) in failed[0]  # the reason, before its traceback
        assert ask(client, photo_of("jar", 1)).status_code == 200
        photo = {"photo": photo_of("jar", 1)}
        assert client.post("/v1/query?gallery=other", files=photo).status_code == 503


def test_an_empty_gallery_cannot_be_searched_until_it_has_an_image(
    gallery: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    shutil.copytree(gallery, empty)
    with open_gallery(empty, write=True) as opened:
        opened.remove([one.id for one in opened.sources()])
    with serving(empty) as client:
        refused = ask(client, photo_of("jar", 1))
        assert refused.status_code == 409 and refused.json()["type"].endswith(":gallery-empty")
        assert "Retry-After" not in refused.headers and refused.json()["remedy"]
        image = {"image": photo_of("jar", 1)}
        assert client.put("/v1/products/first?wait=1", files=image).status_code == 200
        assert ask(client, photo_of("jar", 1)).json()["hits"][0]["product"] == "first"


def test_the_service_is_ready_only_while_every_gallery_can_be_read(
    gallery: Path, tmp_path: Path
) -> None:
    other, away = tmp_path / "other", tmp_path / "away"
    shutil.copytree(gallery, other)
    with serving(gallery, galleries={"small": str(gallery), "other": str(other)}) as client:
        assert client.get("/v1/ready").status_code == 200
        other.rename(away)
        refused = client.get("/v1/ready")
        assert refused.status_code == 503 and "'other'" in refused.json()["detail"]
        assert refused.headers["retry-after"] and str(tmp_path) not in refused.text
        assert client.get("/v1/health").status_code == 200
        away.rename(other)
        assert client.get("/v1/ready").status_code == 200
        (other / "gallery.sqlite").write_bytes(b"no database")
        assert client.get("/v1/ready").status_code == 503
        shutil.rmtree(other)
        shutil.copytree(gallery, other)
        assert client.get("/v1/ready").status_code == 200
