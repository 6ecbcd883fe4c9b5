"""Tables as people save them: whatever can be read is, and the rest has its place and reason."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import pytest

from engine.attributes import MAX_BYTES, bounded
from engine.errors import ConfigError
from offline.ingest.labels import Label, Labels, read_labels
from offline.ingest.names import name_notes
from offline.ingest.scan import scan
from tests.drawn_catalogue import package, save


def labelled(folder: Path, *, scoped: bool = False) -> tuple[dict[str, Label], Labels]:
    scanned = scan(folder)
    labels = read_labels(folder, scanned.label_files, scoped=scoped)
    return {file.relative: labels.of(file) for file in scanned.images}, labels


def images(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        save(folder / name, package("jar", number))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "sep=;\n"])
def test_a_table_is_read_in_every_encoding_and_line_end(
    tmp_path: Path, encoding: str, newline: str, start: str
) -> None:
    images(tmp_path, "a.png")
    delimiter = ";" if start else "\t"
    rows = [["path", '"a, b; c, d"', "category"], ["a.png", "x", "Größe für Öl"]]
    text = start + "\n".join(delimiter.join(row) for row in rows) + "\n"
    (tmp_path / "labels.csv").write_bytes(text.replace("\n", newline).encode(encoding))
    by_name, labels = labelled(tmp_path)
    assert by_name["a.png"].category == "Größe für Öl"
    assert labels.refused == [] and labels.lost_rows() == []
    assert [("cp1252" in note) for note in labels.notes()] == [True] * (encoding == "cp1252")


def test_other_code_pages_are_guessed(tmp_path: Path) -> None:
    images(tmp_path, "a.png", "b.png")
    text = "path,category\na.png,бутылка\nb.png,банка стеклянная\n"
    (tmp_path / "labels.csv").write_bytes(text.encode("cp1251"))
    by_name, labels = labelled(tmp_path)
    assert by_name["b.png"].category == "банка стеклянная"
    assert "cp1251" in labels.notes()[0]


@pytest.mark.parametrize("word", ["grün", "crème", "jabón de niño"])
def test_a_single_accent_is_guessed_to_be_western(tmp_path: Path, word: str) -> None:
    images(tmp_path, "a.png")
    text = f"path;product;category\r\na.png;pump;{word}\r\n"
    (tmp_path / "labels.csv").write_bytes(text.encode("cp1252"))
    assert labelled(tmp_path)[0]["a.png"].category == word


def test_every_row_that_is_not_used_is_listed_with_its_place(tmp_path: Path) -> None:
    images(tmp_path, "jar/a.png", "jar/b.png", "jar/c.png", "bottle/d.png")
    (tmp_path / "jar/labels.csv").write_text(
        "path,category\n"
        "A.PNG,x\n"
        "bb.png,x\n"
        "../bottle/d.png,flask\n"
        "../../d.png,x\n"
        "C:\\pack\\b.png,x\n"
        'a.png,"open\n'
        "b.png,tub,more\n"
        "c.png,pot\n"
        "c.png,\n"
    )
    by_name, labels = labelled(tmp_path)
    lost = "\n".join(labels.lost_rows())
    for line, part in ((2, "jar/a.png"), (3, "jar/b.png"), (5, ""), (6, ""), (7, "quote")):
        assert any(f"line {line}:" in row and part in row for row in lost.splitlines())
    assert "line 8: 3 cells" in lost and len(lost.splitlines()) == 6
    categories = {name: label.category for name, label in by_name.items()}
    assert categories == {
        "bottle/d.png": "flask",
        "jar/a.png": "jar",
        "jar/b.png": "tub",
        "jar/c.png": "pot",
    }


def test_names_are_compared_in_one_unicode_form_and_backslashes_as_slashes(
    tmp_path: Path,
) -> None:
    decomposed = unicodedata.normalize("NFD", "crème")
    images(tmp_path, f"{decomposed}/é.png", "box\\e.png")
    (tmp_path / "labels.csv").write_text("path,note\ncrème/é.png,1\nbox\\e.png,2\n", "utf-8")
    by_name, labels = labelled(tmp_path)
    notes = sorted(label.attributes["note"] for label in by_name.values())
    assert notes == ["1", "2"] and labels.lost_rows() == []
    assert by_name[f"{decomposed}/é.png"].category == "crème"


def test_two_tables_are_merged_column_by_column_and_disagreements_noted(tmp_path: Path) -> None:
    images(tmp_path, "a.png")
    (tmp_path / "attributes.csv").write_text("path,colour,category\na.png,red,jar\n")
    (tmp_path / "labels.csv").write_text("path,category,colour\na.png,pot,\n")
    by_name, labels = labelled(tmp_path)
    assert by_name["a.png"] == Label("pot", "a", {"colour": "red"})
    (note,) = labels.notes()
    assert "'pot'" in note and "'jar'" in note


@pytest.mark.parametrize(("scoped", "products"), [(True, 4), (False, 2)])
def test_product_ids_of_a_folder_s_table_are_its_own(
    tmp_path: Path, scoped: bool, products: int
) -> None:
    for folder in ("jar", "bottle"):
        images(tmp_path, f"{folder}/a.png", f"{folder}/b.png")
        (tmp_path / folder / "labels.csv").write_text("path,product\na,01\nb,02\n")
    by_name, _ = labelled(tmp_path, scoped=scoped)
    assert len({label.product for label in by_name.values()}) == products
    (tmp_path / "labels.csv").write_text("path,product\njar/a,9\n")
    (tmp_path / "jar/labels.csv").unlink()
    assert labelled(tmp_path, scoped=scoped)[0]["jar/a.png"].product == "9"


def test_a_workbook_reads_as_its_sheet_shows(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    from datetime import datetime

    images(tmp_path, "a.png")
    book = openpyxl.Workbook()
    book.active.append(["path", "product", "n", "made"])
    book.active.append(["a.png", 7, 1.0, datetime(2024, 3, 1)])
    book.active["B2"].number_format = "000"
    book.save(tmp_path / "labels.xlsx")
    label = labelled(tmp_path)[0]["a.png"]
    assert (label.product, label.attributes) == ("007", {"n": "1", "made": "2024-03-01"})


def test_a_workbook_without_its_reader_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(ConfigError, match=r"packsight\[xlsx\]"):
        read_labels(tmp_path, [], [(tmp_path / "t.xlsx", tmp_path)])


@pytest.mark.parametrize("data", [b"PK\x03\x04 cut off", b"\xd0\xcf\x11\xe0", b"\xff\xfea"])
def test_a_broken_workbook_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "labels.xlsx").write_bytes(data)
    assert len(labelled(tmp_path)[1].refused) == 1


FOREIGN = {
    "nested": '{"category": "x", "shapes": [{}]}',
    "a list": "[1]",
    "large": '{"category": "%s"}' % ("x" * 70_000),
    "gallery-dl": '{"category": "x", "subcategory": "y", "filename": "a", "extension": "png"}',
    "yt-dlp": '{"id": "x", "title": "y", "categories": ["z"], "extractor": "w", "width": 4}',
    "exiftool": '{"SourceFile": "a.png", "Category": "x", "Make": "y", "ISO": 100}',
    "a shop": '{"@type": "Product", "category": "x", "productID": "1"}',
    "COCO of one image": '{"image_id": 1, "category_id": 3, "bbox": [0, 0, 9, 9], "area": 81}',
    "LabelMe": '{"version": "5.1", "shapes": [], "imagePath": "a.png", "imageData": null}',
    "VIA": '{"a.png8000": {"filename": "a.png", "size": 8000, "regions": []}}',
    "Takeout": '{"title": "a.png", "photoTakenTime": {"timestamp": "1"}, "url": "x"}',
    "other keys": '{"colour": "red"}',
}


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_foreign_json_beside_an_image_is_passed_over(tmp_path: Path, text: str) -> None:
    images(tmp_path, "jar/a.png")
    (tmp_path / "jar/a.json").write_text(text)
    by_name, labels = labelled(tmp_path)
    assert by_name["jar/a.png"] == Label("jar", "jar/a")
    assert len(labels.foreign) == 1 and "1 JSON files" in labels.notes()[0]


def test_attributes_keep_to_their_bound() -> None:
    sound = {"colour": "red"}
    assert bounded(sound) == sound
    cut = bounded({f"{number}" * 200: "é" * 5000 for number in range(100)})
    assert 0 < len(str(cut).encode()) <= MAX_BYTES
    assert bounded({"a\0b": "\0c"}) == {"ab": "c"}


def test_names_that_look_alike_and_products_in_two_categories_are_noted() -> None:
    products = [("jar/A", "jar"), ("jar/a", "jar"), ("p", "Jar"), ("p", "jar"), ("q", "jar")]
    alike, split, twins = name_notes(["Jar", "jar", "jar ", "box"], products)
    assert "'Jar', 'jar', 'jar '" in alike and "'p'" in split and "'jar/a'" in twins
