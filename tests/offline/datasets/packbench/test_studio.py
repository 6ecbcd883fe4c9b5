"""The studio: rigs that meter as they aim, a sweep behind every view, white at the borders."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.datasets.packbench.camera import framed
from offline.datasets.packbench.develop import encode
from offline.datasets.packbench.parameters import View
from offline.datasets.packbench.setting import Softbox, panorama
from offline.datasets.packbench.shapes.meshes import Mesh
from offline.datasets.packbench.studio import (
    BACK,
    FLOORS,
    FRONT,
    NARROW,
    RIGS,
    TOP,
    WIDE,
    metered,
    studio,
)

CORNERS = np.array([[x, y, z] for x in (-0.6, 0.6) for y in (-0.6, 0.6) for z in (0.0, 1.2)])


def test_the_fractions_of_rigs_and_of_papers_add_up_to_one():
    assert sum(rig.fraction for rig in RIGS) == pytest.approx(1)
    assert sum(floor.fraction for floor in FLOORS) == pytest.approx(1)


def test_an_even_sky_meters_as_its_radiance():
    assert metered(panorama((2.5, 2.5, 2.5), ())) == pytest.approx(2.5, rel=1e-3)


def test_lamps_below_the_table_light_no_table():
    lamp = Softbox(0, -40, 60, 40, (9.0, 9.0, 9.0))
    assert metered(panorama((0.0, 0.0, 0.0), (lamp,))) == pytest.approx(0, abs=1e-6)


def test_a_feathered_lamp_is_full_inside_and_half_at_its_edge():
    sky = panorama((0.0, 0.0, 0.0), (Softbox(0, 0, 40, 40, (4.0, 4.0, 4.0), 10),))
    middle = sky[90, :, 0]
    assert middle[180] == 4
    assert middle[200] == pytest.approx(2, abs=0.5)
    assert middle[210] == 0


@settings(max_examples=60, deadline=None)
@given(st.floats(2, 60), st.floats(0.6, 0.9), st.floats(-0.1, 0.1))
def test_no_catalogue_view_looks_past_the_sweep(elevation, fill, shift):
    camera = framed(CORNERS, View("any", 0, elevation, fill=fill, shift=(shift, shift)), (64, 64))
    for x, y in ((0, 0), (63, 0), (0, 63), (63, 63)):
        assert _hits_paper(camera, x, y)


def _hits_paper(camera, x, y):
    """Whether the pixel's ray meets the floor or the backdrop within the sheet."""
    eye, target = np.array(camera.eye), np.array(camera.target)
    ahead = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(ahead, camera.up)
    right /= np.linalg.norm(right)
    up = np.cross(right, ahead)
    half = np.tan(np.radians(camera.field) / 2)
    ray = ahead + half * ((x - 31.5) / 32 * right - (y - 31.5) / 32 * up)
    if ray[2] < 0:
        met = eye - ray * eye[2] / ray[2]
        if met[1] <= BACK:
            return met[1] >= FRONT and abs(met[0]) <= np.interp(met[1], [0.5, BACK], [NARROW, WIDE])
    met = eye + ray * (BACK - eye[1]) / ray[1]
    return met[2] <= TOP and abs(met[0]) <= WIDE


@pytest.mark.slow
def test_equal_generators_set_up_equal_shots(tmp_path):
    mi = pytest.importorskip("mitsuba", reason="needs the extra `render`")
    mi.set_variant("scalar_rgb")
    one, two = (studio(tmp_path, np.random.default_rng(5)) for _ in range(2))
    skies = [np.array(shot.light["sky"]["bitmap"]) for shot in (one, two)]
    np.testing.assert_array_equal(*skies)
    assert one.exposure == two.exposure


@pytest.mark.slow
def test_the_empty_sweep_is_near_white_under_most_rigs(tmp_path):
    mi = pytest.importorskip("mitsuba", reason="needs the extra `render`")
    mi.set_variant("scalar_rgb")
    borders = [_border(mi, studio(tmp_path, np.random.default_rng(seed))) for seed in range(24)]
    assert np.mean([level >= 235 for level in borders]) >= 0.7
    assert min(borders) > 180


def _border(mi, shot):
    """The mean level of the outer pixels of an empty shot."""
    camera = framed(CORNERS, View("front", 0, 12), (12, 12))
    scene = {"type": "scene", "sensor": camera.sensor(), **shot.surroundings, **shot.light}
    path = mi.load_dict({"type": "path", "max_depth": 4})
    seen = np.array(mi.render(mi.load_dict(scene), integrator=path, spp=36, seed=1))
    levels = encode(seen * shot.exposure).mean(-1)
    return np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]]).mean()


def test_the_sheet_is_one_piece_without_gaps():
    from offline.datasets.packbench.studio import _sheet

    sheet = _sheet()
    assert isinstance(sheet, Mesh)
    used = np.unique(sheet.faces)
    assert len(used) == len(sheet.vertices)
