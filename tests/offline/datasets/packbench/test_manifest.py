"""The manifest is complete, is text that any program reads, and shows whether files are whole."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from offline.datasets import open_dataset
from offline.datasets.packbench.manifest import (
    ATTRIBUTES,
    HEADER_FILE,
    MANIFEST,
    PRODUCTS,
    SCHEMA,
    ProductRow,
    Row,
    read_header,
    read_rows,
    sha256,
    table,
    write_beside,
)
from tests.offline.datasets.packbench.written_packbench import product_row, write_benchmark
from tests.offline.datasets.small_datasets import packbench_rows

names = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1)


def test_a_written_manifest_reads_back_row_by_row(tmp_path: Path) -> None:
    _, rows, _ = write_benchmark(tmp_path)
    read = read_rows(tmp_path)
    assert [row["path"] for row in read] == [row.path for row in rows]
    for one, row in zip(read, rows, strict=True):
        assert list(one) == [field.name for field in fields(Row)]
        assert one["in_catalogue"] == ("true" if row.in_catalogue else "false")
        assert [int(one[name]) for name in ("x1", "y1", "x2", "y2")] == [1, 2, 7, 8]
        assert float(one["height_mm"]) == row.height_mm
        assert one["transmission_sha256"] == row.transmission_sha256


@given(names, st.floats(-1e6, 1e6))
def test_a_table_keeps_any_name_and_six_digits_of_any_number(name: str, number: float) -> None:
    made = product_row(packbench_rows()[0])
    row = ProductRow(**{**asdict(made), "name": name, "width_mm": number})
    (read,) = csv.DictReader(table([row], ProductRow).splitlines(keepends=True))
    assert read["name"] == name
    assert float(read["width_mm"]) == pytest.approx(number, rel=1e-5, abs=1e-9)
    assert read["volume_ml"] == ""


def test_the_header_reads_back_and_holds_the_checksums_of_both_tables(tmp_path: Path) -> None:
    header, rows, products = write_benchmark(tmp_path)
    assert read_header(tmp_path) == header
    assert (header.pictures, header.products) == (len(rows), len(products))
    assert header.manifest_sha256 == sha256((tmp_path / MANIFEST).read_bytes())
    assert header.products_sha256 == sha256((tmp_path / PRODUCTS).read_bytes())


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_benchmark(tmp_path / name)
    for name in (HEADER_FILE, MANIFEST, PRODUCTS, ATTRIBUTES):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_an_ingest_finds_attributes_of_catalogue_products_alone(tmp_path: Path) -> None:
    _, _, products = write_benchmark(tmp_path)
    with (tmp_path / ATTRIBUTES).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    held = [f"{p.category}/{p.product}" for p in products if p.in_catalogue]
    assert [row["path"] for row in rows] == held
    assert rows[0]["name"] == "A name, with a comma"
    assert (rows[0]["height_mm"], rows[0]["volume_ml"]) == ("90.0", "")


def test_the_reader_of_data_sets_opens_what_the_generator_writes(tmp_path: Path) -> None:
    _, rows, _ = write_benchmark(tmp_path)
    dataset = open_dataset(tmp_path)
    assert dataset.name == "packbench"
    every = {image.id for split in dataset.splits for image in dataset.images(split)}
    assert every == {row.path for row in rows}


def test_a_newer_schema_is_refused_with_the_way_out(tmp_path: Path) -> None:
    write_benchmark(tmp_path)
    header = json.loads((tmp_path / HEADER_FILE).read_text("utf-8"))
    (tmp_path / HEADER_FILE).write_text(json.dumps({**header, "schema": SCHEMA + 1}), "utf-8")
    with pytest.raises(ConfigError, match=f"schema {SCHEMA + 1}.*Install a newer"):
        read_header(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "x"}', '{"schema": 1}', "\0"])
def test_a_damaged_header_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / HEADER_FILE).write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=HEADER_FILE):
        read_header(tmp_path)


def test_a_folder_without_a_finished_benchmark_is_refused_with_the_remedy(tmp_path: Path) -> None:
    for read in (read_header, read_rows):
        with pytest.raises(ConfigError, match="packsight data packbench"):
            read(tmp_path)


def test_a_file_is_written_beside_and_renamed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "file"
    for data in (b"one", b"two"):
        write_beside(path, data)
        assert path.read_bytes() == data
        assert list(path.parent.iterdir()) == [path]
