"""Barrier distances: the sweeps against an exact search, and what they mean."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stages.segment._barrier import barrier_distance

SMALL = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 2)),
    elements=st.integers(0, 9).map(float),
)


def exact(channel: np.ndarray) -> np.ndarray:
    """For every lowest value allowed, the least highest one by which a pixel can be reached."""
    best = np.full(channel.shape, np.inf)
    for lowest in np.unique(channel):
        best = np.minimum(best, least_highest(channel, lowest) - lowest)
    return best


def least_highest(channel: np.ndarray, lowest: float) -> np.ndarray:
    height, width = channel.shape
    reached = np.full(channel.shape, np.inf)
    frame = [
        (y, x)
        for y in range(height)
        for x in range(width)
        if y in (0, height - 1) or x in (0, width - 1)
    ]
    heap = [(channel[at], at) for at in frame if channel[at] >= lowest]
    heapq.heapify(heap)
    while heap:
        highest, (y, x) = heapq.heappop(heap)
        if highest >= reached[y, x]:
            continue
        reached[y, x] = highest
        for at in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= at[0] < height and 0 <= at[1] < width and channel[at] >= lowest:
                heapq.heappush(heap, (max(highest, channel[at]), at))
    return reached


@settings(deadline=None)
@given(SMALL)
def test_sweeps_never_undercut_the_exact_distance(values: np.ndarray) -> None:
    channels = [exact(values[:, :, channel]) for channel in range(values.shape[2])]
    assert (barrier_distance(values) >= np.sum(channels, axis=0) - 1e-4).all()


@settings(deadline=None)
@given(SMALL)
def test_no_distance_exceeds_the_range_of_the_values(values: np.ndarray) -> None:
    span = values.max(axis=(0, 1)) - values.min(axis=(0, 1))
    assert (barrier_distance(values) <= span.sum() + 1e-4).all()


def test_sweeps_are_nearly_exact_on_smooth_images() -> None:
    rows, columns = np.mgrid[0:24, 0:20] / 20
    values = (np.sin(5 * rows) + np.cos(7 * columns * rows)).astype(np.float32)
    swept, truth = barrier_distance(values[:, :, None]), exact(values)
    assert np.mean(swept - truth) < 0.02 * np.ptp(values)


@settings(deadline=None)
@given(SMALL)
def test_turning_or_negating_an_image_keeps_the_frame_at_zero(values: np.ndarray) -> None:
    for image in (values, -values, values[::-1, ::-1], values.transpose(1, 0, 2)):
        distance = barrier_distance(image)
        assert distance[[0, -1]].max() == 0.0 and distance[:, [0, -1]].max() == 0.0


def test_the_image_is_left_as_it_was() -> None:
    values = np.random.default_rng(0).random((9, 8, 3), np.float32)
    before = values.copy()
    barrier_distance(values)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("background", [0.0, 40.0])
def test_two_grounds_are_near_and_what_stands_before_both_is_far(background: float) -> None:
    values = np.full((30, 30, 1), 70.0, np.float32)
    values[15:] = background
    values[8:22, 10:20] = 100.0
    distance = barrier_distance(values)
    np.testing.assert_array_equal(distance[8:22, 10:20], 30.0)
    distance[8:22, 10:20] = 0.0
    assert distance.max() == 0.0
