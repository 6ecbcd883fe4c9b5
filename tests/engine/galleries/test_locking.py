"""One writer, any number of readers, and the errors of each."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from engine.errors import GalleryError
from engine.galleries import is_gallery
from engine.galleries._folder import OWNER
from engine.galleries.local import LocalGallery
from engine.types import Embedding
from tests.engine.made_descriptions import described, entry, manifest


def made(folder: Path) -> Path:
    with LocalGallery.create(folder, manifest()) as gallery:
        gallery.add([entry("a")], [described((1, 0))])
    return folder


def test_a_second_writer_is_refused_and_the_process_that_writes_is_named(tmp_path: Path) -> None:
    folder = made(tmp_path / "g")
    with (
        LocalGallery.open(folder, write=True),
        pytest.raises(GalleryError, match=r"process \d+"),
    ):
        LocalGallery.open(folder, write=True)
    LocalGallery.open(folder, write=True).close()


def test_a_writer_that_has_not_written_its_number_yet_is_not_named(tmp_path: Path) -> None:
    folder = made(tmp_path / "g")
    with LocalGallery.open(folder, write=True):
        (folder / OWNER).write_text("")
        with pytest.raises(GalleryError, match="another process is writing"):
            LocalGallery.open(folder, write=True)


def test_a_writer_in_another_process_locks_until_it_is_killed(tmp_path: Path) -> None:
    folder = made(tmp_path / "g")
    program = (
        "import sys, time; from pathlib import Path;"
        "from engine.galleries.local import LocalGallery;"
        "gallery = LocalGallery.open(Path(sys.argv[1]), write=True); print('held', flush=True);"
        "time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(GalleryError, match=f"process {holder.pid}"):
            LocalGallery.open(folder, write=True)
        with LocalGallery.open(folder) as reader:
            assert len(reader) == 1
        holder.kill()
    LocalGallery.open(folder, write=True).close()


def test_the_lock_is_let_go_by_whichever_thread_closes(tmp_path: Path) -> None:
    gallery = LocalGallery.open(made(tmp_path / "g"), write=True)
    thread = threading.Thread(target=gallery.close)
    thread.start()
    thread.join()
    LocalGallery.open(tmp_path / "g", write=True).close()


def test_a_failed_opening_lets_the_lock_go(tmp_path: Path) -> None:
    folder = made(tmp_path / "g")
    whole = (folder / "gallery.sqlite").read_bytes()
    (folder / "gallery.sqlite").write_bytes(b"garbage " * 1000)
    with pytest.raises(GalleryError, match="damaged"):
        LocalGallery.open(folder, write=True)
    (folder / "gallery.sqlite").write_bytes(whole)
    LocalGallery.open(folder, write=True).close()


def test_a_reader_reads_amid_a_writers_transaction(tmp_path: Path) -> None:
    folder = made(tmp_path / "g")
    with LocalGallery.open(folder, write=True) as writer, writer._writing():
        writer._connection.execute("DELETE FROM images")
        with LocalGallery.open(folder) as reader:
            assert len(reader) == 1
            found = reader.search(Embedding(np.array([1, 0], np.float32)), 1)
            assert [neighbour.distance for neighbour in found] == [0.0]


def test_a_gallery_opened_for_reading_writes_nothing(tmp_path: Path) -> None:
    with LocalGallery.open(made(tmp_path / "g")) as reader:
        for write in (lambda: reader.remove([1]), lambda: reader.add([], []), reader.rebuild):
            with pytest.raises(GalleryError, match="reading only"):
                write()
        assert len(reader) == 1


def test_a_closed_gallery_says_so(tmp_path: Path) -> None:
    gallery = LocalGallery.open(made(tmp_path / "g"))
    gallery.close()
    with pytest.raises(GalleryError, match="closed"):
        len(gallery)


def test_where_no_gallery_lies_the_way_to_make_one_is_shown(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="packsight ingest"):
        LocalGallery.open(tmp_path / "none")


def test_an_unfinished_creation_is_no_gallery_and_can_be_finished(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    folder.mkdir()
    (folder / "gallery.sqlite").touch()  # killed between the file and its first transaction
    with pytest.raises(GalleryError, match="packsight ingest"):
        LocalGallery.open(folder)
    with LocalGallery.open_or_create(folder, manifest()) as gallery:
        assert len(gallery) == 0


def test_what_sqlite_keeps_beside_a_database_that_is_being_made_is_no_strangers_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "gallery.sqlite-journal").touch()
    with LocalGallery.open_or_create(tmp_path, manifest()) as gallery:
        assert len(gallery) == 0


def test_a_gallery_is_not_made_where_one_is(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="already"):
        LocalGallery.create(made(tmp_path / "g"), manifest())


def test_a_gallery_is_not_made_among_somebodys_files(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(GalleryError, match=r"letter\.txt"):
        LocalGallery.create(tmp_path, manifest())
    with pytest.raises(GalleryError, match="is a file"):
        LocalGallery.create(tmp_path / "letter.txt", manifest())
    with pytest.raises(GalleryError):
        LocalGallery.create(tmp_path / "letter.txt" / "below", manifest())
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_folder_that_another_process_makes_meanwhile_is_not_taken_for_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, look = tmp_path / "gallery", Path.is_dir

    def looked_at_before(path: Path) -> bool:
        found = look(path)
        if path == folder and not folder.exists():
            folder.mkdir()
        return found

    monkeypatch.setattr(Path, "is_dir", looked_at_before)
    with LocalGallery.create(folder, manifest()) as gallery:
        assert len(gallery) == 0


def test_a_question_about_a_folder_that_may_not_be_entered_is_answered_no(tmp_path: Path) -> None:
    made(tmp_path / "g")
    program = (
        "import os, sys; from pathlib import Path; from engine.galleries import is_gallery;"
        "import engine.galleries._folder;"  # while this user may still read the code
        "os.setuid(65534); print(is_gallery(Path(sys.argv[1])))"
    )
    if os.name != "posix" or os.getuid() != 0:
        pytest.skip("only root can become another user")
    (tmp_path / "g").chmod(0o700)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "g")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert done.stdout == "False\n", done.stderr
    assert is_gallery(tmp_path / "g")
