"""A report as Markdown, its numbers in words, and where they are written."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from engine.errors import ConfigError
from offline.report.charts import drawn
from offline.report.charts.axes import ticks
from offline.report.document import Bars, Figure, Histogram, Lines, Matrix, Report, Series, Unit
from offline.report.files import write_report, write_texts
from offline.report.html import html_text
from offline.report.overview import headlines, lines
from offline.report.tables import tabulated
from offline.report.text import escaped, markdown_text
from offline.report.words import bare, interval, shown
from tests.offline.report.made_report import report, system
from tests.offline.report.report_strategies import reports


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(reports)
def test_any_document_becomes_text_with_whole_tables(document: Report) -> None:
    text = markdown_text(document)
    assert text.encode("utf-8").endswith(b"\n")
    assert "<script" not in text and "\x00" not in text
    table: list[int] = []
    for line in text.splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("| ") else 0
        assert not (cells and table and cells != table[-1]), line
        table = [*table, cells] if cells else []


def test_the_text_tells_figures_blocks_and_how_to_make_it_again() -> None:
    document = report(system("classic", 0), system("compact", 1))
    text = markdown_text(document)
    for words in (
        "## All systems side by side",
        "#### Confusions",
        "| product / reranked ",
        "IoU 0.021",
        "## How to make this report again",
        "    packsight evaluate all",
        document.provenance.dataset_checksum,
        "not measured on this machine",
    ):
        assert words in text


def test_a_large_matrix_is_shown_by_its_confusions_and_a_long_curve_by_twenty_points() -> None:
    names = tuple(f"class {number}" for number in range(30))
    counts = tuple(tuple(5 if row == at else 0 for at in range(30)) for row in range(30))
    counts = ((*counts[0][:3], 7, *counts[0][4:]), *counts[1:])
    matrix = Matrix(title="All", rows=names, columns=names, counts=counts)
    points = tuple(number / 100 for number in range(101))
    curve = Lines(title="Long", x="x", y="y", series=(Series(name="s", xs=points, ys=points),))
    text = markdown_text(report().model_copy(update={"blocks": (matrix, curve)}))
    assert "| class 0 | class 3 |     7 |" in text
    part = text.split("#### Long")[1].split("##")[0]
    assert len(re.findall(r"^\| \d", part, re.M)) == 20
    assert "\n| 0 " in part and "\n| 1 " in part


def test_names_stay_what_they_are() -> None:
    assert escaped("<b>|`x`\n y") == "&lt;b&gt;\\|\\`x\\` y"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "", "–"),
        (0.8744, "", "0.874"),
        (1.0, "", "1.000"),
        (0.0, "", "0.000"),
        (0.00042, "", "0.00042"),
        (-0.25, "", "-0.250"),
        (64.0, "", "64"),
        (4.0, "", "4.000"),
        (1800.0, "", "1,800"),
        (80.84, "ms", "80.8 ms"),
        (1234.5, "ms", "1,234 ms"),
        (0.0, "bytes", "0 bytes"),
        (4_500_000.0, "bytes", "4.3 MiB"),
        (5e12, "bytes", "4,656.6 GiB"),
        (360.0, "pictures", "360 images"),
        (1.5, "px", "1.500 px"),
    ],
)
def test_numbers_are_written_with_their_units(value: float | None, unit: Unit, text: str) -> None:
    assert shown(value, unit) == text


def test_positions_are_written_as_short_as_can_be() -> None:
    values = (0.0, 1e-15, 0.1 + 0.2, 5.0, -2.5, 1234.5, 20000.0, 1e12)
    texts = ["0", "0", "0.3", "5", "-2.5", "1234.5", "20,000", "1e+12"]
    assert [bare(value) for value in values] == texts


def test_an_interval_tells_its_unit_once() -> None:
    def written(low: float, high: float, unit: Unit = "") -> str:
        return interval(Figure(name="f", value=low, low=low, high=high, unit=unit))

    assert written(0.5, 0.75) == "0.500–0.750"
    assert written(-0.5, 0.75) == "-0.500 to 0.750"
    assert written(76.84, 84.8, "ms") == "76.8–84.8 ms"
    assert written(1000.0, 2000.0, "bytes") == "1,000 bytes–2.0 KiB"
    assert interval(Figure(name="f", value=1.0)) == ""


def test_the_head_shows_the_first_figures_of_every_stage_and_who_is_best() -> None:
    document = report(system("classic", 0, 0.9), system("compact", 1, 0.3))
    first = {one.stage: one for one in headlines(document)}
    assert list(first) == ["segment", "retrieve", "efficiency"]
    assert [line.place.figure for line in first["retrieve"].lines] == ["R@1", "R@5", "P@5"]
    assert first["retrieve"].lines[0].best == {0}
    gallery = next(line for line in lines(document) if line.place.figure == "gallery")
    assert gallery.best == frozenset()  # equal


def test_a_chart_without_numbers_is_no_chart() -> None:
    empty = Series(name="s", xs=(), ys=())
    assert drawn(Lines(title="t", x="x", y="y", series=(empty,))) == ""
    assert drawn(Histogram(title="t", x="x", edges=(0.0, 1.0), counts={"a": (0,)})) == ""
    assert drawn(Bars(title="t", labels=(), series=())) == ""
    assert drawn(Matrix(title="t", rows=(), columns=(), counts=())) == ""


@pytest.mark.parametrize("told", [False, True])
def test_bars_of_numbers_that_a_section_has_already_are_drawn_and_not_repeated(told: bool) -> None:
    one = Series(name="F1", xs=(0.0,), ys=(0.25,))
    bars = Bars(title="F1 by category", labels=("jar",), series=(one,), told=told)
    document = report(system()).model_copy(update={"blocks": (bars,)})
    assert ("#### F1 by category" in markdown_text(document)) is not told
    assert "F1 by category" in html_text(document)


def test_many_bars_are_parted_so_that_they_can_be_printed() -> None:
    labels = tuple(f"class {number}" for number in range(81))
    places = tuple(map(float, range(81)))
    one = Series(name="R@1", xs=places, ys=places)
    assert drawn(Bars(title="t", labels=labels, series=(one,))).count("<svg") == 3


def test_a_curve_with_a_gap_is_drawn_in_two_parts() -> None:
    one = Series(name="s", xs=(0.0, 1.0, 2.0, 3.0), ys=(0.1, 0.2, None, 0.4))
    chart = Lines(title="t", x="x", y="y", series=(one,))
    assert drawn(chart).count("<polyline") == 2
    assert [row[1] for row in tabulated(chart).rows] == ["0.100", "0.200", "–", "0.400"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (1, 20, [5, 10, 15, 20]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_a_report_is_written_in_three_forms(tmp_path: Path) -> None:
    paths = write_report(report(), tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["report.html", "report.md", "report.json"]
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(
        path.name for path in paths
    )


def test_a_report_that_cannot_be_written_leaves_the_older_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("older")
    (tmp_path / "b").mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        write_texts({tmp_path / "a" / "below": "text"})
    with pytest.raises(ConfigError, match="cannot be written"):
        write_texts({tmp_path / "b": "a folder is no file"})
    assert (tmp_path / "a").read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
