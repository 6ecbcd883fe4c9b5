"""SSD300 in numpy against a slow twin, golden numbers and torchvision's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stages import _ssd


def heads(rng: np.random.Generator, classes: int = 5) -> np.ndarray:
    """(8732, 4 + classes) float32: mostly background, some boxes of every class."""
    raw = rng.normal(size=(_ssd.DEFAULT_BOXES, 4 + classes)).astype(np.float32)
    raw[:, 4] += 4.0
    likely = rng.choice(_ssd.DEFAULT_BOXES, 300, replace=False)
    raw[likely, 4 + rng.integers(1, classes, 300)] += 8.0
    return raw


def iou(one: np.ndarray, other: np.ndarray) -> float:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    areas = sum(float(np.prod(box[2:] - box[:2])) for box in (one, other))
    return shared / (areas - shared) if areas > shared else 0.0


def test_there_are_as_many_default_boxes_as_in_the_paper() -> None:
    """38² * 4 + 19² * 6 + 10² * 6 + 5² * 6 + 3² * 4 + 1 * 4."""
    assert _ssd.default_boxes().shape == (8732, 4)


def test_the_first_and_last_default_boxes_by_hand() -> None:
    boxes = _ssd.default_boxes()
    np.testing.assert_allclose(boxes[0], [4 / 300, 4 / 300, 0.07, 0.07])
    np.testing.assert_allclose(boxes[2, 2:], [0.07 * 2**0.5, 0.07 / 2**0.5])
    np.testing.assert_allclose(boxes[4, :2], [12 / 300, 4 / 300])  # to the right first
    np.testing.assert_allclose(boxes[-4], [0.5, 0.5, 0.87, 0.87])
    np.testing.assert_allclose(boxes[-2, 2:], [1.0, 0.87 / 2**0.5])  # wider than the image


def test_no_offset_is_the_default_box_itself_and_nothing_leaves_the_image() -> None:
    boxes = _ssd.default_boxes()
    found = _ssd.decode(np.zeros_like(boxes), boxes)
    inside = np.flatnonzero((found > 0).all(axis=1) & (found < 1).all(axis=1))
    sides = found[inside, 2:] - found[inside, :2]
    np.testing.assert_allclose(sides, boxes[inside, 2:])
    far = _ssd.decode(np.full_like(boxes, 1e6), boxes)
    assert np.isfinite(far).all() and far.min() >= 0 and far.max() <= 1


@given(
    arrays.arrays(np.float64, (12, 4), elements=st.sampled_from([0.0, 0.2, 0.25, 0.6, 0.9, 1.0])),
    st.sampled_from([0.0, 0.3, 0.45, 0.9]),
)
@settings(deadline=None)
def test_suppression_agrees_with_its_slow_twin(corners: np.ndarray, overlap: float) -> None:
    boxes = np.concatenate(
        [np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])], 1
    )
    kept: list[int] = []
    for place, box in enumerate(boxes):
        if all(iou(boxes[other], box) <= overlap + 1e-12 for other in kept):
            kept.append(place)
    assert _ssd.suppress(boxes, overlap + 1e-12) == kept


def test_detections_come_best_first_without_overlap_within_a_class() -> None:
    found = _ssd.detect(heads(np.random.default_rng(1)), 0.5)
    assert 0 < len(found.boxes) <= _ssd.DETECTIONS
    assert (np.diff(found.scores) <= 0).all() and found.scores.min() > 0.5
    for label in range(1, 5):
        mine = found.only((label,)).boxes
        overlaps = [iou(mine[a], mine[b]) for a in range(len(mine)) for b in range(a)]
        assert max(overlaps, default=0) <= _ssd.NMS_OVERLAP


def test_nothing_above_the_score_is_nothing_found() -> None:
    raw = np.zeros((_ssd.DEFAULT_BOXES, 4 + 3), np.float32)
    raw[:, 4] = 20.0
    found = _ssd.detect(raw, 0.01)
    assert found.boxes.shape == (0, 4) and not len(found.scores) and not len(found.labels)


def test_labels_are_picked_by_number_and_none_means_all() -> None:
    found = _ssd.detect(heads(np.random.default_rng(2)), 0.5)
    assert set(found.only((2, 3)).labels) == {2, 3}
    assert len(found.only(()).labels) == len(found.labels)


@pytest.mark.slow
def test_default_boxes_are_torchvisions_own() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    detection = pytest.importorskip("torchvision.models.detection")
    generator = detection.ssd300_vgg16(weights=None, weights_backbone=None).anchor_generator
    maps = [torch.zeros(1, 1, one.cells, one.cells) for one in _ssd.FEATURE_MAPS]
    images = detection.image_list.ImageList(torch.zeros(1, 3, 300, 300), [(300, 300)])
    (theirs,) = generator(images, maps)
    boxes = _ssd.default_boxes()
    corners = [boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2]
    np.testing.assert_allclose(theirs.numpy() / 300, np.concatenate(corners, 1), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_detections_are_torchvisions_own(seed: int) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    detection = pytest.importorskip("torchvision.models.detection")
    network = detection.ssd300_vgg16(weights=None, weights_backbone=None).eval()
    network.score_thresh = 0.5
    raw = heads(np.random.default_rng(seed), classes=91)
    tensor = torch.from_numpy(raw)[None]
    split = {"bbox_regression": tensor[..., :4], "cls_logits": tensor[..., 4:]}
    maps = [torch.zeros(1, 1, one.cells, one.cells) for one in _ssd.FEATURE_MAPS]
    images = detection.image_list.ImageList(torch.zeros(1, 3, 300, 300), [(300, 300)])
    anchors = network.anchor_generator(images, maps)
    (theirs,) = network.postprocess_detections(split, anchors, [(300, 300)])
    ours = _ssd.detect(raw, 0.5)
    assert len(theirs["labels"]) > 50
    np.testing.assert_array_equal(ours.labels, theirs["labels"].numpy())
    np.testing.assert_allclose(ours.scores, theirs["scores"].numpy(), atol=1e-5)
    np.testing.assert_allclose(ours.boxes * 300, theirs["boxes"].numpy(), atol=1e-2)
