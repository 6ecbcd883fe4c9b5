import re

import cv2
import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings

from engine.types import BoolArray, Contour
from online.overlay import VIEW_SIDE, Overlay, svg_path
from tests.online.page_samples import disc

PIXELS = 8  # pixels a view-box unit, in the raster that the tests draw


def drawn(path: str) -> BoolArray:
    """What a browser fills for the path under the rule evenodd."""
    rings = [
        np.array([[float(v) for v in point.split()] for point in ring.split("L")])
        for ring in re.findall(r"M([^Z]*)Z", path)
    ]
    canvas = np.zeros((VIEW_SIDE * PIXELS, VIEW_SIDE * PIXELS), np.uint8)
    corners = [np.rint(ring * PIXELS - 0.5).astype(np.int32) for ring in rings]
    return np.asarray(cv2.fillPoly(canvas, corners, 1) if rings else canvas).astype(np.bool_)


def cells(image: BoolArray, side: int) -> BoolArray:
    """The raster sampled at the centres of side x side cells."""
    centres = ((np.arange(side) + 0.5) * image.shape[0] / side).astype(int)
    return image[np.ix_(centres, centres)]


@pytest.mark.parametrize("side", [64, 128, 256])
def test_a_disc_is_drawn_where_it_is(side: int) -> None:
    mask = disc(side * 0.3, side)
    image = cells(drawn(svg_path(Contour.from_mask(mask))), side)
    iou = np.count_nonzero(image & mask) / np.count_nonzero(image | mask)
    assert iou > 0.97


def test_a_hole_stays_open() -> None:
    ring = disc(50) & ~disc(25)
    image = cells(drawn(svg_path(Contour.from_mask(ring))), 128)
    assert not image[64, 64]
    assert image[64, 64 + 38]


def test_an_island_inside_a_hole_is_filled() -> None:
    image = cells(drawn(svg_path(Contour.from_mask(disc(50) & ~disc(30) | disc(15)))), 128)
    assert image[64, 64]
    assert not image[64, 64 + 22]


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.bool_, (16, 16)))
def test_cells_away_from_any_edge_are_drawn_as_they_are(mask: BoolArray) -> None:
    image = cells(drawn(svg_path(Contour.from_mask(mask))), 16)
    kernel = np.ones((3, 3), np.uint8)
    raw = np.pad(mask.astype(np.uint8), 1)
    inside = np.asarray(cv2.erode(raw, kernel))[1:-1, 1:-1] > 0
    outside = np.asarray(cv2.dilate(raw, kernel))[1:-1, 1:-1] == 0
    assert image[inside].all()
    assert not image[outside].any()


def test_a_single_cell_is_drawn() -> None:
    mask = np.zeros((128, 128), np.bool_)
    mask[20, 90] = True
    assert cells(drawn(svg_path(Contour.from_mask(mask))), 128)[20, 90]


def test_a_contour_that_fills_the_frame_reaches_its_edges() -> None:
    image = drawn(svg_path(Contour.from_mask(np.ones((128, 128), np.bool_))))
    assert image.mean() > 0.99


def test_nothing_is_drawn_for_an_empty_contour() -> None:
    assert svg_path(Contour.from_mask(np.zeros((128, 128), np.bool_))) == ""


def test_a_path_takes_few_bytes() -> None:
    assert len(svg_path(Contour.from_mask(disc(55)))) < 1000


@pytest.mark.parametrize(
    ("query", "hit", "note"),
    [
        ("M0 0Z", "M0 0Z", ""),
        ("", "M0 0Z", "no contour in the photo"),
        ("M0 0Z", "", "no contour in the catalogue image"),
        ("", "", "no contour"),
    ],
)
def test_the_note_names_the_contour_that_is_missing(query: str, hit: str, note: str) -> None:
    assert Overlay(query, hit).note == note
