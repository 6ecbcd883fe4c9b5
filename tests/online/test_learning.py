"""What queries teach a gallery, where that is switched on."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path

import pytest

from engine.types import RGBImage
from offline import ingest
from stages.open_searcher import OpenSearcher, open_searcher, searcher_over
from tests.drawn_catalogue import QUICK, package, write_catalogue

ON = "adapt.learn_from_queries=true"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learning")
    write_catalogue(folder / "c", products=1)
    ingest(folder / "c", folder / "g", overrides=QUICK, workers=1, adapt=False)
    return folder


@pytest.fixture
def gallery(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "g", tmp_path / "g"))


def search(opened: OpenSearcher, count: int = 3) -> list[tuple[str, float]]:
    """As many photos; the first hits of the last one."""
    for number in range(count):
        found = opened.search(RGBImage(package("jar", number, 3)), k=3)
    return [(hit.record.product_id, hit.distance) for hit in found.hits]


def learned(gallery: Path) -> int:
    with open_searcher(gallery) as opened:
        statistics = opened.gallery.query_statistics()
    return 0 if statistics is None else statistics.count


def test_a_gallery_learns_only_where_that_is_switched_on(gallery: Path) -> None:
    with open_searcher(gallery) as opened:
        before = search(opened)
    assert learned(gallery) == 0
    for _ in range(2):  # the same photos count once
        with open_searcher(gallery, overrides=[ON]) as opened:
            assert search(opened) == before
        assert learned(gallery) == 3
    with open_searcher(gallery) as opened:
        assert search(opened) == before
        assert opened.gallery.check() == []


def test_a_searcher_that_is_never_closed_keeps_what_it_learned(gallery: Path) -> None:
    opened = open_searcher(gallery, overrides=[ON])
    search(opened)
    assert learned(gallery) == 0
    del opened
    gc.collect()
    assert learned(gallery) == 3


def test_what_is_not_searched_by_a_user_teaches_nothing(gallery: Path) -> None:
    with open_searcher(gallery) as own, searcher_over(own.gallery, overrides=[ON]) as opened:
        search(opened)
    assert learned(gallery) == 0


def test_a_gallery_made_anew_by_other_settings_has_learned_nothing(
    made: Path, gallery: Path
) -> None:
    with open_searcher(gallery, overrides=[ON]) as opened:
        search(opened)
    for file in gallery.glob("gallery.sqlite*"):
        file.unlink()
    others = [*QUICK, "embed.cell=16"]
    ingest(made / "c", gallery, overrides=others, workers=1, adapt=False)
    assert learned(gallery) == 0
