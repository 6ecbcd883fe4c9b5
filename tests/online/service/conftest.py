"""The small service that these tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra `serve`")

from fastapi.testclient import TestClient

from tests.online.service.small_service import make_gallery, serving


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="session")
def client(gallery: Path) -> Iterator[TestClient]:
    with serving(gallery) as client:
        yield client
