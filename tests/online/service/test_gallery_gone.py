"""A gallery that is gone, beside one that is there."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

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
