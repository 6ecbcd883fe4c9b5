"""`packsight query FOLDER --out FILE`: a line a photo, and a stopped run that is finished."""

from __future__ import annotations

import csv
import errno
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.errors import PacksightError
from online.hits_file import HitsFile
from tests.drawn_catalogue import package, save, write_catalogue
from tests.packsight_command import ENTRY, ROOT, Command
from tests.watched_processes import wait


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    write_catalogue(folder, products=2, views=4)
    return folder


@pytest.fixture
def packsight(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def lines(path: Path) -> list[dict[str, Any]]:
    """Without the times."""
    found = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for line in found:
        line.pop("timings_ms", None)
    return found


def test_a_folder_is_a_line_a_photo_as_json_of_one(
    packsight: Command, gallery: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "hits.jsonl"
    done = packsight("query", photos, "--gallery", gallery, "--out", out, "-k", "2", "--quiet")
    assert (done.code, done.err) == (0, "")
    found = lines(out)
    assert [line["photo"] for line in found] == sorted(map(str, photos.rglob("*.png")))
    for line in found:
        one = packsight("query", line.pop("photo"), "--gallery", gallery, "-k", "2", "--json")
        expected = json.loads(one.out)
        del expected["timings_ms"]
        assert line == expected
    assert list(tmp_path.iterdir()) == [out]


def test_files_are_answered_in_the_order_they_were_given(
    packsight: Command, gallery: Path, photos: Path, tmp_path: Path
) -> None:
    out, given = tmp_path / "hits.jsonl", sorted(photos.rglob("*.png"))[3:0:-1]
    assert packsight("query", *given, "--gallery", gallery, "--out", out, "--quiet").code == 0
    assert [line["photo"] for line in lines(out)] == list(map(str, given))


def test_a_photo_that_cannot_be_read_is_a_line_and_a_partial_failure(
    packsight: Command, gallery: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "hits.jsonl"
    save(folder / "b.png", package("jar", 1))
    (folder / "a.jpg").write_bytes(b"not an image")
    done = packsight("query", folder, "--gallery", gallery, "--out", out, "--quiet")
    assert done.code == 1 and str(folder / "a.jpg") in done.err
    bad, good = lines(out)
    assert set(bad) == {"photo", "problem", "remedy"} and bad["problem"]
    assert good["hits"][0]["product"] == "jar/p1"


def test_csv_has_a_row_a_hit(packsight: Command, gallery: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "photos", tmp_path / "hits.csv"
    save(folder / "b, c.png", package("jar", 1))
    (folder / "a.jpg").write_bytes(b"not an image")
    packsight("query", folder, "--gallery", gallery, "--out", out, "-k", "2", "--quiet")
    with out.open(encoding="utf-8-sig", newline="") as file:
        bad, first, second = csv.DictReader(file)
    assert bad["problem"] and not bad["product"]
    assert [first["rank"], second["rank"], first["product"]] == ["1", "2", "jar/p1"]
    assert first["photo"] == second["photo"] == str(folder / "b, c.png")
    assert not first["problem"]


# Stops for ever before the sixth photo is answered.
STALLING = """
import time
from engine.search import Searcher
results, seen = Searcher.results, []
def stalling(*given):
    seen.append(1)
    if len(seen) > 5:
        time.sleep(600)
    return results(*given)
Searcher.results = stalling
"""


_SLOW = [pytest.param(torn, marks=pytest.mark.slow) for torn in (b"", b"\0" * 50, b'{"cut": 1')]


@pytest.mark.parametrize("torn", [b'{"photo": "/ph', *_SLOW])
def test_a_killed_run_is_finished_by_the_same_command(
    packsight: Command, gallery: Path, photos: Path, tmp_path: Path, torn: bytes
) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "hits.jsonl"
    flags = ["--gallery", gallery, "-k", "3"]
    assert packsight("query", photos, *flags, "--out", whole).code == 0
    arguments = ["query", photos, *flags, "--out", out, "--quiet"]
    part = tmp_path / "hits.jsonl.part"
    with subprocess.Popen(
        [sys.executable, "-c", STALLING + ENTRY, *arguments], cwd=ROOT, stderr=subprocess.PIPE
    ) as process:
        assert wait(lambda: part.exists() and part.read_bytes().count(b"\n") == 6)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not out.exists()
    with part.open("ab") as file:
        file.write(torn)
    before = part.read_bytes().removesuffix(torn).splitlines()[1:]
    done = packsight(*arguments)
    assert done.code == 0 and "5 of 24" in done.err
    assert out.read_bytes().splitlines()[:5] == before  # not answered again
    assert lines(out) == lines(whole)
    assert sorted(tmp_path.iterdir()) == [out, whole]


def test_a_run_that_is_interrupted_keeps_what_it_answered(
    packsight: Command, gallery: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "hits.csv"
    arguments = ["query", photos, "--gallery", gallery, "--out", out, "--quiet"]
    part = tmp_path / "hits.csv.part"
    with subprocess.Popen(
        [sys.executable, "-c", STALLING + ENTRY, *arguments], cwd=ROOT, stderr=subprocess.PIPE
    ) as process:
        assert wait(lambda: part.exists() and part.read_bytes().count(b"\n") == 6)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130 and b"5 of 24" in errors and b"Traceback" not in errors
    assert packsight(*arguments).code == 0
    with out.open(encoding="utf-8-sig", newline="") as file:
        assert len({row["photo"] for row in csv.DictReader(file)}) == 24


def test_answers_of_another_query_or_to_other_photos_are_not_gone_on_with(
    packsight: Command, gallery: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "hits.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr("online.hits_file.HitsFile.finish", _interrupted)
        done = packsight("query", photos, "--gallery", gallery, "--out", out, "--quiet")
        assert done.code == 130
    part = (tmp_path / "hits.jsonl.part").read_bytes()
    for other in (["-k", "3"], ["--set", "search.index=hnsw"]):
        another = packsight("query", photos, "--gallery", gallery, "--out", out, "--quiet", *other)
        assert another.code == 1 and "hits.jsonl.part" in another.line
    fewer = photos / "jar"
    other = packsight("query", fewer, "--gallery", gallery, "--out", out, "--quiet")
    assert other.code == 1 and "hits.jsonl.part" in other.line
    assert (tmp_path / "hits.jsonl.part").read_bytes() == part


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_two_runs_do_not_write_one_file(
    packsight: Command, gallery: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "hits.jsonl"
    arguments = ["query", photos, "--gallery", gallery, "--out", out, "--quiet"]
    with HitsFile(out, {}):
        done = packsight(*arguments)
        assert done.code == 1 and "another process" in done.line
    (tmp_path / "hits.jsonl.part").unlink()
    assert packsight(*arguments).code == 0
    assert list(tmp_path.iterdir()) == [out]


def test_photos_that_are_not_there_replace_no_answers(
    packsight: Command, gallery: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "hits.jsonl"
    out.write_text("old")
    done = packsight("query", photos, tmp_path / "gone", "--gallery", gallery, "--out", out)
    assert done.code == 1 and "gone" in done.line
    assert out.read_text() == "old" and list(tmp_path.iterdir()) == [out]


def test_what_a_full_disk_did_not_take_is_an_error_of_packsight(tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        pytest.raises(PacksightError, match="cannot be written"),
        HitsFile(tmp_path / "hits.jsonl", {}) as file,
    ):
        file._opened.callback(full)
    with HitsFile(tmp_path / "hits.jsonl", {}) as file:  # no lock is left
        assert file.answered == []


def test_answers_there_already_are_replaced(
    packsight: Command, gallery: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "hits.jsonl"
    out.write_text("old")
    assert packsight("query", photos, "--gallery", gallery, "--out", out, "--quiet").code == 0
    assert len(lines(out)) == 24


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["PHOTOS"], "--out"),
        (["PHOTO", "PHOTO"], "--out"),
        (["PHOTOS", "--out", "hits.txt"], ".jsonl"),
        (["PHOTOS", "--out", "absent/hits.jsonl"], "absent"),
        (["EMPTY", "--out", "hits.jsonl"], "no images"),
        (["-", "--out", "hits.jsonl"], "standard input"),
        (["PHOTOS", "--out", "hits.jsonl", "--json"], "--json"),
        (["PHOTOS", "--out", "hits.jsonl", "--page", "p.html"], "--page"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    packsight: Command,
    gallery: Path,
    photos: Path,
    photo: Path,
    tmp_path: Path,
    given: list[str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    places = {"PHOTOS": photos, "PHOTO": photo, "EMPTY": tmp_path / "empty"}
    done = packsight("query", *(places.get(one, one) for one in given), "--gallery", gallery)
    assert done.code == 1 and named in done.line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "photo.png"]
