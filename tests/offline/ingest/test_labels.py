"""Labels: their sources and precedence, and the errors about broken tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.ingest.label_tables import read_label_table
from offline.ingest.labels import Label, Labels, from_folders, read_labels
from offline.ingest.scan import ImageFile, scan
from tests.drawn_catalogue import package, save


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("jar/cream/a.png", "jar/cream/b.png", "jar/loose.png", "top.png"):
        save(tmp_path / name, package("jar", len(name)))
    return tmp_path


def labels(folder: Path, table: Path | None = None) -> dict[str, Label]:
    scanned = scan(folder)
    given = [] if table is None else [(table, folder)]
    read = read_labels(folder, scanned.label_files, given)
    by_path = {file.relative: read.of(file) for file in scanned.images}
    assert read.refused == []
    return by_path


def rows_of(table: Path) -> dict[str, dict[str, str]]:
    labels = Labels()
    labels.merge(labels.given, read_label_table(table, table.parent, table.parent))
    assert labels.lost == []
    return {key: dict(row.cells) for key, row in labels.given.items()}


@pytest.mark.parametrize(
    ("path", "category", "product"),
    [
        ("a.jpg", None, "a"),
        ("jar/a.jpg", "jar", "jar/a"),
        ("jar/cream/a.jpg", "jar", "jar/cream"),
        ("jar/cream/front/a.jpg", "jar", "jar/cream/front"),
    ],
)
def test_folder_names_give_category_and_product(
    path: str, category: str | None, product: str
) -> None:
    assert from_folders(path) == Label(category, product)


def test_a_table_in_a_folder_labels_images_stems_and_folders(folder: Path) -> None:
    (folder / "jar" / "attributes.csv").write_text(
        "path,product,Colour,note\n"
        "cream,night cream,blue,\n"
        "cream/a.png,,red,the first\n"
        "loose,day cream,,\n"
        ",,,\n"
    )
    by_path = labels(folder)
    a, b, loose = (
        by_path[name] for name in ("jar/cream/a.png", "jar/cream/b.png", "jar/loose.png")
    )
    assert (a.product, a.attributes) == ("night cream", {"colour": "red", "note": "the first"})
    assert (b.product, b.attributes) == ("night cream", {"colour": "blue"})
    assert (loose.product, loose.category, loose.attributes) == ("day cream", "jar", {})
    assert by_path["top.png"] == Label(None, "top")


def test_the_later_source_wins_column_by_column(folder: Path) -> None:
    (folder / "labels.csv").write_text("path,category,a,b,c\njar,pot,1,1,1\n")
    (folder / "jar" / "attributes.json").write_text('{"cream/a": {"b": 2, "c": 2}}')
    (folder / "jar/cream/a.json").write_text(
        '{"product": "", "c": 3.5, "tags": ["x", "y"], "none": null}'
    )
    table = folder / "given.csv"
    table.write_text("image;category;product\njar/cream/a.png;bottle;lotion\n")
    label = labels(folder, table)["jar/cream/a.png"]
    assert (label.category, label.product) == ("bottle", "lotion")
    assert label.attributes == {"a": "1", "b": "2", "c": "3.5", "tags": '["x", "y"]'}
    assert labels(folder)["jar/cream/a.png"].category == "pot"


def test_a_sidecar_may_carry_the_whole_name(folder: Path) -> None:
    (folder / "top.png.json").write_text('{"category": "jar"}')
    assert labels(folder)["top.png"].category == "jar"


def test_a_given_table_may_name_files_by_their_full_path(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "given.csv"
    table.write_text(f"path,category\n{folder}/top.png,jar\njar\\loose.png,stick\n./jar/cream,x\n")
    by_path = labels(folder, table)
    assert by_path["top.png"].category == "jar"
    assert by_path["jar/loose.png"].category == "stick"
    assert by_path["jar/cream/b.png"].category == "x"


def test_a_dot_labels_the_whole_folder(folder: Path) -> None:
    (folder / "jar" / "labels.csv").write_text("path,brand\n.,Ours\n")
    by_path = labels(folder)
    assert by_path["jar/loose.png"].attributes == {"brand": "Ours"}
    assert by_path["top.png"].attributes == {}


def test_paths_that_name_nothing_are_remembered(folder: Path) -> None:
    table = folder / "given.csv"
    table.write_text("path,category\ntop.png,a\nno.png,b\n")
    scanned = scan(folder)
    given = [] if table is None else [(table, folder)]
    read = read_labels(folder, scanned.label_files, given)
    for file in scanned.images:
        read.of(file)
    (lost,) = read.lost_rows()
    assert f"{table}: line 3: 'no.png'" in lost


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_tables_as_spreadsheets_write_them(
    tmp_path: Path, separator: str, newline: str, encoding: str
) -> None:
    rows = [
        ["path", "category", "note"],
        ["a.jpg", "Tiegel für Öl", '"one, two; three\tfour ""five"""'],
        ["b.jpg", "jar", "x;y,z" if separator == "\t" else "plain"],
    ]
    text = newline.join(separator.join(row) for row in rows) + newline
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    table = rows_of(tmp_path / "t.csv")
    assert table["a.jpg"] == {
        "category": "Tiegel für Öl",
        "note": 'one, two; three\tfour "five"',
    }
    assert table["b.jpg"]["category"] == "jar"


def test_prose_with_other_separators_does_not_confuse_the_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,note\na.jpg,x;y;z\nb.jpg,p;q;r\n")
    table = rows_of(tmp_path / "t.csv")
    assert table == {"a.jpg": {"note": "x;y;z"}, "b.jpg": {"note": "p;q;r"}}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "is empty"),
        ("t.csv", "  \n\n", "is empty"),
        ("t.csv", "category\njar\n", "line 1: has no path; it has category"),
        ("t.csv", "category\n", "line 1: has no path; it has category"),
        ("t.json", "[1]", "expected an object, found 1"),
        ("t.json", '{"a": 1}', "expected an object, found 1"),
        ("t.json", "3", "a list of objects"),
        ("t.json", "[" * 100_000, "not valid JSON"),
        ("t.json", "1" * 5000, "not valid JSON"),
        ("t.json", '[{"category": "jar"}]', "row 1: has no path"),
        ("none.csv", None, "No such file"),
    ],
)
def test_a_broken_table_is_named_with_what_is_wrong(
    tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError) as caught:
        read_label_table(tmp_path / name, tmp_path, tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_a_broken_sidecar_costs_its_own_labels_alone(folder: Path) -> None:
    (folder / "jar/cream/a.json").write_text("{")
    scanned = scan(folder)
    read = read_labels(folder, scanned.label_files)
    by_path = {file.relative: read.of(file) for file in scanned.images}
    assert by_path["jar/cream/a.png"] == Label("jar", "jar/cream")
    (refusal,) = read.refused
    assert refusal.uri.endswith("a.json") and "not valid JSON" in refusal.reason


def test_a_label_file_that_names_one_image_twice_keeps_both_rows(tmp_path: Path) -> None:
    rows = [{"path": "a", "x": 1}, {"path": "a", "y": 2}]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    assert rows_of(tmp_path / "t.json") == {"a": {"x": "1", "y": "2"}}


def test_an_image_elsewhere_is_not_labelled_by_the_folder(tmp_path: Path) -> None:
    read = read_labels(tmp_path, [])
    assert read.of(ImageFile(tmp_path / "x.jpg", "x.jpg", 1, 1, 1, 1)) == Label(None, "x")
