"""Vessels: volumes, walls, necks, labels, lids and caps that fit what they cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.datasets.packbench.materials import clear, cream, gloss, metal, powder
from offline.datasets.packbench.shapes.bottles import NECK_HEIGHT, bottle, tottle
from offline.datasets.packbench.shapes.jars import covered, jar
from offline.datasets.packbench.shapes.meshes import (
    Array,
    Section,
    circle,
    coil,
    facing,
    merged,
    patch,
)
from offline.datasets.packbench.shapes.outlines import turned
from offline.datasets.packbench.shapes.parts import Parts
from offline.datasets.packbench.shapes.pots import sifter
from offline.datasets.packbench.shapes.rollers import roller
from offline.datasets.packbench.shapes.sticks import TIPS, bullet, cap_over, lipstick
from offline.datasets.packbench.shapes.vessels import (
    Lean,
    contents,
    leaning,
    lid,
    standing_beside,
    vessel,
)

WHITE = gloss("white")
radii, fractions = st.floats(12, 40), st.floats(0, 1)


def points(parts: Parts) -> Array:
    return np.vstack([part.mesh.vertices for part in parts])


@given(radius=radii, height=st.floats(20, 120))
def test_a_straight_jar_holds_what_its_cavity_encloses(radius: float, height: float) -> None:
    outline = turned(circle(radius), [(radius, 0), (radius, height)])
    _, volume = vessel(outline, WHITE, wall=2, floor=3)
    assert volume == pytest.approx(math.pi * (radius - 2) ** 2 * (height - 3) / 1000, rel=0.03)


def test_the_contents_of_a_straight_jar_fill_their_fraction_of_it() -> None:
    outline = turned(circle(30), [(30, 0), (30, 50)])
    _, volume = vessel(outline, clear("clear"), wall=2, floor=4)
    half = contents(outline, cream("white"), 27, wall=2, floor=4).mesh.volume() / 1000
    assert half == pytest.approx(volume / 2, rel=0.03)


@settings(max_examples=40)
@given(
    half=st.floats(18, 40),
    depth=st.floats(0.55, 1),
    slenderness=st.floats(2.4, 5),
    shoulder=st.floats(0.5, 20),
    taper=st.floats(0.92, 1),
    waist=st.floats(0, 0.2),
)
def test_no_wall_of_a_bottle_turns_inside_out(
    half: float, depth: float, slenderness: float, shoulder: float, taper: float, waist: float
) -> None:
    outline = bottle(
        Section(half, half * depth, half),
        half * slenderness,
        0.34 * half,
        shoulder=shoulder,
        taper=taper,
        waist=waist * half,
    )
    cavity = outline.inner(1.4, 2.4)
    assert (np.diff(cavity.levels[:, 3]) >= -1e-9).all()
    for x, y, _, z in cavity.levels[1:]:
        around = outline.at(z)
        assert x < around.half_x - 0.1 and y < around.half_y - 0.1
    assert 0 < cavity.solid().volume() < outline.solid().volume()


@pytest.mark.parametrize("section", [Section(22, 18, 3), Section(30, 19, 30)])
def test_the_neck_of_every_bottle_is_round(section: Section) -> None:
    outline = bottle(section, 90, 9, shoulder=5)
    for z in (outline.top, outline.top - NECK_HEIGHT + 1):
        ring = outline.at(z).ring(0, z)
        assert np.hypot(ring[:, 0], ring[:, 1]) == pytest.approx(9, abs=0.05)


def test_the_mouth_of_a_square_jar_is_round_up_to_its_thread() -> None:
    pot = jar(Section(30, 30, 8), 34, WHITE)
    ring = pot.outline.at(pot.shoulder + 3).ring(0, 0)
    assert np.hypot(ring[:, 0], ring[:, 1]) == pytest.approx(pot.neck, abs=0.05)


@given(waist=st.floats(2, 8), waist_at=st.floats(0.4, 0.65), height=st.floats(100, 180))
def test_a_waist_is_narrowest_at_its_height(waist: float, waist_at: float, height: float) -> None:
    outline = bottle(circle(32), height, 10, waist=waist, waist_at=waist_at)
    sides = outline.levels[(outline.levels[:, 3] > 8) & (outline.levels[:, 3] < height - 8)]
    narrowest = sides[np.argmin(sides[:, 0])]
    assert narrowest[0] == pytest.approx(32 - waist, abs=0.1)
    assert narrowest[3] / height == pytest.approx(waist_at, abs=0.05)


def test_a_section_with_long_corners_is_an_ellipse() -> None:
    ring = Section(30, 18, 30).ring(0, 0)
    assert (ring[:, 0] / 30) ** 2 + (ring[:, 1] / 18) ** 2 == pytest.approx(1)


@given(width=st.floats(5, 400), half_x=radii, fraction=st.floats(0.5, 1), corner=st.floats(1, 40))
def test_a_label_is_centred_in_front_and_never_overlaps_itself(
    width: float, half_x: float, fraction: float, corner: float
) -> None:
    section = Section(half_x, half_x * fraction, corner)
    line = facing(section, width, 40)
    ring = section.ring(-0.12, 0)
    girth = np.linalg.norm(np.diff(ring, axis=0, append=ring[:1]), axis=1).sum()
    length = np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
    assert length <= min(width, float(girth)) + 1e-6
    assert length == pytest.approx(min(width, float(girth)), rel=0.05)
    assert line[:, 0] + line[::-1, 0] == pytest.approx(0, abs=1e-6)
    assert line[19:21, 1].max() < 0


def test_a_label_reads_from_left_to_right_and_faces_the_camera() -> None:
    label = patch(circle(20), 10, 40, 30)
    assert label.uv is not None
    right = np.corrcoef(label.vertices[:, 0], label.uv[:, 0])[0, 1]
    up = np.corrcoef(label.vertices[:, 2], label.uv[:, 1])[0, 1]
    a, b, c = (label.vertices[label.faces[:, i]] for i in range(3))
    assert right > 0.99 and up > 0.99
    assert (np.cross(b - a, c - a)[:, 1] < 0).all()


def test_a_wrapped_label_keeps_clear_of_a_waisted_wall() -> None:
    outline = bottle(circle(30), 120, 10, waist=5)
    label = outline.wrap(20, 90, 60)
    for x, y, z in label.vertices:
        assert 0.02 < math.hypot(x, y) - outline.at(z).half_x < 0.2


@given(radius=radii, height=st.floats(15, 80), tall=st.floats(10, 22), tilt=st.floats(12, 40))
def test_a_leaning_lid_stands_on_the_ground_and_beside_its_jar(
    radius: float, height: float, tall: float, tilt: float
) -> None:
    cover = leaning(lid(circle(radius), tall, WHITE), radius, radius, height, Lean(tilt, -20))
    shell = points(cover)
    assert shell[:, 2].min() == pytest.approx(0, abs=0.2)  # its rim is rounded
    beside = shell[shell[:, 2] < height]
    assert np.hypot(beside[:, 0], beside[:, 1]).min() > radius


@pytest.mark.parametrize("placed", ["on", "beside"])
def test_the_lid_of_a_jar_neither_sinks_into_it_nor_floats(placed: str) -> None:
    pot = jar(circle(30), 34, WHITE)
    cover = points(covered(pot, lid(circle(30), 16, WHITE), placed, 30))
    lowest = cover[:, 2].min()
    assert lowest == pytest.approx(pot.shoulder + 0.7 if placed == "on" else 0, abs=0.2)


def test_a_jar_lid_is_wider_than_the_thread_it_screws_on() -> None:
    pot = jar(circle(30), 34, WHITE)
    thread = points(pot.parts[-1:])
    assert np.hypot(thread[:, 0], thread[:, 1]).max() < 30 - 1


@settings(max_examples=25)
@given(radius=st.floats(8, 25), headroom=st.floats(2, 12), dome=st.sampled_from([0.0, 6.0]))
def test_a_roll_on_cap_goes_over_the_ball(radius: float, headroom: float, dome: float) -> None:
    neck = 0.7 * radius
    outline = bottle(circle(radius), 60, neck, shoulder=1, slope=0.6)
    top = roller(outline, neck, WHITE, metal("silver"), WHITE)
    shoulder = outline.top - NECK_HEIGHT
    assert points(top.parts)[:, 2].max() == pytest.approx(shoulder + top.rise, abs=0.05)
    cap = points(lid(circle(radius), top.rise + headroom, WHITE, dome=dome, wall=1.2))
    on_axis = cap[np.hypot(cap[:, 0], cap[:, 1]) < 0.1]
    assert on_axis[:, 2].min() > top.rise


def test_a_housing_holds_its_ball() -> None:
    outline = bottle(circle(10), 60, 7, shoulder=1)
    housing, ball, _ = roller(outline, 7, WHITE, metal("silver"), WHITE).parts
    z = housing.mesh.vertices[:, 2].max()
    rim = housing.mesh.vertices[housing.mesh.vertices[:, 2] > z - 0.01]
    widest = np.hypot(ball.mesh.vertices[:, 0], ball.mesh.vertices[:, 1]).max()
    assert np.hypot(rim[:, 0], rim[:, 1]).min() < widest
    assert ball.mesh.vertices[:, 2].max() > z


@settings(max_examples=25)
@given(
    radius=st.floats(8.6, 11),
    base=st.floats(17, 34),
    sleeve=st.floats(7, 14),
    rise=st.floats(14, 22),
    tip=st.sampled_from(TIPS),
    square=st.booleans(),
)
def test_a_lipstick_cap_covers_its_bullet(
    radius: float, base: float, sleeve: float, rise: float, tip: str, square: bool
) -> None:
    section = Section(radius, radius, 0.3 * radius) if square else circle(radius)
    stick = lipstick(section, base, sleeve, rise, WHITE, WHITE, cream("red"), tip, 0.5)
    cap = points(cap_over(stick, section, WHITE))
    under = cap[np.hypot(cap[:, 0], cap[:, 1]) < 0.1][:, 2].min() + stick.seat
    high = points(stick.parts)
    assert high[:, 2].max() < under
    inside = high[high[:, 2] > stick.seat + 0.5]
    assert np.abs(inside[:, :2]).max() < radius - 0.7


def test_a_slanted_bullet_is_highest_on_its_left() -> None:
    for tip in TIPS:
        mesh = bullet(6, 0, 22, tip).vertices
        left, right = (mesh[np.sign(mesh[:, 0]) == side][:, 2].max() for side in (-1, 1))
        assert left == pytest.approx(right) if tip == "rounded" else left > right + 2
        assert 18 < mesh[:, 2].max() < 22.1 and mesh[:, 2].min() >= 0


def test_a_cap_beside_a_stick_touches_the_ground_standing_and_lying() -> None:
    cover = points(standing_beside(lid(circle(7), 20, WHITE), 12, 9))
    assert cover[:, 2].min() == pytest.approx(0)
    assert cover[:, 0].min() > 12
    assert cover[:, 1].max() == pytest.approx(9)


@pytest.mark.parametrize("pattern", ["rings", "rays", "windows"])
def test_powder_shows_in_the_openings_on_top_of_a_sifter(pattern: str) -> None:
    plate, *_, openings = sifter(20, 30, WHITE, powder("nude"), pattern)
    a, b, c = (openings.mesh.vertices[openings.mesh.faces[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    assert (normals[np.linalg.norm(normals, axis=1) > 1e-6][:, 2] > 0).all()
    assert np.hypot(*openings.mesh.vertices[:, :2].T).max() < 20 - 2.2
    assert plate.mesh.vertices[:, 2].min() < 30 < openings.mesh.vertices[:, 2].min()


def test_a_tottle_keeps_its_girth_while_it_flattens() -> None:
    outline = tottle(20, 110, 20)
    levels = outline.levels[10:-2]
    girth = np.sqrt((levels[:, 0] ** 2 + levels[:, 1] ** 2) / 2)
    assert girth == pytest.approx(20, rel=0.01)
    assert outline.levels[-1, 1] < 1


def test_a_screw_thread_is_a_closed_bead_on_its_neck() -> None:
    bead = coil(10, 2, 6, 1.5, 0.7)
    assert np.hypot(bead.vertices[:, 0], bead.vertices[:, 1]).max() == pytest.approx(10.7, abs=0.05)
    assert bead.volume() == pytest.approx(math.pi * 0.49 * 2 * math.pi * 10 * 1.5, rel=0.2)


def test_merged_meshes_enclose_what_they_enclosed_apart() -> None:
    one = turned(circle(5), [(5, 0), (5, 10)]).solid()
    both = merged([one, one.moved(x=20)])
    assert both.volume() == pytest.approx(2 * one.volume())
