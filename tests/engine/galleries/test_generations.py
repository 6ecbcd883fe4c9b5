"""Where the generations of a folder lie, and what becomes of a damaged pointer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import DamageError, GalleryError
from engine.galleries import (
    _generations,
    add_generation,
    delete_generation,
    gallery_exists,
    gallery_identity,
    generations,
    is_gallery,
    open_gallery,
    use_generation,
)
from tests.contracts.test_generations import OTHER, filled, names_in
from tests.engine.made_descriptions import described, entry, manifest
from tests.watched_processes import wait


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "gallery"
    with open_gallery(made, manifest=manifest()) as gallery:
        gallery.add([entry("a")], [described((1, 0))])
        gallery.build_indexes()
    return made


@pytest.fixture
def migrated(folder: Path) -> Path:
    use_generation(folder, filled(str(folder), OTHER, ["b"]))
    return folder


def test_further_generations_lie_below_the_folder_of_the_first(migrated: Path) -> None:
    assert (migrated / "gallery.sqlite").is_file()
    assert (migrated / "generations/2/gallery.sqlite").is_file()
    (line,) = (migrated / "CURRENT").read_text().splitlines()
    assert json.loads(line)["current"] == "2"


def test_a_folder_of_generations_is_a_gallery_without_the_first(migrated: Path) -> None:
    delete_generation(migrated, "1")
    assert sorted(path.name for path in migrated.iterdir() if path.suffix != ".pid") == [
        "CURRENT",
        "generations",
        "writer.lock",
    ]
    assert is_gallery(migrated) and gallery_exists(migrated)
    assert names_in(str(migrated)) == ["b"]


def test_a_folder_of_generations_may_be_moved(migrated: Path) -> None:
    moved = migrated.rename(migrated.with_name("moved"))
    assert names_in(str(moved)) == ["b"]


@pytest.mark.parametrize(
    "content",
    [b"", b"2", b"\xff\xfe", b'{"current": "2"}', b"[]", b"null"]
    + [
        json.dumps({"current": name, "before": None, "since": ""}).encode()
        for name in ("7", "..", "../..", 2, None, "")
    ],
)
def test_a_damaged_pointer_is_refused_and_mended(migrated: Path, content: bytes) -> None:
    (migrated / "CURRENT").write_bytes(content)
    assert is_gallery(migrated)
    for work in (gallery_exists, generations, open_gallery):
        with pytest.raises(DamageError, match=r"gallery rollback .* --to 2"):
            work(migrated)
    with pytest.raises(DamageError):
        open_gallery(migrated, manifest=manifest())
    assert gallery_identity(migrated).endswith(":")
    use_generation(migrated, "2")
    assert names_in(str(migrated)) == ["b"]


def test_a_pointer_without_any_generation_is_refused(migrated: Path) -> None:
    shutil.rmtree(migrated / "generations")
    (migrated / "gallery.sqlite").unlink()
    with pytest.raises(DamageError, match="backup"):
        open_gallery(migrated)
    with pytest.raises(GalleryError):
        open_gallery(migrated, manifest=manifest())


def test_a_writer_that_waited_through_a_flip_writes_to_the_new_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flip comes between finding the generation in use and locking it."""
    name = filled(str(folder), OTHER, ["b"])
    lock = _generations._folder.lock

    def late(*given: Path) -> object:
        monkeypatch.setattr(_generations._folder, "lock", lock)
        use_generation(folder, name)
        return lock(*given)

    monkeypatch.setattr(_generations._folder, "lock", late)
    with open_gallery(folder, write=True) as gallery:
        assert gallery.fingerprint == OTHER.fingerprint
        with open_gallery(folder, write=True, generation="1") as first:  # was let go
            assert len(first) == 1


def test_a_generation_whose_creation_was_killed_is_made_anew(folder: Path) -> None:
    place = folder / "generations/2"
    place.mkdir(parents=True)
    (place / "gallery.sqlite").touch()
    assert generations(folder).names == ("1",)
    assert add_generation(folder, OTHER) == "2"
    assert names_in(str(folder), "2") == []


def test_a_kill_at_any_moment_leaves_one_of_two_generations_in_use(migrated: Path) -> None:
    program = (
        "import sys; from engine.galleries import use_generation\n"
        "print('begun', flush=True)\n"
        "while True:\n    [use_generation(sys.argv[1], name) for name in '12']"
    )
    for moment in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", program, migrated], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None and process.stdout.readline() == b"begun\n"
            seen = {generations(migrated).current for _ in range(20 + moment)}
            process.kill()
        assert wait(lambda: process.poll() is not None, 5)
        assert seen <= {"1", "2"}
        found = generations(migrated)
        assert found.names == ("1", "2") and found.current in "12"
        assert names_in(str(migrated)) == [{"1": "a", "2": "b"}[found.current]]
