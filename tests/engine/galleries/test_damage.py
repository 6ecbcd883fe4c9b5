"""What a gallery does when its files were damaged, restored or written by strangers."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.errors import GalleryError
from engine.galleries import _rows
from engine.galleries.local import LocalGallery
from engine.types import Embedding
from tests.engine.made_adaptations import adaptation
from tests.engine.made_descriptions import described, entry, manifest

COUNT = 200
SIFT = '{"keypoints": {"name": "sift"}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A gallery of two categories with its indexes written."""
    folder = tmp_path / "g"
    with LocalGallery.create(folder, manifest()) as gallery:
        gallery.add(
            [entry(str(i), "jar" if i % 2 else "stick") for i in range(COUNT)],
            [described((i, 1)) for i in range(COUNT)],
        )
        gallery.build_indexes()
        assert gallery.check() == []
    return folder


@pytest.fixture
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    """The gallery's database as a stranger sees it: no rules are kept."""
    connection = sqlite3.connect(folder / "gallery.sqlite", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = OFF")
    yield connection
    connection.close()


def nearest(folder: Path, x: float) -> list[int]:
    with LocalGallery.open(folder) as gallery:
        found = gallery.search(Embedding(np.array([x, 1], np.float32)), 3)
        return [int(record.product_id) for record in gallery.records([n.id for n in found])]


def faults(folder: Path) -> str:
    with LocalGallery.open(folder) as gallery:
        return "\n".join(gallery.check())


def indexes(folder: Path) -> list[Path]:
    return sorted((folder / "indexes").iterdir())


def test_deleted_indexes_are_built_again(folder: Path) -> None:
    shutil.rmtree(folder / "indexes")
    assert faults(folder) == ""
    assert nearest(folder, 60) == [60, 59, 61]
    assert len(indexes(folder)) == 2


def test_damage_of_an_image_out_of_the_index_is_found(
    folder: Path, database: sqlite3.Connection
) -> None:
    with LocalGallery.open(folder, write=True) as gallery:
        gallery.withdraw([1, 2])
    assert faults(folder) == ""
    database.execute("UPDATE withdrawn SET embedding = 'x' WHERE id = 1")
    assert "withdrawn image 1" in faults(folder)
    database.execute("UPDATE withdrawn SET id = 3 WHERE id = 2")
    assert "image 3" in faults(folder)


@pytest.mark.parametrize("keep", [0, 40, 1000])
def test_a_truncated_index_is_built_again_and_kills_nobody(folder: Path, keep: int) -> None:
    for path in indexes(folder):
        os.truncate(path, keep)
    # In a process of its own: reading a mapped page beyond the file's end is a bus error.
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, '.');"
        "from engine.galleries.local import LocalGallery; from engine.types import Embedding;"
        "import numpy as np; gallery = LocalGallery.open(Path(sys.argv[1]));"
        "found = gallery.search(Embedding(np.array([60, 1], np.float32)), 1);"
        "print(gallery.records([found[0].id])[0].product_id, gallery.check())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "60 []\n"), done.stderr


def test_an_index_of_garbage_is_built_again(folder: Path) -> None:
    for path in indexes(folder):
        path.write_bytes(b"IxF2" + b"\x07" * 999)
    assert nearest(folder, 60) == [60, 59, 61]
    assert faults(folder) == ""


def test_a_flipped_byte_in_an_index_is_found_and_rebuilding_mends_it(folder: Path) -> None:
    for path in indexes(folder):
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 0x40
        path.write_bytes(data)
    assert "not in step with the database (packsight gallery rebuild)" in faults(folder)
    with LocalGallery.open(folder, write=True) as gallery:
        assert gallery.rebuild() == 2
    assert faults(folder) == ""
    assert len(indexes(folder)) == 2
    assert nearest(folder, 60) == [60, 59, 61]


