"""A killed run is gone on with: what the journal remembers, forgets and refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.datasets.packbench.journal import JOURNAL, Journal
from offline.datasets.packbench.manifest import Row
from tests.offline.datasets.packbench.written_packbench import DESCRIBED, taken
from tests.offline.datasets.small_datasets import packbench_rows


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    """Three rows whose files are written, and a journal that holds them."""
    made = [taken(row, tmp_path, 3 * i) for i, row in enumerate(packbench_rows()[:3])]
    journal = Journal(tmp_path, DESCRIBED)
    for row in made:
        journal.add(row)
    journal.close()
    return made


def remembered(folder: Path) -> dict[str, Row]:
    journal = Journal(folder, DESCRIBED)
    journal.close()
    return journal.rows


def test_a_new_journal_remembers_nothing(tmp_path: Path) -> None:
    assert remembered(tmp_path) == {}


def test_rows_come_back_as_they_were_noted(tmp_path: Path, rows: list[Row]) -> None:
    assert list(remembered(tmp_path).values()) == rows


@pytest.mark.parametrize("cut", [1, 40, 10_000])
def test_a_last_line_that_was_cut_short_is_forgotten_and_does_not_swallow_the_next(
    tmp_path: Path, rows: list[Row], cut: int
) -> None:
    path = tmp_path / JOURNAL
    path.write_bytes(path.read_bytes()[: -min(cut, len(path.read_bytes().splitlines()[-1]))])
    journal = Journal(tmp_path, DESCRIBED)
    assert list(journal.rows.values()) == rows[:2]
    journal.add(rows[2])
    journal.close()
    assert list(remembered(tmp_path).values()) == rows


@pytest.mark.parametrize("cut", [1, 5])
def test_a_journal_killed_in_its_first_line_begins_again(tmp_path: Path, cut: int) -> None:
    Journal(tmp_path, DESCRIBED).close()
    path = tmp_path / JOURNAL
    path.write_bytes(path.read_bytes()[:-cut])
    assert remembered(tmp_path) == {}
    assert json.loads(path.read_text("utf-8"))["seed"] == DESCRIBED.seed


def test_lines_that_a_crash_of_the_machine_left_are_passed_over(
    tmp_path: Path, rows: list[Row]
) -> None:
    path = tmp_path / JOURNAL
    first, _, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first, b"\0" * 300 + b"\n", b'{"path": 3}\n', *rest]))
    assert list(remembered(tmp_path).values()) == rows[1:]
    path.write_bytes(b"\0\xff" * 300 + b"\n" + b"".join(rest))
    assert remembered(tmp_path) == {}


@pytest.mark.parametrize("column", ["path", "matte", "transmission"])
@pytest.mark.parametrize("damage", ["gone", "changed", "cut"])
def test_an_image_with_a_missing_or_damaged_file_is_taken_again(
    tmp_path: Path, rows: list[Row], column: str, damage: str
) -> None:
    path = tmp_path / str(getattr(rows[1], column))
    data = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(data[:-1] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
    assert list(remembered(tmp_path).values()) == [rows[0], rows[2]]


def test_an_image_taken_twice_counts_as_it_was_taken_last(tmp_path: Path, rows: list[Row]) -> None:
    again = taken(rows[0], tmp_path, 90)
    journal = Journal(tmp_path, DESCRIBED)
    journal.add(again)
    journal.close()
    assert remembered(tmp_path)[again.path] == again


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 8}, "seed 7, now 8"),
        ({"difficulty": 0.25}, "difficulty 0.5"),
        ({"settings": {"side": 9}}, "settings"),
        ({"renderer": "other"}, "now other"),
    ],
)
def test_another_benchmark_is_refused_with_what_differs_and_nothing_is_lost(
    tmp_path: Path, rows: list[Row], changed: dict[str, object], named: str
) -> None:
    before = (tmp_path / JOURNAL).read_bytes()
    with pytest.raises(ConfigError, match=named) as caught:
        Journal(tmp_path, replace(DESCRIBED, **changed))  # type: ignore[arg-type]
    assert "--out" in str(caught.value)
    assert (tmp_path / JOURNAL).read_bytes() == before


def test_a_finished_journal_is_gone(tmp_path: Path) -> None:
    journal = Journal(tmp_path, DESCRIBED)
    journal.finish()
    assert list(tmp_path.iterdir()) == []
