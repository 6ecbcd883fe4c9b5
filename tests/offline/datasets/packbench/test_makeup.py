"""Compacts, palettes, puffs and spatulas: do they close, lie flat and hold what they should?"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.cases import (
    GAP,
    WALL,
    Case,
    deck,
    grid,
    hinged,
    inner_print,
    lid,
    tray,
)
from offline.datasets.packbench.shapes.freeform import (
    evenly,
    hull,
    normals,
    of_section,
    polygon,
    slices,
    tilted,
)
from offline.datasets.packbench.shapes.meshes import Array, Mesh, Section, box, circle
from offline.datasets.packbench.shapes.pans import RELIEFS, cake, pan
from offline.datasets.packbench.shapes.puffs import PILE, Pad, pile, ribboned, sponge
from offline.datasets.packbench.shapes.spatulas import Blade, Dent, Spatula

WHITE, GOLD, POWDER = (
    Material("gloss", "white"),
    Material("metal", "gold"),
    Material("powder", "sand"),
)
ROUND = Case(circle(34), base=9, lid=6, rim=4, edge=2)
OBLONG = Case(Section(60, 34, 5), base=8, lid=5, rim=4, edge=1)
each_case = pytest.mark.parametrize("case", [ROUND, OBLONG], ids=["round", "oblong"])


@each_case
def test_a_shut_lid_rests_on_the_base_and_covers_it(case: Case) -> None:
    shell = lid(case, WHITE)[0].mesh.vertices
    base = tray(case, 3).vertices
    assert shell[:, 2].min() == pytest.approx(base[:, 2].max() + GAP)
    assert np.ptp(shell[:, :2], axis=0) == pytest.approx(np.ptp(base[:, :2], axis=0), abs=0.05)


@each_case
@pytest.mark.parametrize("angle", [68, 112, 136])
def test_an_open_lid_stays_clear_of_the_base(case: Case, angle: float) -> None:
    y, z = case.axis
    opened = tilted(lid(case, WHITE)[0].mesh, angle, y, z).vertices
    below = opened[opened[:, 2] < case.base]
    assert (below[:, 1] > case.section.half_y).all()
    assert opened[:, 2].min() > 0


def test_opening_turns_the_front_edge_up_and_leaves_the_axis_alone() -> None:
    y, z = ROUND.axis
    bar = box(10, 20, 1).moved(y=y - 10, z=z)
    upright = tilted(bar, 90, y, z)
    assert upright.vertices[:, 2].max() == pytest.approx(z + 20, abs=0.01)
    assert tilted(bar, 0, y, z).vertices == pytest.approx(bar.vertices)


@each_case
def test_a_mirror_leaves_room_over_the_rim(case: Case) -> None:
    mirror = lid(case, WHITE, inside=Material("mirror", "silver"))[1].mesh
    assert mirror.vertices[:, 2].min() > case.base
    assert mirror.vertices[:, 2].max() < case.top


def test_a_hinge_reaches_the_wall_of_a_round_case() -> None:
    parts = hinged(ROUND, (), WHITE, WHITE, angle=0, base=tray(ROUND, 3), hinge_width=24)
    bracket = parts[1].mesh.vertices
    radius = np.hypot(bracket[:, 0], bracket[:, 1])
    assert radius.min() < ROUND.section.half_x
    assert radius.min() > ROUND.section.half_x - 2 * WALL


def test_a_print_inside_the_lid_looks_down_when_shut_and_reads_upright_when_open() -> None:
    printed = inner_print(OBLONG, Material("paper", "white", 3)).mesh
    assert (normals(printed)[:, 2] < -0.99).all()
    y, z = OBLONG.axis
    opened = tilted(printed, 90, y, z)
    assert opened.uv is not None
    assert np.corrcoef(opened.uv[:, 0], opened.vertices[:, 0])[0, 1] > 0.99
    assert np.corrcoef(opened.uv[:, 1], opened.vertices[:, 2])[0, 1] > 0.99
    assert (normals(opened)[:, 1] < -0.99).all()


@given(
    columns=st.integers(1, 6),
    rows=st.integers(1, 3),
    gap=st.floats(1.5, 4.5),
    round_pans=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_a_deck_has_a_well_for_every_pan_and_stays_within_its_case(
    columns: int, rows: int, gap: float, round_pans: bool
) -> None:
    cells = grid(OBLONG, columns, rows, gap, round_pans=round_pans)
    plate = deck(OBLONG, cells, 3)
    assert len(cells.centres()) == columns * rows
    assert np.abs(plate.vertices[:, 0]).max() < OBLONG.section.half_x
    assert np.abs(plate.vertices[:, 1]).max() < OBLONG.section.half_y
    outline = of_section(cells.pan)
    for x, y in cells.centres():
        assert np.abs(outline[:, 0] + x).max() <= OBLONG.section.half_x - OBLONG.rim
        assert np.abs(outline[:, 1] + y).max() <= OBLONG.section.half_y - OBLONG.rim


@given(radius=st.floats(8, 40), height=st.floats(1.5, 4))
@settings(max_examples=30, deadline=None)
def test_a_smooth_cake_has_the_volume_of_a_cylinder(radius: float, height: float) -> None:
    outline = of_section(circle(radius))
    mesh = cake(outline, height, RELIEFS["smooth"])
    assert mesh.volume() == pytest.approx(math.pi * radius**2 * height, rel=0.06)


def test_a_pan_keeps_its_powder_below_its_rim() -> None:
    metal, powder = pan(of_section(circle(20)), POWDER, GOLD, "rings")
    assert powder.mesh.vertices[:, 2].max() <= metal.mesh.vertices[:, 2].max()
    assert np.hypot(*powder.mesh.vertices[:, :2].T).max() < 20


@pytest.mark.parametrize("name", RELIEFS)
@given(points=st.lists(st.tuples(st.floats(-2, 2), st.floats(-2, 2)), min_size=1, max_size=20))
def test_a_relief_stays_between_nought_and_one(
    name: str, points: list[tuple[float, float]]
) -> None:
    x, y = np.array(points).T
    height = RELIEFS[name](x, y)
    assert height.shape == x.shape
    assert (height >= -1e-12).all()
    assert (height <= 1 + 1e-12).all()


@given(count=st.integers(1, 4), gap=st.floats(0.5, 4))
def test_slices_share_an_outline_out_but_for_the_gaps(count: int, gap: float) -> None:
    outline = of_section(Section(40, 25, 0), 400)
    pieces = slices(outline, count, gap)
    assert sum(_area(points) for _, points in pieces) == pytest.approx(
        _area(outline) - (count - 1) * gap * 50, rel=0.02
    )
    edges = [(x + points[:, 0].min(), x + points[:, 0].max()) for x, points in pieces]
    for (_, right), (left, _) in pairwise(edges):
        assert left - right == pytest.approx(gap, abs=0.3)


@given(sides=st.integers(3, 8), radius=st.floats(10, 50), fraction=st.floats(0.1, 0.9))
def test_a_polygon_keeps_within_its_radius_and_turns_one_way(
    sides: int, radius: float, fraction: float
) -> None:
    outline = polygon(sides, radius, radius * fraction, count=240)
    assert np.hypot(*outline.T).max() <= radius + 1e-9
    step = np.roll(outline, -1, axis=0) - outline
    ahead = np.roll(step, -1, axis=0)
    assert (step[:, 0] * ahead[:, 1] - step[:, 1] * ahead[:, 0] > -1e-9).all()


def test_a_belt_round_discs_touches_every_disc_and_crosses_none() -> None:
    discs = [(0.0, 0.0, 20.0), (0.0, 26.0, 5.0)]
    outline = hull(discs, count=600)
    for x, y, radius in discs:
        away = np.hypot(outline[:, 0] - x, outline[:, 1] - y)
        assert away.min() == pytest.approx(radius, abs=0.05)


def test_points_along_an_outline_are_evenly_spaced() -> None:
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], float)
    points = evenly(square, 40)
    apart = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    assert apart == pytest.approx(np.ones(40))


def test_pile_stands_on_the_cloth_and_no_higher_than_it_is_cut() -> None:
    hairs = pile(box(30, 30, 4), np.random.default_rng(0))
    assert hairs.vertices[:, 2].max() < 4 + 2 * PILE
    assert hairs.vertices[:, 2].max() > 4 + 0.3 * PILE
    assert len(hairs.faces) > 3000


def test_a_puff_is_as_thick_as_its_pad_and_its_ribbon_crosses_over_it() -> None:
    pad = Pad(of_section(circle(30)), 10, 4)
    *_, ribbon = ribboned(pad, WHITE, WHITE, GOLD, width=0.6, slack=3)
    top = ribbon.mesh.vertices
    assert top[:, 2].max() == pytest.approx(10 + 0.35 + 3 + 0.25, abs=0.1)
    assert np.ptp(top[:, 1]) == pytest.approx(0.6 * 30, abs=0.1)
    assert top[:, 2].min() == pytest.approx(5, abs=0.5)  # sewn into the seam


def test_cutting_or_waisting_a_sponge_takes_foam_away() -> None:
    def foam(waist: float, cut: float) -> Mesh:
        return sponge(58, 40, 0.5, waist, WHITE, cut=cut)[0].mesh

    whole = foam(0, 0).volume()
    assert 0 < foam(0, 0.52).volume() < 0.99 * whole
    assert 0 < foam(0.25, 0).volume() < 0.97 * whole


@given(
    length=st.floats(50, 130),
    handle=st.floats(4, 9),
    head=st.floats(0.22, 0.42),
    wide=st.floats(1.5, 3),
    square=st.floats(2, 12),
)
@settings(max_examples=40, deadline=None)
def test_a_spatula_lies_on_the_table_and_has_the_dimensions_it_was_given(
    length: float, handle: float, head: float, wide: float, square: float
) -> None:
    blade = Blade(length * head, handle * wide, square)
    points = Spatula(length, handle, 2.2, blade).mesh().vertices
    assert points[:, 2].min() == pytest.approx(0)
    assert np.ptp(points[:, 0]) == pytest.approx(length, rel=1e-3)
    assert np.ptp(points[:, 1]) == pytest.approx(handle * wide, rel=0.06)


def test_an_engraved_dot_takes_material_from_the_upper_face_only() -> None:
    blade = Blade(24, 14)
    plain = Spatula(80, 6, 3, blade).mesh()
    dotted = Spatula(80, 6, 3, blade, relief=(Dent(-32, 2, 0.8),)).mesh()
    sunk = plain.vertices[:, 2] - dotted.vertices[:, 2]
    assert sunk.max() == pytest.approx(0.8)
    assert sunk.min() == pytest.approx(0)
    assert dotted.volume() < plain.volume()


def _area(points: Array) -> float:
    x, y = points.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
