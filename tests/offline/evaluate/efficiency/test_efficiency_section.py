"""The whole section, measured on a real gallery and in a process of its own."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.datasets import DatasetImage
from offline.evaluate.efficiency import memory
from offline.evaluate.efficiency.measure import fill
from offline.evaluate.efficiency.memory import Job, peaks, peaks_here
from offline.evaluate.efficiency.show import efficiency_section
from offline.report.document import Section
from tests.offline.evaluate.efficiency.small_system import Small


@pytest.fixture(scope="module")
def section(small: Small) -> Section:
    seen: list[tuple[int, int]] = []
    made = efficiency_section(small.task, 3, 1, lambda *given: seen.append(given))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    return made


def test_the_verdict_comes_first_and_every_figure_has_a_unit(section: Section) -> None:
    assert section.stage == "efficiency"
    assert section.groups[0].figures[0].name == "photo to answer, median"
    units = {figure.unit for group in section.groups for figure in group.figures}
    assert units == {"ms", "images/s", "bytes", "pictures"}
    better = {
        figure.better
        for group in section.groups
        for figure in group.figures
        if figure.unit in ("ms", "bytes")
    }
    assert better == {"lower"}


def test_photos_are_evenly_spread_and_each_counts_once(section: Section, small: Small) -> None:
    (segment,) = [group for group in section.groups if group.name == "segment"]
    assert segment.items == tuple(small.images[at].id for at in (0, 6, 11))


def test_the_notes_list_what_else_the_numbers_depend_on(section: Section) -> None:
    told = " ".join(section.notes)
    assert "threads on" in told and "cores" in told and "3 photos" in told


def test_a_fresh_process_holds_more_with_every_step(section: Section) -> None:
    (held,) = [group for group in section.groups if group.name == "memory held"]
    most = section.groups[0].figures[2]
    values = [figure.value for figure in (most, *held.figures)]
    assert None not in values and values == sorted(values, key=lambda one: -(one or 0))


def test_a_process_that_dies_is_a_reason_and_no_end_of_the_report(
    small: Small, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(tmp_path / "none", small.task.settings, ())
    with caplog.at_level(logging.WARNING):
        assert peaks(job) is None
    assert "no gallery here" in caplog.text
    monkeypatch.setattr(memory, "_PROGRAM", "import os; os.kill(os.getpid(), 9)")
    assert peaks(job) is None


def test_without_a_readable_photo_the_models_still_have_their_memory(
    small: Small, tmp_path: Path
) -> None:
    fill(tmp_path / "gallery", small.task.parts, small.task.gallery[:1])
    gone = (DatasetImage("gone", tmp_path / "gone.png"),)
    found = peaks_here(Job(tmp_path / "gallery", small.task.settings, gone))
    assert found.models is not None and found.models >= (found.started or 0)
    assert found.photo is None and found.batch is None


def test_a_place_that_cannot_be_written_is_one_error_with_the_way_out(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=r"temporary files cannot be kept.*TMPDIR"):
        efficiency_section(small.task, 1)
