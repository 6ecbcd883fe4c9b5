"""Attributes as rows in PostgreSQL: filters find what they find in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DisconnectedError, LockedError
from engine.galleries import _postgres_schema, open_gallery
from engine.galleries.postgres import PostgresGallery
from engine.galleries.units import Described, Units
from engine.protocols import WritableGallery
from engine.request import NUMBER_WITHIN, Condition, Filter
from tests.engine.galleries.test_filters import CHANGES, FILTERS, expected
from tests.engine.made_descriptions import described, entry, manifest
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.slow

Homes = tuple[WritableGallery, WritableGallery]
_NUMBERS = count()
LONG = "5 ml of " + "water and " * 90
SPACED = " " * (NUMBER_WITHIN - 1) + "12"  # 1, within the first characters
TEXTS = st.one_of(
    st.sampled_from(["1", " 2 ml", "+3.", "-1e999", "2E4567", "1e-999", "0e500", "1e200", "red"]),
    st.sampled_from(["", 'a "b"', "é", "\\u0000", "100 %", "漢" * 999, LONG, LONG + "more"]),
    st.sampled_from([SPACED, "1" * 500, "ß" * NUMBER_WITHIN]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4),
)
NAMES = st.sampled_from(["size", "colour", "n" * NUMBER_WITHIN, "漢" * 300])
ATTRIBUTES = st.dictionaries(NAMES, TEXTS, max_size=4)
BOUNDS = st.none() | st.sampled_from([-1e300, -1.0, 0.0, 1.0, 2.5, 5.0, 1e200, 1e201])
CONDITIONS = st.builds(
    lambda name, texts, low, high: (
        Condition(name, at_least=low, at_most=high)
        if (low, high) != (None, None)
        else Condition(name, tuple(texts))
    ),
    NAMES,
    st.lists(TEXTS, min_size=1, max_size=3),
    BOUNDS,
    BOUNDS,
)
WHERE = st.lists(st.lists(CONDITIONS, min_size=1, max_size=2).map(tuple), max_size=2)
CATEGORIES = st.none() | st.lists(st.sampled_from(["jar", "cap", "none"]), unique=True)


@pytest.fixture(scope="module")
def homes(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homes]:
    folder = tmp_path_factory.mktemp("filters") / "gallery"
    with (
        open_gallery(folder, manifest=manifest()) as local,
        open_gallery(new_address(postgres), manifest=manifest()) as server,
    ):
        yield local, server


def new_address(postgres: PostgresServer) -> str:
    return postgres.address(schema=f"filters_{next(_NUMBERS)}")


def emptied(gallery: WritableGallery) -> None:
    gallery.remove([one.id for one in (*gallery.sources(), *gallery.withdrawn())])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(ATTRIBUTES, min_size=1, max_size=6),
    st.lists(st.tuples(WHERE.map(tuple).map(Filter), CATEGORIES), min_size=3, max_size=6),
)
def test_random_filters_find_what_they_find_in_a_folder_and_by_the_plain_twin(
    homes: Homes, held: list[dict[str, str]], filters: list[tuple[Filter, list[str] | None]]
) -> None:
    entries = [
        entry(str(at), ("jar", "cap")[at % 2], attributes=one) for at, one in enumerate(held)
    ]
    for gallery in homes:
        emptied(gallery)
        gallery.add(entries, [described((1, 1))] * len(entries), ids=range(1, 1 + len(entries)))
    local, server = homes
    for where, categories in filters:
        found = server.matching(where, categories).tolist()
        assert found == local.matching(where, categories).tolist()
        assert found == expected(server, where, categories)


@settings(max_examples=25, deadline=None)
@given(CHANGES)
def test_filters_follow_whatever_is_written(
    homes: Homes, changes: list[tuple[str, int, str, dict[str, str]]]
) -> None:
    _, gallery = homes
    emptied(gallery)
    ids: dict[int, int] = {}
    for kind, number, category, attributes in changes:
        one = entry(str(number), category, attributes=attributes)
        held = [ids[number]] if number in ids else []
        if kind == "put":
            ids[number], _ = gallery.add([one, one], [described((number, 1))] * 2)
        elif kind == "amend" and gallery.find(uri=one.uri):
            gallery.amend({ids[number]: one})
        elif kind == "remove":
            gallery.remove(held)
        elif kind == "withdraw":
            gallery.withdraw(held)
        elif kind == "restore":
            gallery.restore(held)
    assert gallery.check() == []
    for where in FILTERS:
        for categories in (None, ["jar"], []):
            found = gallery.matching(where, categories).tolist()
            assert found == expected(gallery, where, categories)


def test_filters_follow_a_worker_beside_the_writer(postgres: PostgresServer) -> None:
    address = new_address(postgres)
    made = entry("a", attributes={"size": "4 ml"})
    with open_gallery(address, manifest=manifest()) as gallery:
        assert isinstance(gallery, PostgresGallery)
        Units(gallery, "scan").begin(["a"])
        with PostgresGallery.open_beside(address, gallery.generation) as beside:
            units = Units(beside, "scan")
            units.take(0, "worker")
            image = Described(made, described((1, 1)), None)
            assert units.finish(0, "worker", [image], 0, lambda _: "")
        where = Filter(((Condition("size", at_least=4),),))
        assert gallery.matching(where).tolist() == [source.id for source in gallery.sources()]
        assert len(gallery.matching(where)) == 1


@pytest.fixture
def older(postgres: PostgresServer) -> str:
    """Of a Packsight that kept no rows."""
    address = new_address(postgres)
    held = [{"size": f"{at} ml"} for at in range(8)]
    entries = [entry(str(at), attributes=one) for at, one in enumerate(held)]
    with open_gallery(address, manifest=manifest()) as gallery:
        gallery.add(entries, [described((at, 1)) for at in range(8)])
    schema = address.rpartition("schema=")[2]
    postgres.execute(
        f"SET search_path = {schema}_1, {schema};"
        "DROP TABLE image_attributes; DROP FUNCTION attributes_come, attributes_go CASCADE;"
        f"DELETE FROM {schema}_1.migrations WHERE number = 3;"
        f"DROP FUNCTION json_valid; DELETE FROM {schema}.migrations WHERE number = 2"
    )
    return address


WHERE_OLDER = Filter(((Condition("size", at_least=3, at_most=5),),))


def test_a_gallery_of_before_is_filtered_as_it_lies_and_has_the_rows_when_it_is_written_to(
    older: str, postgres: PostgresServer
) -> None:
    with open_gallery(older) as gallery:
        assert gallery.matching(WHERE_OLDER).tolist() == [4, 5, 6]
        assert gallery.matching(WHERE_OLDER, ["jar"]).tolist() == [4, 5, 6]
        assert gallery.check() == []
    schema, nul = older.rpartition("schema=")[2], '{"size": "\\u0000"}'
    postgres.execute(f"UPDATE {schema}_1.images SET attributes = '{nul}' WHERE id = 1")
    with open_gallery(older, write=True) as gallery:
        assert gallery.matching(WHERE_OLDER).tolist() == [4, 5, 6]
        assert gallery.remove([1]) == 1
        assert gallery.check() == []


def test_a_migration_that_is_killed_leaves_the_gallery_as_it_was(
    older: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    *before, last = _postgres_schema.GENERATION
    killed = f"{last}; SELECT pg_terminate_backend(pg_backend_pid())"
    monkeypatch.setattr(_postgres_schema, "GENERATION", (*before, killed))
    with pytest.raises(DisconnectedError):
        open_gallery(older, write=True)
    with open_gallery(older) as gallery:
        assert isinstance(gallery, PostgresGallery)
        assert not gallery._has_table("image_attributes")
        assert gallery.matching(WHERE_OLDER).tolist() == [4, 5, 6]


def test_of_several_that_open_a_gallery_of_before_each_finds_it_migrated_once(older: str) -> None:
    def write(_: int) -> list[str]:
        while True:
            try:
                with open_gallery(older, write=True) as gallery:
                    return gallery.check()
            except LockedError:
                continue

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(write, range(4))) == [[]] * 4
    with open_gallery(older) as gallery:
        assert gallery.matching(WHERE_OLDER).tolist() == [4, 5, 6]


def test_damaged_rows_are_found_and_mended(older: str, postgres: PostgresServer) -> None:
    open_gallery(older, write=True).close()
    schema = older.rpartition("schema=")[2]
    postgres.execute(f"DELETE FROM {schema}_1.image_attributes WHERE image = 5")
    with open_gallery(older, write=True) as gallery:
        assert [fault for fault in gallery.check() if "attributes" in fault]
        gallery.rebuild()
        assert gallery.matching(WHERE_OLDER).tolist() == [4, 5, 6]
        assert gallery.check() == []
