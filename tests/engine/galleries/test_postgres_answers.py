"""A gallery in PostgreSQL answers, and changes, as one in a folder does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.distances import METRICS, Metric
from engine.galleries import open_gallery
from engine.protocols import Gallery, WritableGallery
from engine.types import CategoryScores, Contour, Description, Embedding, FloatArray, MatteQuality
from tests.engine.made_adaptations import adaptation
from tests.engine.made_descriptions import described, entry, manifest
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.slow

IMAGES = 10_000
NUMBERS = 24
_NUMBERS = count()


class Homes(NamedTuple):
    folder: WritableGallery
    server: WritableGallery
    vectors: FloatArray  # (IMAGES, NUMBERS), by place
    ids: list[int]


def crowded(random: np.random.Generator) -> FloatArray:
    """(IMAGES, NUMBERS): half on few points, so that many lie at the very same distance; a quarter
    beside them by the last bits of float32; the rest anywhere; some of zeros."""
    points = random.integers(-2, 3, (40, NUMBERS)).astype(np.float32)
    ties = points[random.integers(0, len(points), IMAGES)]
    near = ties * (1 + random.integers(-2, 3, (IMAGES, NUMBERS)) * np.float32(6e-8))
    anywhere = random.normal(0, 2, (IMAGES, NUMBERS))
    kind = random.integers(0, 4, (IMAGES, 1))
    vectors = np.where(kind < 2, ties, np.where(kind == 2, near, anywhere)).astype(np.float32)
    vectors[:5] = 0
    return vectors


@pytest.fixture(scope="module")
def homes(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homes]:
    random = np.random.default_rng(5)
    vectors = crowded(random)
    # 15 categories, the largest some 15 times as large as the smallest
    category = np.floor(15 * random.random(IMAGES) ** 1.7).astype(int)
    labelled = random.random(IMAGES) < 0.8
    contour = described((1, 1)).contour
    entries = [
        entry(
            f"i{place}",
            f"c{category[place]}" if labelled[place] else None,
            attributes={"domain": "photo"} if place % 5 == 0 else None,
        )
        for place in range(IMAGES)
    ]
    descriptions = [
        _described(vector, f"c{category[place]}", contour) for place, vector in enumerate(vectors)
    ]
    made = manifest(NUMBERS)
    folder = tmp_path_factory.mktemp("answers") / "gallery"
    with (
        open_gallery(folder, manifest=made) as local,
        open_gallery(postgres.address(schema="answers"), manifest=made) as server,
    ):
        ids = []
        for start in range(0, IMAGES, 1000):
            part = slice(start, start + 1000)
            ids += local.add(entries[part], descriptions[part])
            assert server.add(entries[part], descriptions[part]) == ids[start:]
        yield Homes(local, server, vectors, ids)


def _described(vector: FloatArray, category: str, contour: Contour) -> Description:
    scores = CategoryScores.certain(category)
    return Description(scores, Embedding(vector), contour, contour, MatteQuality())


@pytest.fixture(scope="module", params=["as described", "adapted"])
def adapted_homes(request: pytest.FixtureRequest, homes: Homes) -> Homes:
    if request.param == "adapted":
        random = np.random.default_rng(7)
        fitted = adaptation(
            catalogue_mean=random.normal(0, 0.1, NUMBERS).tolist(),
            photo_mean=random.normal(0, 0.1, NUMBERS).tolist(),
            projection=random.integers(-1, 2, (NUMBERS, 17)).tolist(),
        )
        for gallery in homes[:2]:
            gallery.adapt(fitted)
    return homes


def queries(homes: Homes) -> list[Embedding]:
    """At an image, beside one, anywhere and at zero."""
    random = np.random.default_rng(3)
    fitted = homes.folder.adaptation()
    dimension = NUMBERS if fitted is None else fitted.dimension
    at = homes.vectors[77] if fitted is None else fitted.adapted(homes.vectors[77:78], ["photo"])[0]
    vectors = [at, at * 1.0001, random.normal(0, 2, dimension), np.zeros(dimension)]
    return [Embedding(vector.astype(np.float32)) for vector in vectors]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 10, 64, 300])
def test_it_finds_the_same_images_at_the_same_distances(
    adapted_homes: Homes, metric: Metric, k: int
) -> None:
    local, server = adapted_homes[:2]
    chosen = np.array(adapted_homes.ids[::7], np.int64)
    for query in queries(adapted_homes):
        for categories in (None, ["c0"], ["c3", "c14", "none"]):
            for labelled_only in (False, True):
                for among in (None, chosen):
                    found, expected = (
                        gallery.search(
                            query,
                            k,
                            categories,
                            labelled_only=labelled_only,
                            metric=metric,
                            among=among,
                        )
                        for gallery in (server, local)
                    )
                    assert found == expected


class Step(NamedTuple):
    name: str
    run: Callable[[WritableGallery, list[int]], object]


_PLACES = st.lists(st.integers(0, 30), min_size=1, max_size=4, unique=True)
_NAMES = st.sampled_from("abcdefgh")
_CATEGORIES = st.sampled_from(["jar", "tin", "Dose", None])
_VECTORS = st.tuples(st.integers(-3, 3), st.integers(-3, 3))


def _chosen(ids: Sequence[int], places: Sequence[int]) -> list[int]:
    return [ids[place % len(ids)] for place in places] if ids else []


@st.composite
def added(draw: st.DrawFn) -> Step:
    names = draw(st.lists(_NAMES, min_size=1, max_size=4, unique=True))
    given_entries, descriptions = [], []
    for name in names:
        category = draw(_CATEGORIES)
        domain = draw(st.sampled_from(["photo", "catalogue"]))
        given_entries.append(entry(name, category, attributes={"domain": domain}))
        top = category or draw(st.sampled_from(["jar", "tin"]))
        descriptions.append(described(draw(_VECTORS), top))
    out = draw(st.sets(_NAMES, max_size=2))
    withdrawn = {f"sha of {name}" for name in out}

    def run(gallery: WritableGallery, ids: list[int]) -> object:
        return gallery.add(given_entries, descriptions, withdrawn)

    return Step(f"add {names}, withdrawn {sorted(out)}", run)


@st.composite
def amended(draw: st.DrawFn) -> Step:
    places, category = draw(_PLACES), draw(st.sampled_from(["jar", "tin", "Dose"]))
    product, domain = draw(_NAMES), draw(st.sampled_from(["photo", "catalogue"]))

    def run(gallery: WritableGallery, ids: list[int]) -> object:
        for identity in _chosen(ids, places):
            source = gallery.source(identity)
            if source is None or not gallery.find(uri=source.uri):
                with pytest.raises(KeyError):
                    gallery.amend({identity: entry("z")})
                continue
            changed = replace(
                source.entry,
                category=category,
                product_id=product,
                attributes={"domain": domain},
            )
            gallery.amend({identity: changed})
        return None

    return Step(f"amend {places} {category}", run)


@st.composite
def on_ids(draw: st.DrawFn) -> Step:
    places = draw(_PLACES)
    name = draw(st.sampled_from(["remove", "withdraw", "restore"]))

    def run(gallery: WritableGallery, ids: list[int]) -> object:
        return getattr(gallery, name)(_chosen(ids, places))

    return Step(f"{name} {places}", run)


@st.composite
def adapted(draw: st.DrawFn) -> Step:
    by = draw(st.sampled_from([None, (1, 1), (0, 2), (3, 0)]))

    def run(gallery: WritableGallery, ids: list[int]) -> object:
        if by is None:
            gallery.adapt_by(None)
            return None
        return gallery.adapt(adaptation(catalogue_mean=by))

    return Step(f"adapt {by}", run)


def state(gallery: Gallery) -> object:
    fitted = gallery.adaptation()
    dimension = 2 if fitted is None else fitted.dimension
    query = Embedding(np.linspace(1, 2, dimension, dtype=np.float32))
    sources = list(gallery.sources())
    ids = [source.id for source in sources] + [one.id for one in gallery.withdrawn()]
    return (
        sources,
        gallery.withdrawn(),
        gallery.categories(),
        gallery.category_counts(),
        [record.description.embedding.vector.tolist() for record in gallery.records(ids)],
        [record.description.scores.names for record in gallery.records(ids)],
        gallery.adapted_by(),
        [gallery.search(query, 20, labelled_only=only) for only in (False, True)],
    )


@settings(max_examples=25)
@given(st.lists(st.one_of(added(), added(), amended(), on_ids(), on_ids(), adapted()), max_size=9))
def test_any_changes_lead_to_the_same_state(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    folder: Path = tmp_path_factory.mktemp("changes") / "gallery"
    address = postgres.address(schema=f"changes_{next(_NUMBERS)}")
    with (
        open_gallery(folder, manifest=manifest()) as local,
        open_gallery(address, manifest=manifest()) as server,
    ):
        ids: list[int] = []
        for step in steps:
            done = step.run(local, ids), step.run(server, ids)
            assert done[0] == done[1], step.name
            if step.name.startswith("add"):
                ids = sorted({*ids, *done[0]})  # type: ignore[misc]
            assert state(local) == state(server), step.name
        assert local.check() == server.check() == []


def test_a_new_gallery_stores_an_image_without_reading_those_of_before(
    postgres: PostgresServer,
) -> None:
    """PostgreSQL plans badly as long as it has counted nothing."""
    with open_gallery(postgres.address(schema="counted"), manifest=manifest()) as gallery:
        for start in range(0, 2560, 64):
            entries = [entry(f"i{place}") for place in range(start, start + 64)]
            gallery.add(entries, [described((1, 1))] * 64)
    read = postgres.execute(
        "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE schemaname = 'counted_1'"
    )
    assert 2560 <= int(read) < 10 * 2560
