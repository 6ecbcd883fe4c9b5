"""Lists and tables: whatever is in a cell comes back, and names stay inside the folder."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError
from offline.ingest.tables import Place, inside, read_lines, read_table

# Surrogates are no text and csv refuses NUL; blanks around a cell are not kept.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).map(str.strip)
PLACE = Place(Path("list"), "line 1")


@given(rows=st.lists(st.tuples(texts, texts).filter(any), max_size=5))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_cell_comes_back(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    file = tmp_path / "table.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([("a", "b"), *rows])
    read = read_table(file, ("b", "a"))
    assert [(row.cells["a"], row.cells["b"]) for row in read] == rows


def test_lines_break_at_line_ends_only_and_keep_their_number(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_bytes("one\u2028still one\r\n\r\n  three\x0cstill three \n".encode())
    assert list(read_lines(file)) == [
        (Place(file, "line 1"), "one\u2028still one"),
        (Place(file, "line 3"), "three\x0cstill three"),
    ]


def test_text_that_is_not_utf8_is_refused_with_the_place(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_bytes(b"caf\xe9\n")
    with pytest.raises(ConfigError, match=r"list\.txt: .*byte 3"):
        list(read_lines(file))


@pytest.mark.parametrize(
    "name", ["..", "../a", "a/../../b", "/a", "\\a", "..\\a", "C:/a", "c:a", "a\0b", "", "."]
)
def test_names_that_lead_out_of_the_folder_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="list: line 1: "):
        inside(name, PLACE)


@pytest.mark.parametrize(
    ("name", "read"),
    [("a b/c.jpg", "a b/c.jpg"), ("a\\c.jpg", "a/c.jpg"), ("./..a/b..jpg", "..a/b..jpg")],
)
def test_other_names_are_read_with_slashes(name: str, read: str) -> None:
    assert inside(name, PLACE) == read
