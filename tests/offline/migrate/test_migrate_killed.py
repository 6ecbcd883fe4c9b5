"""kill -9 amid a migration: a whole generation is in use, and the same command does the rest."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.galleries import generations
from offline import ingest
from offline.migrate import migrate, rollback
from tests.drawn_catalogue import package, save, write_catalogue
from tests.offline.migrate.test_migrate import OTHER, contents, made, moved
from tests.watched_processes import alive, children, wait

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds decoders in /proc"),
]
SEED = int(os.environ.get("KILL_SEED", "20"))
# Every batch of 2 waits a little, so that the kills hit all of it and not its end alone.
PROGRAM = """
import sys, time
from offline.migrate import migrate, rollback
def wait(done, total): time.sleep(0.05)
if sys.argv[2] == "rollback":
    rollback(sys.argv[1], workers=1, progress=wait)
else:
    overrides = (sys.argv[2], "ingest.batch=2")
    migrate(sys.argv[1], overrides=overrides, workers=1, progress=wait)
"""
# Ends as a killed process does, before or after one step.
STOPPED = """
import os, sys
from offline.migrate import migrate, rollback, run
name = sys.argv[3]
step = getattr(run, name)
def stop(*given, **options):
    if sys.argv[4] == "after":
        step(*given, **options)
    os._exit(9)
setattr(run, name, stop)
if sys.argv[2] == "rollback":
    rollback(sys.argv[1], workers=1)
else:
    migrate(sys.argv[1], overrides=(sys.argv[2],), workers=1)
"""
BATCHED = (*OTHER, "ingest.batch=2")
STEPS = [
    ("add_generation", "after"),
    ("_catch_up", "after"),
    ("_compare", "before"),
    ("use_generation", "before"),
    ("use_generation", "after"),
    ("_delete_older", "after"),
]


@dataclass(frozen=True)
class Made:
    """Of one catalogue: a gallery, and what it holds before a migration and after it."""

    catalogue: Path
    gallery: Path
    before: Mapping[str, object]
    after: Mapping[str, object]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("killed")
    write_catalogue(folder / "catalogue", views=1)
    gallery = made(folder / "catalogue", folder / "gallery")
    anew = made(folder / "catalogue", folder / "anew", *OTHER)
    return Made(folder / "catalogue", gallery, contents(gallery), contents(anew))


@pytest.fixture
def gallery(template: Made, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template.gallery, tmp_path / "gallery"))


def stopped(gallery: Path, what: str, step: str, when: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, gallery, what, step, when],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 9, done.stderr.decode()


@pytest.mark.parametrize(("step", "when"), STEPS)
def test_a_kill_at_each_step_leaves_a_whole_generation_in_use(
    template: Made, gallery: Path, step: str, when: str
) -> None:
    stopped(gallery, *OTHER, step, when)
    flipped = (step, when) in STEPS[-2:]
    assert generations(gallery).current == ("2" if flipped else "1")
    assert contents(gallery) == (template.after if flipped else template.before)
    if not flipped:
        report = moved(gallery)
        assert report.in_use and report.described == (6 if step == "add_generation" else 0)
        assert contents(gallery) == template.after
    assert contents(gallery, "1") == template.before


def test_a_killed_rollback_goes_on(template: Made, gallery: Path) -> None:
    moved(gallery)
    stopped(gallery, "rollback", "use_generation", "before")
    assert generations(gallery).current == "2" and contents(gallery) == template.after
    assert rollback(gallery, workers=1).in_use
    assert contents(gallery) == template.before


def test_a_migration_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    """Another process ingests meanwhile, and deletes."""
    catalogue = tmp_path / "catalogue"
    write_catalogue(catalogue, products=5, views=1)
    gallery = made(catalogue, tmp_path / "gallery")
    moments = random.Random(SEED)
    hits = 0
    for number in range(4):
        moment = moments.uniform(0, 0.5)
        before = contents(gallery)
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, gallery, *OTHER],
            cwd=Path(__file__).parents[3],
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            begun = generations(gallery).names
            wait(lambda: generations(gallery).names != begun or process.poll() is not None)  # noqa: B023
            time.sleep(moment)
            decoders = children(process.pid)
            hits += process.poll() is None
            process.kill()
            _, errors = process.communicate()
        assert wait(lambda: not any(map(alive, decoders))), "orphan decoders"  # noqa: B023
        assert b"Traceback" not in errors, errors.decode()
        found = generations(gallery)
        print(f"seed {SEED} kill {number}: {moment:.3f} s, {found}")
        if found.current == "1":
            assert contents(gallery) == before
        else:
            rollback(gallery, workers=1)
            assert contents(gallery) == before
        save(catalogue / f"jar/p{10 + number}/v0.png", package("jar", 10 + number))
        (catalogue / f"stick/p{number}/v0.png").unlink()
        report = ingest(catalogue, gallery, workers=1, prune=True)
        assert (report.added, report.removed) == (1, 1)
    assert hits >= 1
    report = migrate(gallery, overrides=BATCHED, workers=1)
    assert report.in_use, report.text()
    assert contents(gallery) == contents(made(catalogue, tmp_path / "anew", *OTHER))
