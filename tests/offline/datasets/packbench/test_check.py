"""`packsight data check` finds every kind of damage and nothing where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from engine.errors import ConfigError
from offline.datasets.packbench.check import faults
from offline.datasets.packbench.manifest import HEADER_FILE, MANIFEST, PRODUCTS, Row, sha256, write
from packsight.cli import main
from tests.offline.datasets.packbench.written_packbench import DESCRIBED, write_benchmark

Damage = Callable[[Path], object]


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    return write_benchmark(tmp_path)[1]


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def replace_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = {
    "changed": (flip_a_bit, "has changed"),
    "cut": (cut, "has changed"),
    "gone": (Path.unlink, "cannot be read"),
    "a folder": (replace_by_a_folder, "cannot be read"),
}


def test_a_benchmark_that_is_whole_has_no_faults(tmp_path: Path, rows: list[Row]) -> None:
    assert list(faults(tmp_path)) == []


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("column", ["path", "matte", "transmission"])
def test_each_damaged_file_of_an_image_is_one_fault_that_names_it(
    tmp_path: Path, rows: list[Row], column: str, kind: str
) -> None:
    damage, words = DAMAGES[kind]
    name = str(getattr(rows[-1], column))
    damage(tmp_path / name)
    (fault,) = faults(tmp_path)
    assert fault.startswith(f"{name}: ")
    assert words in fault


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("name", [MANIFEST, PRODUCTS])
def test_a_damaged_table_is_a_fault(tmp_path: Path, rows: list[Row], name: str, kind: str) -> None:
    damage, words = DAMAGES[kind]
    damage(tmp_path / name)
    (fault,) = faults(tmp_path)
    assert fault.startswith(f"{name}: ")
    assert words in fault


def test_all_faults_are_listed_and_not_only_the_first(tmp_path: Path, rows: list[Row]) -> None:
    for row in rows[:3]:
        (tmp_path / row.path).unlink()
    flip_a_bit(tmp_path / rows[4].matte)
    assert len(list(faults(tmp_path))) == 4


def test_an_image_that_shows_nothing_of_its_product_is_a_fault(tmp_path: Path) -> None:
    _, rows, products = write_benchmark(tmp_path)
    Image.new("L", (8, 8)).save(tmp_path / rows[2].matte)
    black = sha256((tmp_path / rows[2].matte).read_bytes())
    rows[2] = replace(rows[2], matte_sha256=black)
    write(tmp_path, DESCRIBED, rows, products)
    (fault,) = faults(tmp_path)
    assert fault.startswith(f"{rows[2].path}: ")
    assert "nothing of its product" in fault


def test_a_folder_without_a_header_is_refused(tmp_path: Path, rows: list[Row]) -> None:
    (tmp_path / HEADER_FILE).unlink()
    with pytest.raises(ConfigError, match="no finished Packbench"):
        list(faults(tmp_path))


def test_the_command_reports_whole_or_lists_the_faults_and_fails(
    tmp_path: Path, rows: list[Row], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(tmp_path)]) == 0
    assert "whole" in capsys.readouterr().out
    (tmp_path / rows[0].path).unlink()
    assert main(["data", "check", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(rows[0].path)
    assert "1 fault" in lines[1]
    assert "packsight data packbench --preset small --seed 7 --difficulty 0.5" in lines[1]
    assert main(["data", "check", str(tmp_path / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err
