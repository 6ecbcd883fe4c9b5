"""Contact sheets show each category: its families by rows, then tests, queries and unseen ones."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import ConfigError
from offline.datasets.packbench.manifest import Row, read_rows, sha256, write, write_beside
from offline.datasets.packbench.sheet import CELL, COLUMNS, sheet, sheets
from packsight.cli import main
from tests.offline.datasets.packbench.written_packbench import DESCRIBED, product_row
from tests.offline.datasets.small_datasets import packbench_row, packbench_rows

HUES = np.random.default_rng(5).integers(0, 200, (99, 3))


def one_colour(row: Row, folder: Path, place: int) -> Row:
    """Paint a row's image in a hue of its own: on a sheet it can be found again."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), tuple(int(v) for v in HUES[place])).save(buffer, "PNG")
    write_beside(folder / row.path, buffer.getvalue())
    return replace(row, matte="", sha256=sha256(buffer.getvalue()))


def written(folder: Path, rows: list[Row]) -> list[Row]:
    painted = [one_colour(row, folder, place) for place, row in enumerate(rows)]
    write(folder, DESCRIBED, painted, [product_row(row) for row in painted])
    return painted


def cells(page: Image.Image) -> list[int]:
    """Which hues a sheet shows, from the top left on."""
    pixels = np.asarray(page.convert("RGB"), int)
    found: dict[int, tuple[int, int]] = {}
    for place, hue in enumerate(HUES):
        rows, columns = np.where(np.abs(pixels - hue).max(axis=2) <= 2)
        if len(rows) > CELL * CELL // 2:
            found[place] = int(rows.min()), int(columns.min())
    return sorted(found, key=lambda place: found[place])


def jar(rows: list[Row], folder: Path) -> Image.Image:
    """The sheet of jars, before JPEG touches it."""
    written(folder, rows)
    return sheet(folder, "jar", [r for r in read_rows(folder) if r["category"] == "jar"])


def test_there_is_a_jpeg_a_category(tmp_path: Path) -> None:
    written(tmp_path, packbench_rows())
    made = list(sheets(tmp_path, tmp_path / "sheets"))
    assert [path.name for path in made] == ["jar.jpg", "bottle.jpg"]
    for path in made:
        with Image.open(path) as page:
            assert page.format == "JPEG"
            assert page.width > COLUMNS * CELL


def test_a_sheet_shows_the_members_of_a_family_in_one_view_then_the_other_splits(
    tmp_path: Path,
) -> None:
    rows = packbench_rows()
    shown = [rows[place].path for place in cells(jar(rows, tmp_path))]
    assert shown == [
        "catalogue/jar/jar-f01-p01/front.jpg",
        "catalogue/jar/jar-f01-p02/front.jpg",
        "catalogue/jar/jar-f01-p01/top.jpg",
        "test/jar/jar-f900-p01/front.jpg",
        "queries/jar/jar-f01-p02/photo1.jpg",
        "queries/jar/jar-f01-p03/photo1.jpg",
        "unseen/jar/jar-f950-p01/front.jpg",
        "unseen/jar/jar-f950-p01/photo1.jpg",
    ]


def test_a_row_holds_no_more_than_the_page_is_wide(tmp_path: Path) -> None:
    rows = [
        packbench_row("catalogue", "train", f"jar-f01-p{i:02}", "front", held=True)
        for i in range(COLUMNS + 4)
    ]
    page = jar(rows, tmp_path)
    assert cells(page) == list(range(COLUMNS))


def test_an_unfinished_benchmark_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="no finished Packbench"):
        list(sheets(tmp_path, tmp_path / "sheets"))
    assert main(["data", "sheet", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("data", [None, b"", b"no image"])
def test_a_missing_or_damaged_image_is_named(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / written(tmp_path, packbench_rows())[0].path
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ConfigError, match=r"front\.jpg.*data check"):
        list(sheets(tmp_path, tmp_path / "sheets"))


def test_the_command_writes_beside_the_benchmark_or_to_out(tmp_path: Path) -> None:
    written(tmp_path / "data", packbench_rows())
    assert main(["data", "sheet", str(tmp_path / "data")]) == 0
    assert main(["data", "sheet", str(tmp_path / "data"), "--out", str(tmp_path / "here")]) == 0
    for folder in (tmp_path / "data" / "sheets", tmp_path / "here"):
        assert sorted(path.name for path in folder.iterdir()) == ["bottle.jpg", "jar.jpg"]
