"""Materials and their surfaces: every finish in every colour, prints, grain and brushing."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from offline.datasets.packbench.materials import (
    COLOURS,
    SEE_THROUGH,
    TRADE_NAMES,
    Finish,
    Material,
    linear_rgb,
)
from offline.datasets.packbench.shapes.meshes import Mesh, box, circle, patch, revolve
from offline.datasets.packbench.surfaces import (
    TILE,
    aspect,
    bsdf,
    emboss,
    grain,
    pile,
    printed,
    speckle,
    textured,
    transmitting,
)

FINISHES = get_args(Finish)
CAN = [(0, 0), (20, 0, 2), (20, 50, 2), (0, 50)]


def loaded(surface):
    mi = pytest.importorskip("mitsuba", reason="needs the extra `render`")
    mi.set_variant("scalar_rgb")
    return mi.load_dict(surface)


def test_no_colour_reflects_more_than_white_paint_does():
    luminance = {c: np.dot([0.2126, 0.7152, 0.0722], linear_rgb(c)) for c in COLOURS}
    del luminance["clear"]  # of what light passes, not of what it meets
    assert max(luminance.values()) <= 0.85


def test_every_finish_has_a_trade_name():
    assert set(TRADE_NAMES) == set(FINISHES)


def test_a_colour_that_does_not_exist_is_refused_by_name():
    with pytest.raises(ValueError, match="mauve"):
        Material("gloss", "mauve")


@pytest.mark.slow
@pytest.mark.parametrize("artwork", [None, 3])
@pytest.mark.parametrize("finish", FINISHES)
def test_mitsuba_takes_every_finish_plain_and_printed(finish, artwork):
    mi = pytest.importorskip("mitsuba", reason="needs the extra `render`")
    mi.set_variant("scalar_rgb")
    material = Material(finish, "amber", artwork, "white")
    for surface in (bsdf(material, 1.5), transmitting(material, 1.5)):
        loaded(surface)


@pytest.mark.slow
@pytest.mark.parametrize("finish", sorted(SEE_THROUGH))
def test_what_a_see_through_finish_transmits_goes_through_it(finish):
    mi = pytest.importorskip("mitsuba", reason="needs the extra `render`")
    surface = loaded(transmitting(Material(finish, "clear")))
    si = mi.SurfaceInteraction3f()
    si.wi, si.t = mi.Vector3f(0.3, 0, 0.954), 1.0
    si.sh_frame = mi.Frame3f(mi.Normal3f(0, 0, 1))
    context = mi.BSDFContext()
    passed = 0.0
    for at in np.linspace(0.02, 0.98, 40):
        sample, weight = surface.sample(context, si, float(at), mi.Point2f(0.4, 0.7))
        if sample.wo.z < 0:
            passed += max(weight)
    assert passed > 0


def test_an_opaque_finish_transmits_nothing():
    surface = transmitting(Material("gloss", "white"))
    assert surface == {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.0] * 3}}


def test_a_print_needs_uv():
    with pytest.raises(ValueError, match="uv"):
        textured(revolve(CAN), Material("gloss", "white", artwork=1))


def test_a_label_keeps_its_own_uv():
    label = patch(circle(20), 10, 30, 25)
    assert textured(label, Material("paper", "white", artwork=1)) is label


@pytest.mark.parametrize("finish", ["wood", "powder", "velour", "brushed"])
def test_grain_and_brushing_bring_finite_uv(finish):
    mesh = revolve(CAN)
    dressed = textured(mesh, Material(finish, "tan"))
    assert dressed.uv is not None
    assert dressed.uv.shape == (len(mesh.vertices), 2)
    assert np.isfinite(dressed.uv).all()
    np.testing.assert_array_equal(dressed.vertices, mesh.vertices)


@pytest.mark.parametrize("axis, degrees", [("x", 0), ("x", 66), ("y", 90)])
def test_brushing_runs_round_a_turned_part_however_it_lies(axis, degrees):
    upright = revolve(CAN)
    mesh = upright.turned(axis, degrees).moved(30, -20, 5)
    uv = textured(mesh, Material("brushed", "silver")).uv
    ring = np.isclose(upright.vertices[:, 2], 48) & (np.hypot(*upright.vertices.T[:2]) > 19)
    assert ring.sum() > 50
    assert np.ptp(uv[ring, 0]) > 0.95  # u goes all the way round ...
    assert np.ptp(uv[ring, 1]) < 0.02  # ... at one v


def test_brushing_runs_lengthwise_on_a_flat_part():
    mesh = box(80, 12, 6)
    uv = textured(mesh, Material("brushed", "silver")).uv
    slope = np.corrcoef(mesh.vertices[:, 0], uv[:, 0])[0, 1]
    assert abs(slope) > 0.999


@pytest.mark.parametrize("width, height", [(30, 30), (40, 16), (12, 36)])
def test_the_aspect_of_a_label_is_its_width_over_its_height(width, height):
    assert aspect(patch(circle(25), 5, 5 + height, width)) == pytest.approx(
        width / height, rel=0.03
    )


def test_a_mesh_without_uv_counts_as_square():
    assert aspect(replace(revolve(CAN), uv=None)) == 1.0


def test_triangles_without_extent_in_uv_do_not_disturb_the_aspect():
    label = patch(circle(25), 5, 25, 40)
    collapsed = np.array([[0, 0, 0]], np.int32)
    odd = Mesh(label.vertices, np.vstack([label.faces, collapsed]), label.uv)
    assert aspect(odd) == aspect(label)


@pytest.mark.parametrize("texture", [grain, speckle, pile])
def test_textures_tile_and_keep_the_colour(texture):
    factor = texture()[..., 0]
    assert factor.shape == (TILE, TILE)
    assert factor.mean() == pytest.approx(1, abs=0.05)
    step = np.abs(np.diff(factor, axis=1)).max(axis=1)
    seam = np.abs(factor[:, 0] - factor[:, -1])
    assert (seam <= 1.5 * step.max()).all()


def test_ink_lies_where_the_print_is():
    base, ink = np.array([0.8, 0.8, 0.8]), np.array([0.1, 0.0, 0.3])
    cover = np.array([[0.0, 0.5, 1.0]], np.float32)
    np.testing.assert_allclose(printed(base, ink, cover)[0], [base, (base + ink) / 2, ink], 1e-6)


def test_embossing_lights_the_upper_edge_and_shades_the_lower():
    cover = np.zeros((40, 40), np.float32)
    cover[10:30, 10:30] = 1
    relief = emboss(np.array([0.5, 0.5, 0.5], np.float32), cover)[..., 0]
    assert relief[10, 20] > 0.5 > relief[30, 20]
    np.testing.assert_allclose(relief[2, 2], 0.5, atol=1e-4)
