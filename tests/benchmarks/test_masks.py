"""The mask benchmarks on a few drawn images, and the sheet that shows mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.mattes import sheet
from benchmarks.mattes.images import sample, spread, true_alpha
from engine.errors import ConfigError
from engine.types import Matte, RGBImage
from offline.datasets import DatasetImage, open_dataset
from tests.benchmarks.running import run_benchmark, table
from tests.offline.datasets.packbench.written_packbench import write_benchmark


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packbench")
    write_benchmark(folder, side=48)
    return folder


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx")
    from tests.stages.segment.saliency_graphs import brightness_model, write_spec

    path = brightness_model(tmp_path_factory.mktemp("weights") / "bright.onnx")
    write_spec(path, 32, 32)
    return path


def test_masks_measures_every_row_on_every_split(data: Path, network: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    rows = ("--u2netp", network, "--segmenter", f"bright={network}", "--matting", "guided")
    done = run_benchmark("masks.py", "--data", data, *rows, "--out", out)
    assert done.returncode == 0, done.stderr
    names = ["grabcut", "u2netp", "u2netp + guided", "bright", "bright + guided"]
    names += ["true mask", "true mask + guided"]
    lines = table(done.stdout, "mask")
    assert list(lines) == names
    assert lines["u2netp"][:-1] == lines["bright"][:-1]  # all but the seconds
    assert lines["true mask"][0] == lines["true mask"][2] == "1.000"
    assert list(table(done.stdout, "change by")) == [name for name in names if "+" in name]
    figures = json.loads(out.read_text("utf-8"))
    assert {split: len(found) for split, found in figures.items()} == {
        "test": len(names),
        "queries": 2 * len(names),
    }
    categories = table(done.stdout, "IoU by category")
    assert categories["jar"][0] == "1" and len(categories["jar"]) == 1 + 5


def test_masks_repeats_its_figures_and_takes_the_asked_split(data: Path) -> None:
    arguments = ("--data", data, "--matting", "none", "--split", "validation", "--limit", "1")
    first, again = (run_benchmark("masks.py", *arguments) for _ in range(2))
    assert "validation: 2 images" in first.stdout  # one of each category
    one, other = (table(done.stdout, "mask") for done in (first, again))
    assert list(one) == ["grabcut", "true mask"]
    assert [cells[:-1] for cells in one.values()] == [cells[:-1] for cells in other.values()]
    assert "change by" not in first.stdout


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (("--split", "tset"), "tset"),
        (("--matting", "gided"), "Valid: "),
        (("--segmenter", "nameless.onnx"), "NAME=FILE"),
        (("--u2netp", "gone.onnx"), "gone.onnx"),
    ],
)
def test_masks_says_in_one_line_what_is_wrong(
    data: Path, extra: tuple[str, ...], said: str
) -> None:
    done = run_benchmark("masks.py", "--data", data, *extra)
    assert done.returncode == 1
    assert said in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


def test_localisation_draws_a_row_a_category_and_a_column_a_mask(
    data: Path, network: Path, tmp_path: Path
) -> None:
    from tests.stages.segment.ssd_graphs import LARGE, fixed_boxes_model

    image = tmp_path / "sheet.png"
    ssd = fixed_boxes_model(tmp_path / "ssd.onnx", {LARGE: (44, 20.0)})
    rows = ("--u2netp", network, "--ssd", ssd, "--matting", "guided")
    where = ("--split", "validation", "--sheet", image, "--rows", "2")
    done = run_benchmark("localisation.py", "--data", data, *rows, *where)
    assert done.returncode == 0, done.stderr
    names = ["true box", "ssd300", "grabcut", "u2netp"]
    assert list(table(done.stdout, "mask")) == [
        row for name in names for row in (name, f"{name} + guided")
    ]
    with Image.open(image) as drawn:
        step = sheet.CELL + sheet.GAP
        assert drawn.width == sheet.GAP + 10 * step
        assert 2 * step < drawn.height < 3 * step


def test_localisation_says_where_it_cannot_write(data: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone" / "sheet.png"
    arguments = ("--data", data, "--matting", "none", "--limit", "1", "--sheet", gone)
    done = run_benchmark("localisation.py", *arguments)
    assert done.returncode == 1
    assert str(gone) in done.stderr and "Traceback" not in done.stderr


def test_mistakes_are_shown_in_their_colours() -> None:
    truth = np.array([[1, 1, 0, 0, 0.5]], np.float32)
    alpha = np.array([[1, 0, 1, 0, 0.5]], np.float32)
    found, missed, extra, nothing, half = sheet.mistakes(alpha, truth)[0]
    assert tuple(found) == sheet.RIGHT and tuple(missed) == sheet.MISSED
    assert tuple(extra) == sheet.EXTRA and tuple(nothing) == sheet.PAPER
    np.testing.assert_allclose(half, (np.add(sheet.RIGHT, sheet.PAPER) / 2), atol=0.51)


def test_a_photo_keeps_its_shape_on_the_sheet() -> None:
    wide = RGBImage(np.zeros((10, 40, 3), np.uint8))
    nothing = np.zeros((10, 40), np.float32)
    row = sheet.SheetRow("wide", wide, nothing, [Matte(nothing.copy())])
    drawn = np.asarray(sheet.draw_sheet(["a + b"], [row]))
    black = (drawn == 0).all(axis=2)[:, sheet.GAP : sheet.GAP + sheet.CELL]
    height, width = (int(black.any(axis=axis).sum()) for axis in (1, 0))
    assert width == sheet.CELL - 2 and height == pytest.approx(width / 4, abs=1)


def test_a_sample_takes_from_every_category_at_even_distances(data: Path) -> None:
    dataset = open_dataset(data)
    assert [one.category for one in sample(dataset, "catalogue", 1)] == ["jar", "bottle"]
    assert len(sample(dataset, "catalogue", None)) == len(dataset.images("catalogue"))
    numbers = [DatasetImage(str(number), Path("a")) for number in range(9)]
    assert [one.id for one in spread(numbers, 3)] == ["0", "4", "8"]
    assert spread(numbers, 20) == numbers


def test_a_mask_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "mask.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(ConfigError, match=r"mask\.png"):
        true_alpha(DatasetImage("a", tmp_path / "a.jpg", mask=broken))
    with pytest.raises(ConfigError, match="no mask"):
        true_alpha(DatasetImage("a", tmp_path / "a.jpg"))
