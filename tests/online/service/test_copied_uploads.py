"""Images that were sent to a service, where its gallery was copied into PostgreSQL."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from engine.copying import copy_gallery
from engine.galleries import open_gallery, uploads_folder
from offline.migrate import migrate
from tests.online.service.small_service import ask, make_gallery, photo_of, serving
from tests.postgres_server import PostgresServer
from tests.watched_processes import wait

pytestmark = pytest.mark.slow


def test_they_are_served_migrated_and_deleted_in_the_new_home(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACKSIGHT_UPLOADS_DIR", str(tmp_path / "of-services"))
    folder, photo = make_gallery(tmp_path), photo_of("jar", 11)
    with serving(folder) as client:
        request = ("request", (None, json.dumps({"category": "jar"}).encode()))
        parts = [request, ("image", ("x", photo))]
        assert client.put("/v1/products/sent", files=parts, params={"wait": 1}).status_code == 200
    to = postgres.address(schema="copied")
    assert copy_gallery(folder, to).uploads == 1
    shutil.rmtree(folder)
    assert migrate(to, overrides=["embed.side=16"], workers=1).in_use
    with open_gallery(to) as copy:
        (source,) = copy.find(product_id="sent")
        assert copy.check() == []
    assert Path(source.uri).read_bytes() == photo
    with serving(f"{to}&indexes={tmp_path / 'indexes'}") as client:
        assert ask(client, photo).json()["hits"][0]["product"] == "sent"
        (image,) = client.get("/v1/products/sent").json()["images"]
        assert client.get("/" + image["image_url"]).content == photo
        assert client.delete("/v1/products/sent", params={"wait": 1}).status_code == 200
    assert wait(lambda: not Path(source.uri).exists())


def test_their_folder_is_one_however_a_service_connects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACKSIGHT_UPLOADS_DIR", str(tmp_path))
    first = uploads_folder("postgresql://one@here:5432/shop?schema=caps")
    for same in (
        "postgres://two:secret@here:5432/shop?schema=caps&indexes=/tmp/x&sslmode=require",
        "postgresql:///shop?host=here,there&port=5432&schema=caps",
    ):
        assert uploads_folder(same) == first
    for other in ("here:5432/shop", "here:5433/shop?schema=caps", "there:5432/shop?schema=caps"):
        assert uploads_folder(f"postgresql://one@{other}") != first
