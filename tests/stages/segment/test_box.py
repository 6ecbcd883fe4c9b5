"""A detector's box as the mask: which box, and what becomes of none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from engine.errors import ConfigError, WeightsError
from engine.quality import assess
from engine.types import RGBImage
from stages.context import BuildContext
from stages.segment import box

pytest.importorskip("onnx")
from tests.stages.segment.ssd_graphs import (
    LARGE,
    SMALL,
    default_area,
    fixed_boxes_model,
)

PICTURE = RGBImage(np.zeros((200, 400, 3), np.uint8))


def area(path: Path, **options: object) -> float:
    stage = box.build(box.Options(weights=str(path), **options), BuildContext())
    (matte,) = stage.segment([PICTURE])
    assert matte.alpha.shape == (200, 400) and set(np.unique(matte.alpha)) <= {0.0, 1.0}
    return float(matte.alpha.mean())


def test_the_best_or_the_largest_box_is_filled(tmp_path: Path) -> None:
    model = fixed_boxes_model(tmp_path / "m.onnx", {SMALL: (44, 20.0), LARGE: (47, 14.0)})
    assert area(model) == pytest.approx(default_area(SMALL), rel=0.05)
    assert area(model, choose="largest") == pytest.approx(default_area(LARGE), rel=0.05)
    assert default_area(SMALL) < 0.05 < default_area(LARGE)


def test_only_the_labels_that_count_are_looked_at(tmp_path: Path) -> None:
    model = fixed_boxes_model(tmp_path / "m.onnx", {SMALL: (44, 20.0), LARGE: (47, 14.0)})
    assert area(model, labels=(47,)) == pytest.approx(default_area(LARGE), rel=0.05)
    assert area(model, labels=(1, 2)) == 0.0


def test_no_box_above_the_score_is_an_empty_matte(tmp_path: Path) -> None:
    model = fixed_boxes_model(tmp_path / "m.onnx", {LARGE: (44, 9.9)})  # background has 10
    assert area(model) == 0.0
    assert area(model, least_score=0.3) > 0.1
    stage = box.build(box.Options(weights=str(model)), BuildContext())
    assert assess(stage.segment([PICTURE])[0]).empty


@pytest.mark.parametrize(
    ("found", "rows", "columns"),
    [
        ((0.0, 0.0, 1.0, 1.0), (0, 200), (0, 400)),
        ((0.5, 0.25, 0.75, 0.5), (50, 100), (200, 300)),
        ((0.5015, 0.25, 0.5035, 0.5), (50, 100), (0, 0)),  # between two pixels' centres
    ],
)
def test_a_pixel_is_in_when_its_centre_is(
    found: tuple[float, ...], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    expected = np.zeros((200, 400), np.float32)
    expected[slice(*rows), slice(*columns)] = 1.0
    matte = box.box_matte(np.array(found, np.float32), PICTURE)
    np.testing.assert_array_equal(matte.alpha, expected)


def test_a_file_that_is_no_ssd_is_refused(tmp_path: Path) -> None:
    model = fixed_boxes_model(tmp_path / "m.onnx", {}, rows=24564)  # an SSD512
    with pytest.raises(WeightsError, match=r"24564.*8732.*weights export ssd300_vgg16"):
        box.build(box.Options(weights=str(model)), BuildContext())


def test_a_label_that_the_detector_does_not_know_is_refused(tmp_path: Path) -> None:
    model = fixed_boxes_model(tmp_path / "m.onnx", {}, classes=21)
    with pytest.raises(ConfigError, match=r"\[44\].*1 to 20"):
        box.build(box.Options(weights=str(model), labels=(5, 44)), BuildContext())
    with pytest.raises(ValidationError):
        box.Options(labels=(0,))


def test_without_the_export_the_command_for_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACKSIGHT_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(WeightsError, match="weights export ssd300_vgg16"):
        box.build(box.Options(), BuildContext())
