"""Closures as geometry: they are closed, they fit, they open, and nothing crosses itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.datasets.packbench.categories import category
from offline.datasets.packbench.materials import Material, gloss, metal, rubber
from offline.datasets.packbench.parameters import Archetype, Parameters
from offline.datasets.packbench.shapes import meshes
from offline.datasets.packbench.shapes.closures import (
    disc_top,
    dropper,
    flip_top,
    nozzle,
    pump,
    screw_cap,
)
from offline.datasets.packbench.shapes.closures.bars import bent_bar, limb, outline
from offline.datasets.packbench.shapes.closures.nozzles import overcap
from offline.datasets.packbench.shapes.closures.pump_heads import saddle
from offline.datasets.packbench.shapes.closures.screw_caps import perfume_cap
from offline.datasets.packbench.shapes.closures.shells import (
    WALL,
    front_print,
    printed,
    shell,
    top_print,
)
from offline.datasets.packbench.shapes.meshes import Corner, Mesh, profile
from offline.datasets.packbench.shapes.parts import Parts

WHITE = gloss("white")
CAPS = ("cap-general", "cap-one-touch", "cap-press", "cap-dropper", "cap-sharp", "cap-pump")
KINDS = [
    pytest.param(kind, id=f"{name}/{kind.name}")
    for name in CAPS
    for kind in category(name).archetypes
]


def _points(parts: Parts) -> np.ndarray:
    return np.vstack([part.mesh.vertices for part in parts])


def _open_edges(mesh: Mesh) -> int:
    """Edges that have no opposite; vertices that lie on each other count as one."""
    _, place = np.unique(mesh.vertices.round(6), axis=0, return_inverse=True)
    faces = place.ravel()[mesh.faces]
    edges = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[edges[:, 0] != edges[:, 1]]
    there = {tuple(edge) for edge in edges.tolist()}
    return sum((b, a) not in there for a, b in there)


def _at(kind: Archetype, fraction: float, choice: int) -> Parameters:
    rng = np.random.default_rng(0)
    choices = {name: offered[choice % len(offered)] for name, offered in kind.choices.items()}
    return Parameters(
        {name: dimension.at(fraction) for name, dimension in kind.dimensions.items()},
        choices,
        kind.draw(rng).surfaces,
        5,
    )


@given(st.floats(8, 25), st.floats(8, 40))
def test_a_shell_encloses_its_cylinder_less_its_cavity(radius: float, height: float) -> None:
    mesh = shell(radius, height, [(radius, height), (0, height)])
    outside = math.pi * radius**2 * height
    cavity = math.pi * (radius - 1.6) ** 2 * (height - 1.6)
    assert mesh.volume() == pytest.approx(outside - cavity, rel=0.03)


@pytest.mark.parametrize("ribs", [0, 48])
def test_a_screw_cap_stands_on_zero_and_has_its_width_and_height(ribs: int) -> None:
    points = _points(screw_cap(14, 18, WHITE, ribs=ribs))
    assert points[:, 2].min() == pytest.approx(0, abs=1e-6)
    assert points[:, 2].max() == pytest.approx(18, abs=1e-6)
    assert np.hypot(points[:, 0], points[:, 1]).max() == pytest.approx(14, abs=0.02)


def test_a_cap_leaves_room_for_the_neck_it_screws_on() -> None:
    points = screw_cap(14, 18, WHITE)[0].mesh.vertices
    foot = points[points[:, 2] < 1e-6]
    assert np.hypot(foot[:, 0], foot[:, 1]).min() == pytest.approx(14 - WALL, abs=0.01)
    axis = points[np.hypot(points[:, 0], points[:, 1]) < 0.01]
    assert axis[:, 2].min() == pytest.approx(18 - WALL)


def test_a_square_perfume_cap_holds_more_than_a_round_one() -> None:
    volume = [
        perfume_cap(12, 30, WHITE, metal("gold"), corner=corner)[0].mesh.volume()
        for corner in (0, 3)
    ]
    assert volume[0] < volume[1]


def test_a_lid_at_angle_zero_closes_on_the_skirt() -> None:
    shut = _points(flip_top(15, 14, WHITE, lid=8))
    assert shut[:, 2].max() == pytest.approx(14 + 0.35 + 8, abs=0.05)
    assert np.hypot(shut[:, 0], shut[:, 1]).max() < 15 + 1.5  # the thumb lip and the hinge


@given(st.floats(30, 135))
def test_an_open_lid_stays_on_its_hinge_behind_the_skirt(angle: float) -> None:
    parts = flip_top(15, 14, WHITE, lid=8, angle=angle)
    closed = flip_top(15, 14, WHITE, lid=8)
    lid = next(
        now.mesh.vertices
        for now, before in zip(parts, closed, strict=True)
        if not np.allclose(now.mesh.vertices, before.mesh.vertices)
    )
    hinge = np.array([15.25, 14.0])  # y, z
    assert np.linalg.norm(lid[:, 1:] - hinge, axis=1).min() < 1
    assert lid[:, 2].max() > 14 + 8  # higher than when it was shut


def test_pressing_a_disc_lifts_its_front_and_sinks_its_back() -> None:
    parts = disc_top(14, 20, WHITE, tilt=17, disc=gloss("red"))
    puck = next(p.mesh.vertices for p in parts if p.material.colour == "red")
    front, back = puck[puck[:, 1] < -8], puck[puck[:, 1] > 8]
    assert front[:, 2].max() > 20 + 1.5
    assert back[:, 2].max() < 20 - 1
    body = parts[0].mesh.vertices
    well = body[np.hypot(body[:, 0], body[:, 1]) < 3]
    assert puck[:, 2].min() > well[:, 2].max() - 0.3  # it does not press through the floor


@given(st.floats(30, 80), st.sampled_from(["straight", "ball", "bent"]))
@settings(max_examples=20)
def test_a_pipette_has_its_length_and_is_hollow(length: float, tip: str) -> None:
    parts = dropper(10, 14, WHITE, rubber("black"), pipette=length, tip=tip)  # type: ignore[arg-type]
    glass = parts[-1]
    assert glass.material.finish == "glass"
    assert glass.mesh.vertices[:, 2].min() == pytest.approx(-length, abs=0.01)
    assert 0 < glass.mesh.volume() < math.pi * 3.4**2 * (length + 11)
    assert _open_edges(glass.mesh) == 0


def test_a_closure_without_its_inner_parts_does_not_reach_below_its_foot() -> None:
    for parts in (pump(14, 14, WHITE, dip=0), dropper(10, 14, WHITE, WHITE, pipette=0)):
        assert _points(parts)[:, 2].min() > -0.01


@given(st.floats(8, 14), st.floats(22, 50), st.floats(2, 10))
@settings(max_examples=30)
def test_a_beak_ends_at_its_spout_and_points_down(radius: float, spout: float, drop: float) -> None:
    spout = max(spout, 2.4 * radius)
    beak = saddle(radius, radius, spout, drop, WHITE)[0].mesh
    tip = beak.vertices[beak.vertices[:, 0] > spout - 0.01]
    assert beak.vertices[:, 0].max() < spout + radius * 0.4
    assert beak.vertices[:, 0].min() > -radius - 0.5
    assert tip[:, 2].min() < beak.vertices[:, 2].max() - drop * 0.8
    assert _open_edges(beak) == 0 and beak.volume() > 0


def test_the_tip_of_a_nozzle_is_its_highest_and_its_thinnest_place() -> None:
    points = nozzle(12, 13, WHITE, length=36, tip=1.3)[3].mesh.vertices
    top = points[points[:, 2] > points[:, 2].max() - 0.05]
    assert np.hypot(top[:, 0], top[:, 1]).max() == pytest.approx(1.3, abs=0.35)
    assert points[:, 2].max() == pytest.approx(13 + 0.8 + 36, abs=0.01)


def test_an_overcap_clears_the_spout_under_it() -> None:
    cover = overcap(11, 0, 40, WHITE, 0.8)[0].mesh
    inner = cover.vertices[np.hypot(cover.vertices[:, 0], cover.vertices[:, 1]) < 0.01][:, 2]
    assert sorted(inner.round(3))[0] == pytest.approx(39)
    assert cover.volume() > 0


@given(st.floats(4, 20), st.floats(10, 300), st.floats(2, 8))
def test_a_bent_bar_is_as_big_as_its_arc(radius: float, sweep: float, power: float) -> None:
    mesh = bent_bar(radius, 10, 10 + sweep, 1, 1, power=power, sides=24)
    assert _open_edges(mesh) == 0
    assert 0 < mesh.volume() < radius * math.radians(sweep) * 1.05


def test_a_straight_limb_is_an_elliptic_cylinder() -> None:
    path = np.column_stack([np.linspace(0, 10, 12), np.zeros(12)])
    mesh = limb(path, np.full(12, 3.0), np.full(12, 2.0), power=2)
    assert mesh.volume() == pytest.approx(math.pi * 3 * 2 * 10, rel=0.03)
    assert _open_edges(mesh) == 0


@given(st.floats(1.5, 8))
def test_an_outline_stays_in_its_box_and_touches_no_corner_twice(power: float) -> None:
    unit = outline(power)
    assert np.abs(unit).max() <= 1 + 1e-12
    assert len(np.unique(unit.round(9), axis=0)) == len(unit)


def test_a_print_shows_on_dark_and_on_pale_surfaces() -> None:
    assert printed(gloss("black"), 3) == Material("gloss", "black", 3, "white")
    assert printed(gloss("white"), 3).ink != "white"


def test_a_print_lies_just_outside_what_it_is_printed_on() -> None:
    top, front = top_print(12, 16, WHITE, 1), front_print(12, 16, 0.9, WHITE, 1)
    assert 16 < top.mesh.vertices[:, 2].min() < 16.2
    reach = np.hypot(front.mesh.vertices[:, 0], front.mesh.vertices[:, 1])
    wall = 12 * (1 - 0.1 * front.mesh.vertices[:, 2] / 16)
    assert ((reach - wall) > 0).all() and ((reach - wall) < 0.3).all()
    assert top.mesh.uv is not None and front.mesh.uv is not None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_a_cap_hangs_together_at_the_ends_of_its_ranges(kind: Archetype, fraction: float) -> None:
    for choice in range(2):
        parts = kind.build(_at(kind, fraction, choice)).parts
        points = _points(parts)
        assert np.isfinite(points).all()
        assert 9 < np.ptp(points[:, 2]) < 200
        assert sum(len(part.mesh.faces) for part in parts) < 150_000
        assert parts[0].mesh.volume() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_no_profile_of_a_cap_crosses_itself_anywhere_in_its_ranges(
    kind: Archetype, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[np.ndarray] = []

    def noted(corners: Sequence[Corner], steps: int = 6) -> np.ndarray:
        lines.append(profile(corners, steps))
        return lines[-1]

    monkeypatch.setattr(meshes, "profile", noted)
    rng = np.random.default_rng(1)
    for _ in range(16):
        drawn = kind.draw(rng)
        corner = {name: m.at(float(rng.integers(2))) for name, m in kind.dimensions.items()}
        kind.build(replace(drawn, dimensions=corner))
    assert len(lines) > 16
    assert not any(_crosses(line) for line in lines)


def _crosses(line: np.ndarray) -> bool:
    """Whether two segments of a polyline (N, 2) cut each other."""
    start, along = line[:-1], np.diff(line, axis=0)
    gap = start[None] - start[:, None]

    def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])

    both = cross(along[:, None], along[None])
    with np.errstate(divide="ignore", invalid="ignore"):
        here, there = cross(gap, along[None]) / both, cross(gap, along[:, None]) / both
    inside = (here > 1e-6) & (here < 1 - 1e-6) & (there > 1e-6) & (there < 1 - 1e-6)
    return bool((inside & (np.abs(both) > 1e-9)).any())


def test_the_check_for_crossings_sees_one() -> None:
    bow_tie = np.array([[0, 0], [1, 1], [1, 0], [0, 1]], float)
    assert _crosses(bow_tie) and not _crosses(bow_tie[[0, 2, 1, 3]])
