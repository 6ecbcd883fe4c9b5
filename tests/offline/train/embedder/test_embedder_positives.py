"""Positives without labels: the same look and the same contour, mutually."""

import numpy as np

from engine.types import Contour
from offline.train.embedder.positives import agreement, aligned_contours


def box(width: int) -> Contour:
    mask = np.zeros((64, 64), np.bool_)
    mask[10:50, 32 - width : 32 + width] = True
    return Contour.from_mask(mask)


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_mutually_most_similar_images_with_one_contour_match() -> None:
    found = agreement(on_circle(0, 5, 90, 95), [box(8), box(8), box(20), box(20)], 0.9)
    assert found.labels.tolist() == [0, 0, 1, 1]
    assert found.pairs == 2


def test_another_contour_is_no_match_however_alike_the_images() -> None:
    found = agreement(on_circle(0, 1, 40), [box(8), box(20), box(8)], 0.9)
    assert found.labels.tolist() == [0, 1, 0]


def test_what_agrees_less_clearly_is_in_doubt_both_ways() -> None:
    found = agreement(on_circle(0, 5, 12), [box(8)] * 3, 0.9)
    assert found.labels.tolist() == [0, 0, 1]
    assert [doubts.tolist() for doubts in found.doubts] == [[2], [2], [0, 1]]


def test_beyond_the_neighbours_nothing_is_compared() -> None:
    found = agreement(on_circle(0, 5, 12), [box(8), box(20), box(8)], 0.9, neighbours=1)
    assert found.pairs == 0
    assert not any(doubts.size for doubts in found.doubts)


def test_contours_are_compared_without_place_and_size() -> None:
    alphas = np.zeros((2, 64, 64), np.uint8)
    alphas[0, 4:24, 4:14] = 255
    alphas[1, 20:60, 30:50] = 255
    small, large = aligned_contours(alphas)
    assert np.array_equal(small.mask(), large.mask())
