"""The query look: casual framing, true sizes, and a product that only an occluder may hide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.datasets.packbench import phone
from offline.datasets.packbench.camera import Camera, Posed, framed, posed
from offline.datasets.packbench.categories import category
from offline.datasets.packbench.materials import gloss
from offline.datasets.packbench.parameters import Category, View
from offline.datasets.packbench.phone import clutter, light, occluders
from offline.datasets.packbench.phone.hands import bent
from offline.datasets.packbench.phone.pieces import bounds, extruded, joined
from offline.datasets.packbench.phone.sheets import SIDE, Sheet, tiled
from offline.datasets.packbench.phone.sight import samples, sight
from offline.datasets.packbench.phone.skin import Bone, Limb, skinned
from offline.datasets.packbench.phone.surface_nets import surface_net
from offline.datasets.packbench.phone.tables import TABLES, table_top
from offline.datasets.packbench.phone.walls import WALLS, wall
from offline.datasets.packbench.shapes.meshes import box, revolve
from offline.datasets.packbench.shapes.parts import Part

SEEDS = st.integers(0, 2**31 - 1)


def package(radius: float = 30, height: float = 70) -> tuple[Part, ...]:
    """A closed cylinder, mm."""
    return (Part(revolve([(0, 0), (radius, 0), (radius, height), (0, height)]), gloss("white")),)


def seen(view: View, size: tuple[int, int] = (120, 160)) -> tuple[Posed, Camera]:
    product = posed(package(), view)
    return product, framed(product.points, view, size)


@settings(max_examples=60)
@given(SEEDS, st.sampled_from([(0.0,), (0.0, 90.0), (90.0, 0.0, 180.0)]))
def test_a_view_keeps_to_its_category_and_the_whole_product_in_the_frame(
    seed: int, tips: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(seed)
    bounds_of = Category("any", (), (), (14, 42), tips)
    view, size = phone.view(bounds_of, rng), phone.size(rng, 160)
    assert 14 <= view.elevation <= 42
    assert view.tip in tips
    assert 2.8 <= view.distance <= 6
    assert 0.35 <= view.fill <= 0.75
    product, camera = seen(view, size)
    where = camera.project(product.points)
    assert where.min() > 0
    assert (where < np.array(size)).all()


def test_a_photo_is_upright_or_level_or_square() -> None:
    rng = np.random.default_rng(0)
    sizes = [phone.size(rng, 320) for _ in range(300)]
    assert set(sizes) == {(240, 320), (320, 240), (320, 320)}
    assert sizes.count((240, 320)) > sizes.count((320, 240)) > 0


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.sampled_from([*TABLES, *WALLS]), st.floats(250, 700))
def test_every_surface_is_a_plausible_albedo_and_repeats_itself(
    seed: int, name: str, mm: float
) -> None:
    draw = table_top if name in TABLES else wall
    first, second = (draw(name, Sheet(mm, np.random.default_rng(seed))) for _ in range(2))
    assert first.texture.shape == (SIDE, SIDE, 3)
    assert first.texture.dtype == np.float32
    assert first.texture.min() > 0
    assert first.texture.max() < 0.95  # no wall gives back all light
    assert first.texture.tobytes() == second.texture.tobytes()


def test_tiles_have_the_size_that_was_given() -> None:
    grid = tiled(Sheet(300, np.random.default_rng(0)), 100, 60)
    assert len(np.unique(grid.number)) == 3 * 5
    assert grid.inside.max() == pytest.approx(30, abs=1)  # half of the shorter side
    fraction = grid.joints(4).mean()
    assert fraction == pytest.approx(1 - 96 * 56 / 6000, abs=0.02)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_clutter_stands_on_the_table_at_real_size(seed: int) -> None:
    thing = clutter.clutter(np.random.default_rng(seed))
    low, high = bounds(thing)
    assert low[2] == pytest.approx(0, abs=1e-6)
    assert 10 < (high - low).max() < 330  # from a pebble to a row of books, mm
    for piece in thing:
        assert np.isfinite(piece.mesh.vertices).all()
        assert piece.mesh.faces.max() < len(piece.mesh.vertices)


def test_joined_meshes_keep_their_volume_and_their_texture() -> None:
    one, other = box(10, 20, 30), box(5, 5, 5).moved(x=40)
    whole = joined([one, other])
    assert whole.volume() == pytest.approx(one.volume() + other.volume())
    assert whole.uv is None
    strip = extruded(np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 50.0]]), 30, 100)
    assert joined([strip, strip]).uv.shape == (2 * len(strip.vertices), 2)
    assert np.ptp(strip.uv[:, 1]) == pytest.approx(1.5)  # along the line, not across the floor


def test_daylight_is_bluer_than_a_bulb_and_as_bright() -> None:
    bulb, day = (np.array(light.tinted(2.0, kelvin)) for kelvin in (2800, 6500))
    assert bulb[0] > 2 * bulb[2]
    np.testing.assert_allclose(day, 2.0, rtol=0.06)  # close to the white of sRGB
    assert bulb @ (0.2126, 0.7152, 0.0722) == pytest.approx(2.0, rel=0.02)


def test_no_lamp_shines_from_behind_the_wall() -> None:
    for seed in range(60):
        lit = light.lighting(np.random.default_rng(seed))
        assert lit.boxes
        assert all(abs(lamp.azimuth) < 110 for lamp in lit.boxes)


def test_a_surface_net_finds_the_ball_that_the_field_describes() -> None:
    axis = np.arange(-12, 12.5, 1.0)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    mesh = surface_net(np.sqrt(x**2 + y**2 + z**2) - 9.3, np.full(3, -12.0), 1.0)
    radius = np.linalg.norm(mesh.vertices, axis=1)
    np.testing.assert_allclose(radius, 9.3, atol=0.2)
    assert mesh.volume() == pytest.approx(4 / 3 * np.pi * 9.3**3, rel=0.02)  # faces outwards


def test_skin_lies_as_far_from_the_bone_as_the_bone_is_thick() -> None:
    bone = Bone(np.zeros(3), np.array([40.0, 0, 0]), 10, 6)
    mesh = skinned(Limb((bone,), 5), ())
    assert np.abs(bone.distance(mesh.vertices)).max() < 0.8
    np.testing.assert_allclose(bone.distance(bone.samples())[: 14 * 8], 0, atol=1e-9)


@given(st.floats(32, 120), st.floats(-1, 1), st.floats(-1, 1))  # nearer is not even a fist
def test_a_finger_reaches_its_goal_without_stretching(far: float, y: float, z: float) -> None:
    lengths, start = [44, 25, 17], np.zeros(3)
    goal = far * np.array([1, y, z]) / np.linalg.norm([1, y, z])
    joints = bent(start, goal, lengths, np.array([0, 0.2, -1.0]))
    bones = np.linalg.norm(np.diff(joints, axis=0), axis=1)
    np.testing.assert_allclose(bones, lengths, rtol=1e-6)
    if far < sum(lengths) * 0.99:
        np.testing.assert_allclose(joints[-1], goal, atol=0.05)
    off = np.cross(np.array(joints) - start, goal / far)
    assert np.linalg.norm(off, axis=1).max() < 0.75 * max(far, 60)


def test_half_a_product_behind_a_board_is_half_hidden() -> None:
    product, camera = seen(View("front", 0, 0, fill=0.6, distance=6))
    look = sight(product, camera, np.random.default_rng(0))
    board = box(200, 1, 300, 0.1, 0.1).moved(x=100, y=-60, z=-100)  # its edge at x = 0
    assert look.hidden(board.vertices[:0]) == 0
    points = np.random.default_rng(1).uniform((0, -60, -50), (90, -60, 150), (60_000, 3))
    assert look.hidden(points) == pytest.approx(0.5, abs=0.06)
    assert look.hidden(points + np.array([0, 200, 0])) == 0  # behind the product


@pytest.mark.parametrize("hands", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_an_occluder_hides_a_little_and_never_much(hands: float, seed: int, monkeypatch) -> None:
    monkeypatch.setattr(occluders, "FRACTION", 1.0)
    monkeypatch.setattr(occluders, "HANDS", hands)
    rng = np.random.default_rng(seed)
    look = sight(*seen(View("phone", 20, 30, fill=0.5, distance=4)), rng)
    held = occluders.occluder(look, rng)
    assert held.thing
    hidden = look.hidden(samples(held.thing, rng))
    assert 0.03 < hidden < 0.36
    if held.lift:  # a hand is above the table
        assert bounds(held.thing)[0, 2] > -held.lift - 6


def test_most_products_stand_free(monkeypatch) -> None:
    monkeypatch.setattr(occluders, "HANDS", 0.0)  # props are quicker to make
    look = sight(*seen(View("phone", 0, 25)), np.random.default_rng(0))
    rng = np.random.default_rng(1)
    free = [not occluders.occluder(look, rng).thing for _ in range(30)]
    assert 0.45 < np.mean(free) < 0.85


@pytest.fixture
def renderer():
    pytest.importorskip("mitsuba", reason="needs the extra `render`")
    from offline.datasets.packbench import render

    render.use_variant()
    return render


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_clutter_never_stands_between_the_camera_and_the_product(
    renderer, seed: int, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(occluders, "FRACTION", 0.0)
    rng = np.random.default_rng(seed)
    product, camera = seen(phone.view(category("jar"), rng), (48, 64))
    setting = phone.scene(product, rng, tmp_path, [package(20, 40)], camera=camera)
    shapes = renderer.described(product, tmp_path)
    alone = renderer._coverage(camera, shapes, {}, 1)
    among = renderer._coverage(camera, shapes, setting.surroundings, 1)
    np.testing.assert_allclose(among, alone, atol=0.05)


@pytest.mark.slow
def test_a_scene_repeats_itself_to_the_byte(renderer, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(occluders, "FRACTION", 1.0)
    images = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        rng = np.random.default_rng(9)
        product, camera = seen(View("phone", 20, 30, fill=0.5, distance=4), (48, 64))
        setting = phone.scene(product, rng, folder, [package(20, 40)], camera=camera)
        shot = renderer.photograph(product, camera, setting, folder, 3, samples=4)
        assert 0.6 < shot.visible < 0.99
        images.append(shot.radiance.tobytes())
    assert images[0] == images[1]
