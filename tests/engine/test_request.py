"""What a request wants: filters on attributes, weights of parts, and what it refuses."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.galleries import open_gallery
from engine.galleries.memory import MemoryGallery
from engine.request import Condition, Filter, Request, Weights
from engine.types import Embedding, Hit, Parts
from tests.engine.made_descriptions import described, entry, manifest

NAMES = ("colour", "size", 'a "b" $.c')
VALUES = (
    "red",
    "50 ml",
    "7",
    " 7.5e1x",
    "-3",
    "+4",
    ".5",
    "",
    "é",
    "1e5",
    "٣",
    "\t8",
    "0x10",
    "5.",
)
values = st.sampled_from(VALUES)
bounds = st.none() | st.sampled_from([-3.0, 0.0, 5.0, 7.0, 75.0, 1e5])
conditions = st.one_of(
    st.builds(
        Condition, st.sampled_from(NAMES), st.lists(values, min_size=1, max_size=3).map(tuple)
    ),
    st.builds(
        lambda name, low, high: Condition(
            name, at_least=low, at_most=5.0 if low is high is None else high
        ),
        st.sampled_from(NAMES),
        bounds,
        bounds,
    ),
)
clauses = st.lists(conditions, min_size=1, max_size=3).map(tuple)
filters = st.lists(clauses, max_size=3).map(lambda found: Filter(tuple(found)))


@pytest.fixture(scope="module")
def folder() -> Path:
    """A gallery of 60 images with attributes of all kinds, in two categories."""
    random = np.random.default_rng(0)
    path = Path(tempfile.mkdtemp()) / "gallery"
    with open_gallery(path, manifest=manifest()) as gallery:
        for at in range(60):
            held = [name for name in NAMES if random.random() < 0.7]
            attributes = {name: str(random.choice(VALUES)) for name in held}
            one = entry(f"{at}", "jar" if at % 2 else "tube", attributes=attributes)
            gallery.add([one], [described((at % 7, 1.0), one.category or "")])
    return path


@given(where=filters, categories=st.sampled_from([None, ["jar"], ["jar", "tube"], ["cap"]]))
def test_a_gallery_filters_as_the_plain_twin(
    folder: Path, where: Filter, categories: list[str] | None
) -> None:
    with open_gallery(folder) as gallery:
        sources = list(gallery.sources())
        found = gallery.matching(where, categories).tolist()
        memory = MemoryGallery(gallery.records([source.id for source in sources]))
    expected = [
        source.id
        for source in sources
        if where.holds(source.attributes) and (categories is None or source.category in categories)
    ]
    assert found == expected == memory.matching(where, categories).tolist()


@given(among=st.sets(st.integers(1, 60)), k=st.integers(1, 70))
def test_a_search_among_some_is_the_whole_search_without_the_others(
    folder: Path, among: set[int], k: int
) -> None:
    query = Embedding(np.array([3, 1], np.float32))
    ids = np.array(sorted(among), np.int64)
    with open_gallery(folder) as gallery:
        whole = gallery.search(query, 60)
        found = gallery.search(query, k, among=ids)
        memory = MemoryGallery(gallery.records(list(range(1, 61)))).search(query, k, among=ids)
    expected = [one.id for one in whole if one.id in among][:k]
    assert [one.id for one in found] == expected == [one.id for one in memory]


def hits(*parts: Parts) -> list[Hit]:
    with tempfile.TemporaryDirectory() as folder, open_gallery(folder, manifest=manifest()) as made:
        ids = [made.add([entry(str(at))], [described((1, 0))])[0] for at in range(len(parts))]
        records = made.records(ids)
    return [
        replace(Hit(record, at + 1, 0.0, 0.0), parts=one)
        for at, (record, one) in enumerate(zip(records, parts, strict=True))
    ]


def test_weights_sort_by_the_weighted_mean_and_ties_keep_their_order() -> None:
    made = hits(Parts(0.9, 0.1), Parts(0.2, 0.8), Parts(0.2, 0.8), Parts(0.5, None, 1.0))

    def order(weights: Weights) -> list[str]:
        return [Path(hit.record.uri).stem for hit in weights.sorted(made)]

    assert order(Weights(1, 0, 0)) == ["0", "3", "1", "2"]
    assert order(Weights(0, 2, 0)) == ["1", "2", "0", "3"]
    assert order(Weights(1, 1, 0)) == ["0", "1", "2", "3"]
    assert order(Weights(0, 0, 1)) == ["3", "0", "1", "2"]
    assert [hit.rank for hit in Weights().sorted(made)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Request(k=0),
        lambda: Request(threshold=1.5),
        lambda: Weights(0, 0, 0),
        lambda: Weights(-1, 1, 0),
        lambda: Weights(float("inf"), 1, 0),
        lambda: Weights(float("nan"), 1, 0),
        lambda: Condition("colour"),
        lambda: Condition("colour", ("red",), at_least=1),
        lambda: Condition("size", at_most=float("nan")),
        lambda: Condition("colour\0", ("red",)),
        lambda: Condition("colour", ("red", "\0")),
        lambda: Filter(((),)),
        lambda: Filter(((Condition("a", ("b",)),),) * 65),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigError):
        wrong()  # type: ignore[operator]
