"""kill -9 amid an ingest: what was acknowledged is there, and the rerun does the rest.

"Acknowledged" is seen from outside: rows that another process could read before the kill.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.galleries import is_gallery, open_gallery
from offline import ingest
from tests.drawn_catalogue import QUICK, write_catalogue
from tests.watched_processes import alive, children, wait

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds decoders in /proc")

SEED = int(os.environ.get("KILL_SEED", "20"))
# Every batch of 2 waits a little, so that the kills hit all of the ingest and not its end alone.
PROGRAM = """
import sys, time
from offline import ingest
ingest(sys.argv[1], sys.argv[2], overrides=sys.argv[3:], workers=2,
       progress=lambda done, total: time.sleep(0.08))
"""

# The command, with a pause after every batch: Ctrl-C comes amid the ingest on the busiest machine.
SLOW_COMMAND = """
import sys, time
from packsight.cli import entry
from engine.galleries.local import LocalGallery
add = LocalGallery.add
LocalGallery.add = lambda *given: (add(*given), time.sleep(2))[0]
sys.argv[0] = "packsight"
entry()
"""

Acknowledged = dict[int, tuple[str, str, bytes]]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_catalogue(folder, products=8, views=2)
    return folder


@pytest.fixture(scope="module")
def whole(images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Embeddings by uri of an ingest without interruption."""
    folder = tmp_path_factory.mktemp("whole") / "gallery"
    ingest(images, folder, overrides=QUICK, workers=2)
    return {uri: vector for uri, _, vector in acknowledged(folder).values()}


def acknowledged(gallery: Path) -> Acknowledged:
    """(uri, sha256, embedding) by id, as a stranger reads them; empty before there is a table."""
    if not is_gallery(gallery):
        return {}
    connection = sqlite3.connect(f"file:{gallery}/gallery.sqlite?mode=ro", uri=True, timeout=20)
    try:
        rows = connection.execute(
            "SELECT images.id, uri, sha256, embedding FROM images JOIN descriptions USING (id)"
        ).fetchall()
    except sqlite3.OperationalError:
        return {}
    finally:
        connection.close()
    return {row[0]: tuple(row[1:]) for row in rows}


def start(images: Path, gallery: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, images, gallery, *QUICK, "ingest.batch=2"],
        cwd=Path(__file__).parents[1],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def kill_at(images: Path, gallery: Path, moment: float) -> tuple[Acknowledged, bool]:
    """Kill the ingest so many seconds after its first stored row; what was readable before."""
    with start(images, gallery) as process:
        before = len(acknowledged(gallery))
        wait(lambda: len(acknowledged(gallery)) > before or process.poll() is not None)
        time.sleep(moment)
        decoders = children(process.pid)
        seen = acknowledged(gallery)
        was_running = process.poll() is None
        process.kill()
        _, errors = process.communicate()
    assert wait(lambda: not any(map(alive, decoders))), "orphan decoders"
    assert b"Traceback" not in errors, errors.decode()
    return seen, was_running


def disturb(images: Path, whole: dict[str, bytes], gallery: Path, kills: int) -> int:
    """Kill, check, start again; returns how many kills hit a running ingest."""
    moments = random.Random(SEED)
    hits = 0
    for number in range(kills):
        moment = moments.uniform(0, 0.5)
        seen, was_running = kill_at(images, gallery, moment)
        hits += was_running
        after = acknowledged(gallery)
        print(f"seed {SEED} kill {number}: {moment:.3f} s, {len(seen)} seen, {len(after)} kept")
        assert {i: after.get(i) for i in seen} == seen
        assert all(whole[uri] == vector for uri, _, vector in after.values())
        with open_gallery(gallery) as opened:
            assert opened.check() == []
        if len(after) == len(whole):
            finish(images, whole, gallery)
            shutil.rmtree(gallery)
    finish(images, whole, gallery)
    return hits


def finish(images: Path, whole: dict[str, bytes], gallery: Path) -> None:
    """The rerun does what is missing and nothing else."""
    kept = acknowledged(gallery)
    report = ingest(images, gallery, overrides=QUICK, workers=2)
    assert (report.unchanged, report.added) == (len(kept), len(whole) - len(kept))
    assert (report.updated, report.refused, report.duplicates) == (0, [], [])
    final = acknowledged(gallery)
    assert {i: final[i] for i in kept} == kept
    assert {uri: vector for uri, _, vector in final.values()} == whole
    with open_gallery(gallery) as opened:
        assert opened.check() == []


def test_an_ingest_killed_again_and_again_loses_nothing(
    images: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    assert disturb(images, whole, tmp_path / "gallery", 3) >= 1


@pytest.mark.slow
def test_twenty_kills_lose_nothing(images: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    assert disturb(images, whole, tmp_path / "gallery", 20) >= 15


@pytest.mark.parametrize("moment", [0.0, 0.002])
def test_a_kill_while_the_gallery_is_made_leaves_nothing_in_the_way(
    images: Path, whole: dict[str, bytes], tmp_path: Path, moment: float
) -> None:
    gallery = tmp_path / "gallery"
    with start(images, gallery) as process:
        wait(lambda: is_gallery(gallery) or process.poll() is not None)
        time.sleep(moment)
        process.kill()
    finish(images, whole, gallery)


def test_ctrl_c_keeps_what_is_stored_and_says_so(images: Path, tmp_path: Path) -> None:
    gallery = tmp_path / "gallery"
    flags = [part for setting in [*QUICK, "ingest.batch=1"] for part in ("--set", setting)]
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_COMMAND, "ingest", images, "--gallery", gallery, *flags],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        wait(lambda: len(acknowledged(gallery)) > 0)
        os.killpg(process.pid, signal.SIGINT)  # a terminal tells the decoders as well
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert "interrupted; run the same command again for the rest" in output
    with open_gallery(gallery) as opened:
        assert opened.check() == []
        assert 0 < len(opened) < 48
