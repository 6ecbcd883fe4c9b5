"""Keypoints as bytes: what is kept of them, and what becomes of damaged ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.keypoints import NO_MATCH, KeypointMatch, Keypoints

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
# The precision of 16 bits, of 16 steps an octave and of 256 directions.
PLACE, SIZE, ANGLE = 0.51 / 65535, 2 ** (0.51 / 16), 0.51 * 2 * np.pi / 256


@st.composite
def keypoints(draw: st.DrawFn, values: st.SearchStrategy[float] = FLOATS) -> Keypoints:
    count, dimension = draw(st.integers(0, 6)), draw(st.integers(0, 5))
    geometry = draw(arrays(np.float32, (count, 4), elements=values))
    return Keypoints(geometry, draw(arrays(np.int8, (count, dimension))))


@st.composite
def ordinary(draw: st.DrawFn) -> Keypoints:
    """Within an image: places in [0, 1], sizes up to the whole of it."""
    found = draw(keypoints(st.floats(0, 1, width=32)))
    geometry = found.geometry * np.array((1, 1, 1, 2 * np.pi), np.float32)
    geometry[:, 2] = np.maximum(geometry[:, 2], 2.0**-11)
    return Keypoints(geometry, found.descriptors.copy())


def far_apart(angles: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The smaller way round, in radians."""
    return np.abs((angles - others + np.pi) % (2 * np.pi) - np.pi)


@given(ordinary())
def test_what_is_read_back_is_what_was_stored_within_its_precision(stored: Keypoints) -> None:
    read = Keypoints.from_bytes(stored.to_bytes())
    np.testing.assert_array_equal(read.descriptors, stored.descriptors)
    assert (np.abs(read.places - stored.places) <= PLACE).all()
    assert (np.abs(np.log2(read.geometry[:, 2] / stored.geometry[:, 2])) <= np.log2(SIZE)).all()
    assert (far_apart(read.geometry[:, 3], stored.geometry[:, 3]) <= ANGLE).all()


@given(keypoints())
@example(Keypoints(np.full((1, 4), np.finfo(np.float32).max), np.zeros((1, 2), np.int8)))
@example(Keypoints(np.full((1, 4), -np.finfo(np.float32).max), np.zeros((1, 2), np.int8)))
@pytest.mark.filterwarnings("error")
def test_keypoints_of_any_geometry_are_stored_within_the_image(stored: Keypoints) -> None:
    read = Keypoints.from_bytes(stored.to_bytes())
    assert read.geometry.shape == stored.geometry.shape
    assert ((read.places >= 0) & (read.places <= 1)).all()
    assert (read.geometry[:, 2] > 0).all()
    assert ((read.geometry[:, 3] >= 0) & (read.geometry[:, 3] < 2 * np.pi)).all()


@given(keypoints())
def test_bytes_are_read_and_written_again_without_a_change(stored: Keypoints) -> None:
    once = stored.to_bytes()
    assert Keypoints.from_bytes(once).to_bytes() == once
    assert len(once) == 2 + len(stored) * (6 + stored.descriptors.shape[1])


@given(st.binary(max_size=80))
@example(b"")
@example(b"\xff\xff")
def test_any_bytes_are_keypoints_or_refused(given_bytes: bytes) -> None:
    try:
        read = Keypoints.from_bytes(given_bytes)
    except ValueError:
        return
    assert read.to_bytes() == given_bytes


@given(ordinary().filter(len), st.data())
def test_bytes_that_were_cut_off_within_a_keypoint_are_refused(
    stored: Keypoints, data: st.DataObject
) -> None:
    whole, each = stored.to_bytes(), 6 + stored.descriptors.shape[1]
    lost = data.draw(st.integers(1, each - 1))
    with pytest.raises(ValueError, match="bytes"):
        Keypoints.from_bytes(whole[:-lost])


def test_a_query_is_as_precise_as_a_gallery() -> None:
    random = np.random.default_rng(0)
    found = Keypoints(
        random.random((9, 4), np.float32), random.integers(-9, 9, (9, 3), np.int8), stored=4
    )
    rounded = found.rounded()
    assert (len(rounded), rounded.stored) == (9, 4)
    kept = Keypoints.from_bytes(found.as_stored().to_bytes())
    np.testing.assert_array_equal(rounded.as_stored().geometry, kept.geometry)
    np.testing.assert_array_equal(rounded.as_stored().descriptors, kept.descriptors)


def test_their_arrays_cannot_be_changed() -> None:
    found = Keypoints(np.zeros((2, 4), np.float32), np.zeros((2, 3), np.int8))
    for one in (found, found.as_stored(), found.rounded(), Keypoints.none(3)):
        for array in (one.geometry, one.descriptors, one.places):
            assert not array.flags.writeable


@pytest.mark.parametrize(
    ("geometry", "descriptors"),
    [
        (np.zeros((2, 4), np.float64), np.zeros((2, 3), np.int8)),
        (np.zeros((2, 4), np.float32), np.zeros((2, 3), np.uint8)),
        (np.zeros((2, 3), np.float32), np.zeros((2, 3), np.int8)),
        (np.zeros((2, 4), np.float32), np.zeros((3, 3), np.int8)),
        (np.zeros((2, 4), np.float32), np.zeros((2, 3, 1), np.int8)),
        (np.full((2, 4), np.nan, np.float32), np.zeros((2, 3), np.int8)),
        (np.full((2, 4), np.inf, np.float32), np.zeros((2, 3), np.int8)),
    ],
)
def test_keypoints_of_other_kinds_or_shapes_are_refused(
    geometry: np.ndarray, descriptors: np.ndarray
) -> None:
    with pytest.raises(ValueError, match="Keypoints"):
        Keypoints(geometry, descriptors)


def test_no_match_has_no_places() -> None:
    assert NO_MATCH.inliers == 0
    assert NO_MATCH.places.shape == (0, 4)
    assert len(NO_MATCH.spread(40)) == 0


@given(
    arrays(
        np.float32, st.tuples(st.integers(0, 30), st.just(4)), elements=st.floats(0, 1, width=32)
    ),
    st.integers(0, 12),
)
def test_places_to_be_drawn_are_distinct_rows_of_all(places: np.ndarray, most: int) -> None:
    drawn = KeypointMatch(places).spread(most)
    assert len(drawn) == min(most, len(places))
    rows = sorted(map(tuple, places.tolist()))
    for row in map(tuple, drawn.tolist()):
        rows.remove(row)


def test_places_to_be_drawn_lie_far_apart() -> None:
    crowd = np.full((50, 4), 0.5, np.float32) + np.arange(50, dtype=np.float32)[:, None] / 1e5
    corners = np.array([(x, y, x, y) for x in (0, 1) for y in (0, 1)], np.float32)
    drawn = KeypointMatch(np.concatenate([crowd, corners])).spread(5)
    assert {tuple(row) for row in drawn[1:].tolist()} == {tuple(row) for row in corners.tolist()}
