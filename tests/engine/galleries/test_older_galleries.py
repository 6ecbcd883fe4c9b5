"""Galleries that were made before masks' trust was kept."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.galleries import _schema
from engine.galleries.export import export_lines
from engine.galleries.local import LocalGallery
from engine.types import CONTOUR_SIDE, CategoryCounts, Contour
from tests.engine.made_descriptions import described, entry, manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A gallery as older Packsights made it: no column for trust, no count of migrations."""
    folder = tmp_path / "g"
    with LocalGallery.create(folder, manifest()) as gallery:
        gallery.add([entry("old")], [described((1, 0))])
    connection = sqlite3.connect(folder / "gallery.sqlite", isolation_level=None)
    connection.execute("DROP INDEX descriptions_by_trust")
    connection.execute("ALTER TABLE descriptions DROP COLUMN trust")
    connection.execute("DROP INDEX images_unknown")
    connection.execute("ALTER TABLE images DROP COLUMN unknown")
    connection.execute("PRAGMA user_version = 0")
    connection.close()
    return folder


def trusts(gallery: LocalGallery) -> list[float | None]:
    ids = [source.id for source in gallery.sources()]
    return [record.description.trust for record in gallery.records(ids)]


def columns(folder: Path) -> list[str]:
    connection = sqlite3.connect(folder / "gallery.sqlite")
    rows = connection.execute("SELECT name FROM pragma_table_info('descriptions')").fetchall()
    connection.close()
    return [name for (name,) in rows]


def migrations(folder: Path) -> int:
    connection = sqlite3.connect(folder / "gallery.sqlite")
    (count,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return int(count)


def test_reading_an_older_gallery_leaves_it_as_it_is(folder: Path) -> None:
    with LocalGallery.open(folder) as gallery:
        assert trusts(gallery) == [None]
        assert gallery.check() == []
        assert gallery.category_counts() == CategoryCounts(labelled=1)
        assert len(list(export_lines(gallery, vectors=True))) == 1
    assert "trust" not in columns(folder)


def test_writing_to_an_older_gallery_keeps_trust_from_then_on(folder: Path) -> None:
    with LocalGallery.open(folder, write=True) as gallery:
        gallery.add([entry("new")], [replace(described((2, 0)), trust=0.25)])
        assert trusts(gallery) == [None, 0.25]
        assert gallery.check() == []
    assert columns(folder)[-1] == "trust"
    assert migrations(folder) == len(_schema.MIGRATIONS)


def test_a_gallery_from_before_migrations_were_counted_may_have_the_column(tmp_path: Path) -> None:
    with LocalGallery.create(tmp_path / "g", manifest()) as gallery:
        gallery.add([entry("a")], [replace(described((1, 0)), trust=0.5)])
    assert migrations(tmp_path / "g") == len(_schema.MIGRATIONS)
    connection = sqlite3.connect(tmp_path / "g" / "gallery.sqlite", isolation_level=None)
    connection.execute("PRAGMA user_version = 0")
    connection.close()
    with LocalGallery.open(tmp_path / "g", write=True) as gallery:
        assert (trusts(gallery), gallery.check()) == ([0.5], [])
    assert migrations(tmp_path / "g") == len(_schema.MIGRATIONS)


def test_a_killed_migration_happened_whole_or_not_at_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(connection: sqlite3.Connection) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(_schema, "MIGRATIONS", (*_schema.MIGRATIONS, killed))
        with pytest.raises(KeyboardInterrupt):
            LocalGallery.open(folder, write=True)
    assert (migrations(folder), "trust" in columns(folder)) == (0, False)
    LocalGallery.open(folder, write=True).close()  # and the lock is free
    assert "trust" in columns(folder)


def test_a_newer_packsights_columns_are_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add_colour(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE images ADD COLUMN colour TEXT")
        connection.execute("ALTER TABLE descriptions ADD COLUMN texture REAL")

    with monkeypatch.context() as patched:
        patched.setattr(_schema, "MIGRATIONS", (*_schema.MIGRATIONS, add_colour))
        LocalGallery.open(folder, write=True).close()
    for write in (False, True):
        with LocalGallery.open(folder, write=write) as gallery:
            assert (trusts(gallery), gallery.check()) == ([None], [])
    with LocalGallery.open(folder, write=True) as gallery:
        gallery.add([entry("old")], [replace(described((1, 0)), trust=0.5)])
        assert trusts(gallery) == [0.5]
    assert migrations(folder) == len(_schema.MIGRATIONS) + 1


def test_a_reader_sees_the_column_that_a_writer_adds_beside_it(folder: Path) -> None:
    with LocalGallery.open(folder) as reader:
        with reader.snapshot():
            before = trusts(reader)
            with LocalGallery.open(folder, write=True) as writer:
                writer.add([entry("new")], [replace(described((2, 0)), trust=1.0)])
            assert trusts(reader) == before == [None]
        assert trusts(reader) == [None, 1.0]


def test_contours_that_are_stored_as_bits_are_read(folder: Path) -> None:
    with LocalGallery.open(folder) as gallery:
        (before,) = gallery.records([1])
        (stored,) = gallery._select("SELECT contour, aligned FROM descriptions")
    assert len(stored["contour"]) < 200 and len(stored["aligned"]) < 200
    connection = sqlite3.connect(folder / "gallery.sqlite")
    bits = [getattr(before.description, name).packed.tobytes() for name in ("contour", "aligned")]
    connection.execute("UPDATE descriptions SET contour = ?, aligned = ?", bits)
    connection.commit()
    connection.close()
    with LocalGallery.open(folder) as gallery:
        (record,) = gallery.records([1])
        assert record.description.contour.packed.tobytes() == bits[0]
        assert record.description.aligned.packed.tobytes() == bits[1]
        assert gallery.check() == []


def test_a_contour_of_noise_is_kept_as_it_is(folder: Path) -> None:
    mask = np.random.default_rng(0).random((CONTOUR_SIDE, CONTOUR_SIDE)) < 0.5
    noise = Contour.from_mask(mask)
    with LocalGallery.open(folder, write=True) as gallery:
        (identity,) = gallery.add([entry("noise")], [replace(described((1, 0)), contour=noise)])
        (record,) = gallery.records([identity])
        assert np.array_equal(record.description.contour.mask(), mask)
        assert gallery.check() == []


def test_an_older_packsight_writes_on_in_a_newer_gallery(folder: Path) -> None:
    """It names the columns that it knows."""
    LocalGallery.open(folder, write=True).close()
    connection = sqlite3.connect(folder / "gallery.sqlite", isolation_level=None)
    known = [name for name in columns(folder) if name != "trust"]
    connection.execute(
        f"INSERT OR REPLACE INTO descriptions ({', '.join(known)})"
        f" SELECT {', '.join(known)} FROM descriptions"
    )
    connection.close()
    with LocalGallery.open(folder) as gallery:
        assert (trusts(gallery), gallery.check()) == ([None], [])
