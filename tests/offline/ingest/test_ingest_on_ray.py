"""An ingest on a Ray cluster of two nodes on loopback, into PostgreSQL, through killed workers and
drivers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.galleries import open_gallery
from engine.types import Record
from offline import ingest
from offline.ingest import on_ray
from offline.ingest.report import IngestReport
from tests.drawn_catalogue import CATEGORIES, QUICK, QUICK_FLAGS, package, save, write_catalogue
from tests.postgres_server import PostgresServer
from tests.ray_cluster import ray_cluster

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
ONE_THREAD = [*QUICK, "runtime.threads=1"]
PATIENCE = 120.0
_NUMBERS = count()


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    pytest.importorskip("ray")
    with ray_cluster() as address:
        yield address


@pytest.fixture
def gallery(postgres: PostgresServer) -> str:
    return postgres.address(schema=f"ray_{next(_NUMBERS)}")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """360 images, a few of them without a label."""
    folder = tmp_path_factory.mktemp("many")
    write_catalogue(folder, products=10, views=11)
    for number in range(10):
        for category in CATEGORIES:
            save(folder / f"{category} {number}.png", package(category, 50 + number))
    return folder


def run(folder: Path | str, gallery: str, ray: str | None, **options: Any) -> IngestReport:
    given = {"overrides": ONE_THREAD, "adapt": False, **options}
    return ingest(folder, gallery, ray=ray, **given)


def records(gallery: str) -> dict[str, Record]:
    with open_gallery(gallery) as opened:
        assert opened.check() == []
        found = opened.records([source.id for source in opened.sources()])
    assert len({record.uri for record in found}) == len(found)
    return {record.uri: record for record in found}


def query(postgres: PostgresServer, gallery: str, what: str) -> list[list[str]]:
    """By its superuser, in the tables of the gallery."""
    schema = f"{gallery.rpartition('schema=')[2]}_1"
    lines = postgres.execute(f"SET search_path = {schema}, public; {what}").splitlines()
    return [line.split("|") for line in lines]


def wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def done(postgres: PostgresServer, gallery: str) -> int:
    """Units; 0 also before there are tables."""
    try:
        return len(query(postgres, gallery, "SELECT number FROM units WHERE state = 'done'"))
    except RuntimeError:
        return 0


def test_two_nodes_make_the_gallery_that_one_process_makes(
    cluster: str, gallery: str, many: Path, postgres: PostgresServer
) -> None:
    plain = f"{gallery}_plain"
    report = run(many, gallery, cluster)
    assert report.added == 360 and not report.refused
    assert any("on 2 of 2 machines" in note for note in report.notes)
    assert run(many, plain, None, workers=1).added == 360
    alone, together = records(plain), records(gallery)
    assert alone.keys() == together.keys()
    for uri, one in alone.items():
        other = together[uri]
        assert (one.sha256, one.product_id, one.category, one.labelled) == (
            other.sha256, other.product_id, other.category, other.labelled,
        )  # fmt: skip
        vectors = one.description.embedding.vector, other.description.embedding.vector
        np.testing.assert_allclose(*vectors, atol=1e-5)
        assert one.description.contour.packed.tolist() == other.description.contour.packed.tolist()
    again = run(many, gallery, None, workers=1)
    assert again.unchanged == 360 and not again.changed
    assert query(postgres, gallery, "SELECT count(*) FROM units") == [["0"]]


def test_changes_copies_and_prune_are_as_without_ray(
    cluster: str, gallery: str, tmp_path: Path
) -> None:
    folder = tmp_path / "catalogue"
    write_catalogue(folder)
    run(folder, gallery, None, workers=1)
    save(folder / "jar" / "p0" / "v0.png", package("jar", 7))
    save(folder / "jar" / "p0" / "another.png", package("jar", 8))
    save(folder / "jar" / "p0" / "another (copy).png", package("jar", 8))
    (folder / "stick" / "p1" / "v1.png").unlink()
    (folder / "broken.png").write_bytes(b"no image")
    report = run(folder, gallery, cluster, prune=True)
    assert (report.added, report.updated, report.removed) == (1, 1, 1)
    assert (len(report.duplicates), len(report.refused)) == (1, 1)
    assert len(records(gallery)) == 12
    again = run(folder, gallery, None, workers=1)
    assert (again.unchanged, len(again.duplicates), len(again.refused)) == (12, 1, 1)


def test_killed_workers_lose_nothing(
    cluster: str, gallery: str, many: Path, postgres: PostgresServer
) -> None:
    driver = started(many, gallery, cluster)
    try:
        for killed in range(3):
            wait_for(
                lambda killed=killed: driver.poll() is not None or done(postgres, gallery) > killed
            )
            kill_a_worker(postgres, driver)
        output, _ = driver.communicate(timeout=PATIENCE)
    finally:
        driver.kill()
    assert driver.returncode == 0, output
    assert len(records(gallery)) == 360


def test_the_same_command_goes_on_after_a_killed_driver(
    cluster: str, gallery: str, many: Path, postgres: PostgresServer
) -> None:
    stored = "SELECT uri, images.xmin FROM images ORDER BY uri"
    driver = started(many, gallery, cluster)
    wait_for(lambda: done(postgres, gallery) > 1)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    wait_for(lambda: not workers(postgres, driver))  # what one has sent may still be stored
    before = query(postgres, gallery, stored)
    assert 0 < len(before) < 360
    report = run(many, gallery, cluster)
    assert any("an earlier ingest was stopped" in note for note in report.notes)
    assert report.unchanged == len(before) and report.unchanged + report.added == 360
    after = query(postgres, gallery, stored)
    assert len(after) == 360
    assert [row for row in after if row in before] == before  # nothing was stored twice
    assert len(records(gallery)) == 360


def test_an_image_that_always_fails_is_a_line_of_the_report(
    cluster: str, gallery: str, many: Path, tmp_path: Path, postgres: PostgresServer
) -> None:
    save(tmp_path / "first" / "jar" / "v0.png", package("jar", 99))
    run(tmp_path / "first", gallery, None, workers=1)
    query(
        postgres,
        gallery,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'not this one'; END $$; "
        "CREATE TRIGGER refuse BEFORE INSERT ON images FOR EACH ROW "
        "WHEN (NEW.uri LIKE '%jar/p3/v1.png') EXECUTE FUNCTION refuse()",
    )
    report = run(many, gallery, cluster)
    assert report.added == 359 and sum(report.accounts.values()) == 360
    (refusal,) = report.refused
    assert refusal.uri.endswith("jar/p3/v1.png") and "3 times" in refusal.reason
    query(postgres, gallery, "DROP TRIGGER refuse ON images")
    assert run(many, gallery, None, workers=1).added == 1


def test_a_worker_without_a_sign_loses_its_unit(
    cluster: str, gallery: str, many: Path, postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It is stopped, as on a machine that hangs."""
    monkeypatch.setattr(on_ray, "SILENT_SECONDS", 10.0)  # on a busy machine, a unit takes some
    stopped: list[int] = []
    hand_out = on_ray._Work._hand_out

    def stop_the_first(work: on_ray._Work, actor: Any, number: int) -> None:
        hand_out(work, actor, number)
        if not stopped:
            stopped.extend(workers(postgres)[:1])
            os.kill(stopped[0], signal.SIGSTOP)

    monkeypatch.setattr(on_ray._Work, "_hand_out", stop_the_first)
    report = run(many, gallery, cluster)
    assert stopped and report.added == 360 and not report.refused
    assert len(records(gallery)) == 360


def started(folder: Path, gallery: str, cluster: str) -> subprocess.Popen[str]:
    """The command, as a user has it."""
    line = [sys.executable, "-m", "packsight", "ingest", str(folder), "--gallery", gallery,
            f"--ray={cluster}", "--quiet", "--no-adapt", *QUICK_FLAGS, "--set",
            "runtime.threads=1"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def workers(postgres: PostgresServer, driver: subprocess.Popen[str] | None = None) -> list[int]:
    """Processes that are connected to the server, but for the driver and this one."""
    names = postgres.execute("SELECT DISTINCT application_name FROM pg_stat_activity").split("\n")
    found = {int(name.split()[1]) for name in names if name.startswith("packsight ")}
    return sorted(found - {os.getpid(), 0 if driver is None else driver.pid})


def kill_a_worker(postgres: PostgresServer, driver: subprocess.Popen[str]) -> None:
    found = workers(postgres, driver)
    if found:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(found[0], signal.SIGKILL)
