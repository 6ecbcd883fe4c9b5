"""Tasks in portions, and what a worker makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import __version__
from engine.errors import ConfigError
from engine.galleries import gallery_identity
from engine.galleries.local import LocalGallery
from engine.galleries.units import TABLE, Effect, Units
from engine.types import Entry, SkippedFile, Source
from offline.ingest.labels import from_folders
from offline.ingest.on_ray import require_ray
from offline.ingest.plan import Duplicate, Planner, Task
from offline.ingest.scan import ImageFile, Refusal, scan
from offline.ingest.unit_worker import Scan, UnitWorker
from offline.ingest.units import Outcome, from_text, sizes_of_many, to_text, units_of
from stages.assemble import assemble
from stages.open_settings import settings_for
from tests.drawn_catalogue import QUICK, package, save


def task(name: str, size: int, sha256: str = "") -> Task:
    entry = Entry(f"/é/{name}", sha256, size, 5, name, "jar", {"role": "photo"}, 7, 2**62)
    known = Source(3, entry.uri, "old", 1, 2, name, "jar", True, {"a": "b"}, mask="m")
    return Task(ImageFile(Path(entry.uri), name, size, 5, 7, 2**62), entry, known)


@given(st.lists(st.integers(1, 9)), st.integers(1, 5))
def test_every_task_is_in_one_unit_beside_those_of_its_size(sizes: list[int], size: int) -> None:
    tasks = [task(f"{number}.png", one) for number, one in enumerate(sizes)]
    units = units_of(tasks, size)
    assert sorted((one for unit in units for one in unit), key=tasks.index) == tasks
    of_size = {one: {n for n, unit in enumerate(units) for t in unit if t.file.size == one}
               for one in sizes}  # fmt: skip
    assert all(len(found) == 1 for found in of_size.values())
    assert all(len(unit) >= size for unit in units[:-1])


def test_files_of_known_content_need_not_stay_together() -> None:
    tasks = [task(f"{number}.bmp", 5, f"sha {number}") for number in range(8)]
    assert len(units_of(tasks, 2)) == 4
    assert sizes_of_many(tasks, 2) == set()
    assert sizes_of_many([task(f"{number}.bmp", 5) for number in range(8)], 2) == {5}


def test_tasks_survive_being_text() -> None:
    tasks = [task("a.png", 1), replace(task("b.png", 2), known=None)]
    assert from_text(to_text(tasks)) == tasks


def test_an_outcome_survives_being_text() -> None:
    outcome = Outcome(
        added=2, overtaken=["/a"], duplicates=[Duplicate("/b", "/c")], refused=[Refusal("/d", "e")],
        excluded=["/f"], stale=[3], skipped=[SkippedFile("/b", 1, 2, 3, 4)], seconds={"embed": 0.5},
    )  # fmt: skip
    outcome.count({"/g": task("g.png", 1)}, {"/g": Effect("duplicate", "/h")})
    assert outcome.stale == [3, 3] and outcome.duplicates[-1] == Duplicate("/g", "/h")
    assert Outcome.from_text(outcome.to_text()) == outcome


SCAN = Scan("scan", "nowhere", "1", {}, __version__, "", "/nowhere.png", 0, frozenset())


@pytest.fixture
def worker(catalogue: Path, tmp_path: Path) -> Iterator[UnitWorker]:
    """Of a gallery that lies beside the catalogue."""
    settings = settings_for(None, overrides=QUICK)
    parts = assemble(settings)
    gallery = LocalGallery.create(tmp_path / "gallery", parts.manifest())
    with gallery._writing() as writing:
        writing.connection.execute(TABLE)
    known = replace(
        SCAN, gallery=str(tmp_path / "gallery"), settings=parts.settings.tables(), newest=0
    )
    worker = UnitWorker.opened(known, "me", gallery, 1)
    yield worker
    worker.close()


def test_a_worker_stores_what_an_ingest_would(worker: UnitWorker, catalogue: Path) -> None:
    save(catalogue / "jar" / "p1" / "copy of v0.png", package("jar", 1, 0))
    (catalogue / "jar" / "broken.png").write_bytes(b"no image")
    planner = Planner(())
    for file in planner.known_first(scan(catalogue).images):
        label = from_folders(file.relative)
        planner.consider(file, label)
    (unit,) = units_of(planner.finish().tasks)
    units = Units(worker.gallery, "scan")
    units.begin([to_text(unit)])
    assert worker.carry_out(0)
    assert not worker.carry_out(0)
    (text,) = units.outcomes()
    outcome = Outcome.from_text(text)
    assert (outcome.added, len(outcome.duplicates), len(outcome.refused)) == (12, 1, 1)
    assert {Path(file.uri).name for file in outcome.skipped} == {"copy of v0.png", "broken.png"}
    assert {source.category for source in worker.gallery.sources()} == {"bottle", "jar", "stick"}
    assert worker.gallery.check() == []


def test_a_machine_that_cannot_take_part_is_refused(catalogue: Path, tmp_path: Path) -> None:
    image = str(catalogue / "jar" / "p1" / "v0.png")
    seen = replace(SCAN, image=image, gallery=str(tmp_path), identity=gallery_identity(tmp_path))
    seen.require_here("this machine")
    for unfit, named in (
        (replace(seen, version="0.0.0"), "packsight[postgres,ray]==0.0.0"),
        (replace(seen, image=f"{image}.gone"), "same path"),
        (replace(seen, image="gs://bucket/a.png"), "gcsfs"),
        (replace(seen, identity="another"), "localhost"),
    ):
        with pytest.raises(ConfigError) as caught:
            unfit.require_here("this machine")
        assert "this machine" in caught.value.message and named in caught.value.remedy


def test_an_ingest_that_cannot_begin_by_ray_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        require_ray("", str(tmp_path / "gallery"))
    assert "postgresql://" in caught.value.remedy
    pytest.importorskip("ray")
    with pytest.raises(ConfigError) as caught:
        require_ray("127.0.0.2:9", "postgresql://u@host/db")
    assert "ray start" in caught.value.remedy
