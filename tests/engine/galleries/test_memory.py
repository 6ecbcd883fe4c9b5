"""The gallery in memory answers as the one on disk does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config import QuerySettings, RouteSettings
from engine.distances import METRICS, Metric
from engine.galleries import open_gallery
from engine.galleries.memory import MemoryGallery
from engine.manifest import Manifest
from engine.search import Searcher
from engine.types import Embedding, Neighbour, Record
from tests.engine.fake_parts import Reversed, fake_describer
from tests.engine.made_descriptions import described, entry


def records_on_disk(folder: Path, places: list[tuple[int, str | None]]) -> list[Record]:
    """Stored, one image at each place on a line, labelled or predicted to be a jar."""
    with open_gallery(folder, manifest=Manifest("f" * 64, 3, normalised=False)) as gallery:
        entries = [
            entry(str(at), category, f"p{at % 3}") for at, (_, category) in enumerate(places)
        ]
        found = [described([float(at), 1.0, 0.0], category or "jar") for at, category in places]
        return gallery.records(gallery.add(entries, found))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    places=st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["jar", "tube", None])),
        min_size=1,
        max_size=12,
    ),
    at=st.integers(0, 4),
    k=st.integers(1, 14),
    categories=st.sampled_from([None, ["jar"], ["tube", "lid"]]),
    labelled_only=st.booleans(),
    metric=st.sampled_from(METRICS),
    expected=st.booleans(),
)
def test_a_search_gives_what_the_gallery_on_disk_gives(
    tmp_path_factory: pytest.TempPathFactory,
    places: list[tuple[int, str | None]],
    at: int,
    k: int,
    categories: list[str] | None,
    labelled_only: bool,
    metric: Metric,
    expected: bool,
) -> None:
    folder = tmp_path_factory.mktemp("g") / "g"
    memory = MemoryGallery(records_on_disk(folder, places))
    query = Embedding(np.array([at, 1.0, 0.0], np.float32))
    if expected:
        memory.expect(np.array([[9.0, 1.0, 0.0], query.vector], np.float32))
    how = {"labelled_only": labelled_only, "metric": metric}
    with open_gallery(folder) as gallery:
        real = gallery.search(query, k, categories, **how)
        assert memory.categories() == gallery.categories()
    mine = memory.search(query, k, categories, **how)
    assert rounded(mine) == rounded(real)


def rounded(found: list[Neighbour]) -> list[tuple[int, float, str]]:
    return [(one.id, round(one.distance, 5), one.category) for one in found]


@pytest.mark.parametrize("expand", [0, 2])
def test_the_searcher_ranks_the_same_over_both(tmp_path: Path, expand: int) -> None:
    places = [(at % 5, "jar" if at % 2 else "tube") for at in range(17)]
    memory = MemoryGallery(records_on_disk(tmp_path / "g", places), "f" * 64)
    with open_gallery(tmp_path / "g") as gallery:
        searcher = Searcher(
            fake_describer(),
            gallery,
            Reversed(top_n=4),
            RouteSettings(unsure_below=1.0),
            normalised=False,
            query=QuerySettings(expand=expand),
        )
        for at in range(5):
            query = described([float(at), 1.0, 0.0], "jar")
            real = searcher.rank(query, 3, without={2, 5})
            mine = replace(searcher, gallery=memory).rank(query, 3, without={2, 5})
            assert mine.route == real.route
            for ours, theirs in (
                (mine.retrieved, real.retrieved),
                (mine.products, real.products),
            ):
                assert [hit.record.id for hit in ours] == [hit.record.id for hit in theirs]
                assert [hit.distance for hit in ours] == pytest.approx(
                    [hit.distance for hit in theirs], abs=1e-5
                )


def test_a_hidden_record_is_not_found_until_others_are_hidden(tmp_path: Path) -> None:
    memory = MemoryGallery(records_on_disk(tmp_path / "g", [(0, "jar"), (1, "jar")]))
    query = Embedding(np.array([0.0, 1.0, 0.0], np.float32))
    first, second = (found.id for found in memory.search(query, 2))
    memory.hide([first])
    assert [found.id for found in memory.search(query, 2)] == [second]
    memory.hide([])
    assert [found.id for found in memory.search(query, 2)] == [first, second]


def test_the_checksum_follows_contents_and_categories(tmp_path: Path) -> None:
    jar, tube = records_on_disk(tmp_path / "g", [(0, "jar"), (1, "tube")])
    both = MemoryGallery([jar, tube]).checksum()
    assert MemoryGallery([jar, tube]).checksum() == both
    assert MemoryGallery([jar, replace(tube, category="jar")]).checksum() != both
    assert MemoryGallery([jar]).checksum() != both
    assert MemoryGallery().search(Embedding(np.ones(3, np.float32)), 3) == []
