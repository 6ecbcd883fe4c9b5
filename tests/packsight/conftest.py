"""A small gallery for the tests of commands, which only read it, and a photo of one product."""

from __future__ import annotations

from pathlib import Path

import pytest

from packsight.cli import main
from tests.drawn_catalogue import QUICK_FLAGS, package, save, write_catalogue


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    write_catalogue(folder / "catalogue", products=3)
    arguments = ["ingest", str(folder / "catalogue"), "--gallery", str(folder / "gallery")]
    assert main([*arguments, *QUICK_FLAGS, "--workers", "1", "--quiet"]) == 0
    return folder / "gallery"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return save(tmp_path / "photo.png", package("jar", 1, 3))
