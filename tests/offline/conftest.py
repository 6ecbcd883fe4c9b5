"""One quick ingest of the drawn catalogue, checked after every run."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.galleries import open_gallery
from offline import ingest
from offline.ingest.report import IngestReport
from tests.drawn_catalogue import QUICK
from tests.offline.gallery_contents import Ingest


@pytest.fixture
def run(catalogue: Path, tmp_path: Path) -> Ingest:
    """Ingest the catalogue into tmp_path/gallery, quickly; the gallery must be sound after."""

    def run(folder: Path = catalogue, **options: object) -> IngestReport:
        given = {"overrides": QUICK, "workers": 1, **options}
        report = ingest(folder, tmp_path / "gallery", **given)  # type: ignore[arg-type]
        with open_gallery(tmp_path / "gallery") as gallery:
            assert gallery.check() == []
            assert len(gallery) == report.images
        return report

    return run