def test_an_index_of_another_metric_under_its_name_is_built_again(folder: Path) -> None:
    def by_cosine() -> list[float]:
        with LocalGallery.open(folder) as gallery:
            asked = Embedding(np.array([60, 1], np.float32))
            return [n.distance for n in gallery.search(asked, 3, metric="cosine")]

    right = by_cosine()
    for path in indexes(folder):
        if path.name.endswith("-cosine.faiss"):
            shutil.copy(path.with_name(path.name.replace("-cosine", "")), path)
    assert by_cosine() == right
    for path in indexes(folder):
        if path.name.endswith("-cosine.faiss"):
            data = bytearray(path.read_bytes())
            data[len(data) // 3] ^= 0x40
            path.write_bytes(data)
    assert "not in step with the database" in faults(folder)


def test_an_index_of_another_moment_is_never_used(folder: Path, tmp_path: Path) -> None:
    """An old database restored beside newer indexes, then written differently."""
    shutil.copy(folder / "gallery.sqlite", tmp_path / "backup.sqlite")
    with LocalGallery.open(folder, write=True) as gallery:
        gallery.remove(list(range(1, COUNT)))
        gallery.build_indexes()
    for leftover in folder.glob("gallery.sqlite*"):
        leftover.unlink()
    shutil.copy(tmp_path / "backup.sqlite", folder / "gallery.sqlite")
    assert nearest(folder, 60) == [60, 59, 61]
    with LocalGallery.open(folder, write=True) as gallery:
        gallery.amend({1: entry("0", "jar", attributes={"x": "y"})})
        gallery.add([entry("new", "jar", "777")], [described((60.1, 1))])
    assert nearest(folder, 60) == [60, 777, 59]
    assert faults(folder) == ""


def test_indexes_that_cannot_be_written_are_kept_in_memory(folder: Path) -> None:
    shutil.rmtree(folder / "indexes")
    (folder / "indexes").write_text("a file where the folder should be")
    assert nearest(folder, 60) == [60, 59, 61]


def test_a_row_without_its_description_is_found(folder: Path, database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM descriptions WHERE id = 7")
    assert "image 7 (/pictures/6.jpg): has no description" in faults(folder)
    with pytest.raises(GalleryError, match=r"image 7 .* is damaged"):
        nearest(folder, 6)


def test_a_description_without_its_row_is_found(folder: Path, database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM images WHERE id = 7")
    assert "descriptions row 7 has no row in images" in faults(folder)


def test_a_wrong_area_is_found(folder: Path, database: sqlite3.Connection) -> None:
    database.execute("UPDATE descriptions SET aligned_area = aligned_area + 1 WHERE id = 7")
    assert faults(folder) == "image 7 (/pictures/6.jpg): aligned has another area than stored"


@pytest.mark.parametrize("blob", [b"", b"123", b"\0" * 4, b"\0" * 12, b"\xff" * 8])
@pytest.mark.parametrize("with_indexes", [True, False])
def test_a_damaged_vector_is_found_and_building_its_index_says_what_to_do(
    folder: Path, database: sqlite3.Connection, blob: bytes, with_indexes: bool
) -> None:
    database.execute("UPDATE descriptions SET embedding = ? WHERE id = 7", (blob,))
    if not with_indexes:
        shutil.rmtree(folder / "indexes")
    assert "image 7 (/pictures/6.jpg): " in faults(folder)
    if not with_indexes and len(blob) != 8:
        with pytest.raises(GalleryError, match="packsight gallery check"):
            nearest(folder, 6)


@pytest.mark.parametrize(
    "change",
    [
        "score_values = x'00000000'",
        "score_names = '[]'",
        "score_names = 'not JSON'",
        "contour = x'00'",
        "quality = '[\"no such flag\"]'",
        "trust = 7.0",
        "keypoints = x'00'",
        "keypoints = x'000000000000000000'",
    ],
)
def test_a_damaged_description_is_found_and_reading_it_says_what_to_do(
    folder: Path, database: sqlite3.Connection, change: str
) -> None:
    database.execute(f"UPDATE descriptions SET {change} WHERE id = 7")
    assert faults(folder).startswith("image 7 (/pictures/6.jpg): ")
    with (
        LocalGallery.open(folder) as gallery,
        pytest.raises(GalleryError, match="packsight gallery check"),
    ):
        gallery.records([7])


def test_keypoints_of_another_width_are_found(folder: Path, database: sqlite3.Connection) -> None:
    database.execute("UPDATE descriptions SET keypoints = x'0200" + "00" * 16 + "'")
    assert faults(folder) == ""
    database.execute("UPDATE descriptions SET keypoints = x'0A00" + "00" * 16 + "' WHERE id = 7")
    assert faults(folder).startswith("image 7 (/pictures/6.jpg): keypoints")


def test_lost_keypoints_are_found_where_images_have_them(
    folder: Path, database: sqlite3.Connection
) -> None:
    database.execute("UPDATE manifest SET value = ? WHERE key = 'settings'", (SIFT,))
    database.execute("UPDATE descriptions SET keypoints = x'0200'")
    assert faults(folder) == ""
    database.execute("UPDATE descriptions SET keypoints = NULL WHERE id = 7")
    assert faults(folder) == "image 7 (/pictures/6.jpg): has lost its keypoints"


def test_rows_of_no_shard_are_found_and_rebuilding_finds_them_again(
    folder: Path, database: sqlite3.Connection
) -> None:
    database.execute("DELETE FROM shards WHERE category = 'jar'")
    database.execute("INSERT INTO shards VALUES ('ghost', 1, 'abc', 7)")
    assert "category jar: its images are in no shard" in faults(folder)
    assert "category ghost: has a shard and no image" in faults(folder)
    with LocalGallery.open(folder, write=True) as gallery:
        gallery.rebuild()
    assert faults(folder) == ""
    assert nearest(folder, 61) == [61, 60, 62]


@pytest.mark.parametrize("damage", ["garbage", "truncated", "page"])
def test_a_damaged_database_is_one_clear_error(folder: Path, damage: str) -> None:
    path = folder / "gallery.sqlite"
    data = path.read_bytes()
    if damage == "garbage":
        path.write_bytes(b"not a database at all" * 500)
    elif damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    else:
        path.write_bytes(data[:8192] + b"\x5a" * (len(data) - 8192))
    with pytest.raises(GalleryError) as caught, LocalGallery.open(folder) as gallery:
        found = gallery.check()
        assert not found, "an error or a fault, never silence"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE manifest SET value = 'not JSON' WHERE key = 'dimension'", "manifest"),
        ("DELETE FROM manifest WHERE key = 'fingerprint'", "manifest lacks 'fingerprint'"),
        ("UPDATE manifest SET value = '99' WHERE key = 'format_version'", "gallery format 99"),
        ("DROP TABLE shards", "no such table"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_one_clear_error(
    folder: Path, database: sqlite3.Connection, change: str, message: str
) -> None:
    database.execute(change)
    with pytest.raises(GalleryError, match=message):
        nearest(folder, 1)


@pytest.mark.parametrize("value", ["not JSON", "{}", "null"])
def test_a_damaged_calibration_is_found_and_hinders_nothing_else(
    folder: Path, database: sqlite3.Connection, value: str
) -> None:
    database.execute("INSERT INTO manifest VALUES ('calibration', ?)", (value,))
    assert "its calibration cannot be read" in faults(folder)
    assert nearest(folder, 60) == [60, 59, 61]
    with LocalGallery.open(folder, write=True) as gallery:
        with pytest.raises(GalleryError, match="packsight calibrate"):
            gallery.calibration()
        gallery.calibrate(None)
    assert faults(folder) == ""


@pytest.mark.parametrize("column", ["projection = x'00'", "report = '{}'", "photo_mean = x'00'"])
def test_a_damaged_adaptation_is_found_and_the_gallery_can_go_without(
    folder: Path, database: sqlite3.Connection, column: str
) -> None:
    with LocalGallery.open(folder, write=True) as gallery:
        gallery.adapt(adaptation())
    database.execute(f"UPDATE adaptations SET {column}")
    assert "adaptation 1 is damaged" in faults(folder)
    with LocalGallery.open(folder, write=True) as gallery:
        with pytest.raises(GalleryError, match="--off"):
            gallery.adaptation()
        gallery.adapt_by(None)
    assert faults(folder) == ""
    assert nearest(folder, 60) == [60, 59, 61]
    with LocalGallery.open(folder, write=True) as gallery:  # and get a new one
        assert gallery.adapt(adaptation()) == 2
        assert gallery.adaptation() is not None


def test_an_adaptation_that_is_broken_off_leaves_the_one_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalGallery.open(folder, write=True) as gallery:
        first = gallery.adapt(adaptation())

        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(_rows, "adapt_by", killed)
        with pytest.raises(KeyboardInterrupt):
            gallery.adapt(adaptation(photo_mean=(9, -3)))
    with LocalGallery.open(folder) as gallery:
        assert gallery.adapted_by() == first
        assert gallery.check() == []
