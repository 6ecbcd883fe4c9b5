"""Flat faces beside fillets: shaded as planes, with the shape left as it was."""

import numpy as np
import pytest

from offline.datasets.packbench.shapes.meshes import HOLD, held, profile, revolve

CAN = [(0, 0), (20, 0, 2), (20, 50, 3), (0, 50)]


def test_the_top_of_a_can_is_shaded_flat_up_to_its_fillet():
    can = revolve(CAN)
    radius = np.hypot(*can.vertices.T[:2])
    top = np.flatnonzero(np.isclose(can.vertices[:, 2], 50) & (radius < 17 - HOLD / 2))
    faces = can.faces[np.isin(can.faces, top).any(axis=1)]
    a, b, c = (can.vertices[faces[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    steep = normals[:, 2] / np.linalg.norm(normals, axis=1)
    assert radius[top].max() == pytest.approx(17 - HOLD, abs=1e-6)
    np.testing.assert_allclose(steep, 1, atol=1e-9)


def test_held_levels_lie_on_the_profile_they_came_from():
    line = profile(CAN)
    more = held(line)
    assert len(more) > len(line)
    length = np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
    assert np.linalg.norm(np.diff(more, axis=0), axis=1).sum() == pytest.approx(length)


def test_an_even_curve_is_left_alone():
    t = np.linspace(0, np.pi, 20)
    arc = np.column_stack([30 + 5 * np.sin(t), 40 * t])
    np.testing.assert_array_equal(held(arc), arc)
