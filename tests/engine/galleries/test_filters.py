"""Attributes as rows: whatever is written, filters find what the plain twin finds."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.galleries import _schema
from engine.galleries.local import LocalGallery
from engine.request import Condition, Filter
from tests.engine.made_descriptions import described, entry, manifest

ATTRIBUTES = st.dictionaries(
    st.sampled_from(["size", "colour"]), st.sampled_from(["1", "2 ml", "red", "", 'a "b"', "é"])
)
KINDS = ("put", "put", "amend", "remove", "withdraw", "restore")
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(KINDS), st.integers(0, 5), st.sampled_from(["jar", "cap"]), ATTRIBUTES
    ),
    max_size=12,
)
FILTERS = [
    Filter(),
    Filter(((Condition("size", ("1", "2 ml")),),)),
    Filter(((Condition("size", at_least=1.5),), (Condition("colour", ("red", "é")),))),
    Filter(((Condition("colour", ('a "b"',)), Condition("size", at_most=1)),)),
]


def expected(gallery: LocalGallery, where: Filter, categories: list[str] | None) -> list[int]:
    return [
        source.id
        for source in gallery.sources()
        if where.holds(source.attributes) and (categories is None or source.category in categories)
    ]


@settings(max_examples=40)
@given(CHANGES)
def test_filters_follow_whatever_is_written(
    changes: list[tuple[str, int, str, dict[str, str]]],
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalGallery.create(Path(folder, "g"), manifest()) as gallery,
    ):
        ids: dict[int, int] = {}
        for kind, number, category, attributes in changes:
            one = entry(str(number), category, attributes=attributes)
            held = [ids[number]] if number in ids else []
            if kind == "put":
                (ids[number],) = gallery.add([one], [described((number, 1))])
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
            for categories in (None, ["jar"], ["jar", "cap", "none"], []):
                found = gallery.matching(where, categories).tolist()
                assert found == expected(gallery, where, categories)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with LocalGallery.create(tmp_path / "g", manifest()) as gallery:
        held = [{"size": f"{at} ml"} for at in range(8)]
        entries = [
            entry(str(at), "jar" if at else "cap", attributes=one) for at, one in enumerate(held)
        ]
        gallery.add(entries, [described((at, 1)) for at in range(8)])
    return tmp_path / "g"


def connected(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(folder / "gallery.sqlite", isolation_level=None)


def test_a_gallery_of_before_is_filtered_as_it_lies_and_has_the_rows_when_it_is_written_to(
    folder: Path,
) -> None:
    connection = connected(folder)
    for event in ("insert", "update", "delete"):
        connection.execute(f"DROP TRIGGER image_attributes_{event}")
    connection.execute("DROP TABLE image_attributes")
    connection.execute(f"PRAGMA user_version = {len(_schema.MIGRATIONS) - 1}")
    where = Filter(((Condition("size", at_least=3, at_most=5),),))
    with LocalGallery.open(folder) as gallery:
        assert gallery.matching(where).tolist() == [4, 5, 6]
        assert gallery.check() == []
    with LocalGallery.open(folder, write=True) as gallery:
        assert gallery.matching(where).tolist() == [4, 5, 6]
    (rows,) = connection.execute("SELECT count(*) FROM image_attributes").fetchone()
    connection.close()
    assert rows == 8


def test_rows_follow_an_older_packsight_and_damage_is_found_and_mended(folder: Path) -> None:
    connection = connected(folder)
    changed = '{"size": "4 ml"}'
    connection.execute("UPDATE images SET attributes = ? WHERE id = 1", (changed,))
    connection.execute("DELETE FROM images WHERE id = 2")
    connection.execute("DELETE FROM descriptions WHERE id = 2")
    where = Filter(((Condition("size", ("4 ml", "1 ml")),),))
    with LocalGallery.open(folder) as gallery:
        assert gallery.matching(where).tolist() == [1, 5]
    connection.execute("DELETE FROM image_attributes WHERE image = 5")
    connection.close()
    with LocalGallery.open(folder, write=True) as gallery:
        assert [fault for fault in gallery.check() if "attributes" in fault]
        gallery.rebuild()
        assert gallery.matching(where).tolist() == [1, 5]
        assert not [fault for fault in gallery.check() if "attributes" in fault]


def test_damaged_attributes_stop_no_writer(folder: Path) -> None:
    connection = connected(folder)
    connection.execute("UPDATE images SET attributes = 'junk' WHERE id = 3")
    connection.close()
    with LocalGallery.open(folder, write=True) as gallery:
        assert gallery.matching(Filter(((Condition("size", ("2 ml",)),),))).tolist() == []
        assert gallery.remove([3]) == 1
        assert gallery.check() == []


def test_the_rows_are_what_is_read(folder: Path) -> None:
    """And no image's attributes, of a filter on values."""
    statements: list[str] = []
    with LocalGallery.open(folder) as gallery:
        gallery._connection.set_trace_callback(statements.append)  # type: ignore[attr-defined]
        assert gallery.matching(Filter(((Condition("size", ("2 ml",)),),)), ["jar"]).tolist() == [3]
    assert not [one for one in statements if "json_each(attributes)" in one]
