"""Masks of the data set in place of the segmenter's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.contours import frame_contour, iou
from engine.types import Matte
from offline.datasets import DatasetImage, RetrievalTask, open_dataset
from offline.evaluate.describing import describe_task
from tests.drawn_catalogue import save, write_catalogue
from tests.offline.evaluate.counting_parts import quick_settings


@pytest.fixture
def task(tmp_path: Path) -> RetrievalTask:
    """Every gallery image but the first has a mask: the upper half of it."""
    write_catalogue(tmp_path / "data", products=1)
    found = open_dataset(tmp_path / "data").retrieval("product")
    half = np.zeros((128, 96), np.uint8)
    half[:64] = 255
    mask = save(tmp_path / "half.png", half)

    def masked(at: int, image: DatasetImage) -> DatasetImage:
        return replace(image, mask=mask if at else None)

    gallery = tuple(masked(at, image) for at, image in enumerate(found.gallery))
    return replace(found, gallery=gallery)


def test_the_true_mask_is_what_a_image_is_described_by(task: RetrievalTask, tmp_path: Path) -> None:
    alpha = np.zeros((128, 96), np.float32)
    alpha[:64] = 1
    true = frame_contour(Matte(alpha))
    whole = frame_contour(Matte(np.ones((128, 96), np.float32)))
    settings = quick_settings()
    described = describe_task(task, settings, tmp_path / "cache", true_masks=True)
    contours = [record.description.contour for record in described.gallery]
    assert iou(contours[0], whole) == 1  # has no mask: the segmenter's own
    assert all(iou(contour, true) == 1 for contour in contours[1:])


def test_what_was_described_by_the_segmenter_is_not_taken_for_it(
    task: RetrievalTask, tmp_path: Path
) -> None:
    settings = quick_settings()
    own = describe_task(task, settings, tmp_path / "cache")
    true = describe_task(task, settings, tmp_path / "cache", true_masks=True)
    again = describe_task(task, settings, tmp_path / "cache")
    areas = [
        [record.description.contour.area for record in described.gallery[1:]]
        for described in (own, true, again)
    ]
    assert areas[0] == areas[2]
    assert all(a > b for a, b in zip(areas[0], areas[1], strict=True))
    assert own.parts.fingerprint != true.parts.fingerprint


def test_a_damaged_mask_leaves_it_to_the_segmenter(task: RetrievalTask, tmp_path: Path) -> None:
    (tmp_path / "half.png").write_bytes(b"no picture")
    described = describe_task(task, quick_settings(), tmp_path / "cache", true_masks=True)
    whole = frame_contour(Matte(np.ones((128, 96), np.float32)))
    assert all(iou(record.description.contour, whole) == 1 for record in described.gallery)
