"""What every category of Packbench promises, whatever its products look like."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offline.datasets.packbench.categories import CATEGORIES, category
from offline.datasets.packbench.families import family
from offline.datasets.packbench.materials import TRADE_NAMES
from offline.datasets.packbench.parameters import Archetype, Dimension, Model, Parameters
from offline.datasets.packbench.shapes.parts import Parts, extent

TRIANGLES = 150_000  # a product: the budget that keeps a render at about a second
SMALLEST, LARGEST = 3, 300  # mm: a product's longest side lies between
VISIBLE = 0.1  # mm: a third of a pixel of a 60 mm product at 256 px
ARCHETYPES = [
    pytest.param(archetype, id=f"{name}-{archetype.name}")
    for name in CATEGORIES
    for archetype in category(name).archetypes
]
each_category = pytest.mark.parametrize("name", CATEGORIES)
each_archetype = pytest.mark.parametrize("archetype", ARCHETYPES)
a_few_corners = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@each_category
def test_a_category_has_five_views_and_starts_with_the_front(name: str) -> None:
    found = category(name)
    views = [view.name for view in found.views]
    assert found.name == name
    assert len(set(views)) == 5
    assert views[0] == "front"
    low, high = found.phone
    assert 0 <= low < high <= 90
    assert found.tips


@each_category
def test_a_category_has_four_to_six_archetypes_of_different_names(name: str) -> None:
    kinds = category(name).archetypes
    assert 4 <= len(kinds) <= 6
    assert len({kind.name for kind in kinds}) == len(kinds)
    assert len({kind.title for kind in kinds}) == len(kinds)


@each_archetype
def test_an_archetype_keeps_closed_bounds_and_offers_alternatives(archetype: Archetype) -> None:
    assert 4 <= len(archetype.dimensions) <= 8
    assert all(dimension.low < dimension.high for dimension in archetype.dimensions.values())
    assert archetype.surfaces
    first = next(iter(archetype.surfaces.values()))
    assert len(first) > 1
    assert all(material.finish in TRADE_NAMES for material in first)
    for offered in archetype.choices.values():
        assert len(set(offered)) > 1  # one that is listed twice is drawn twice as often


@each_archetype
@given(corner=st.data())
@a_few_corners
def test_a_product_at_any_corner_of_its_bounds_is_sound(
    archetype: Archetype, corner: st.DataObject
) -> None:
    ends = {name: corner.draw(st.sampled_from([0.0, 1.0]), name) for name in archetype.dimensions}
    choices = {
        name: corner.draw(st.sampled_from(offered), name)
        for name, offered in archetype.choices.items()
    }
    drawn = _drawn(archetype)
    dimensions = {name: archetype.dimensions[name].at(fraction) for name, fraction in ends.items()}
    _assert_sound(archetype.build(replace(drawn, dimensions=dimensions, choices=choices)))


@each_archetype
def test_equal_parameters_build_equal_meshes_and_no_two_draws_do(archetype: Archetype) -> None:
    drawn = _drawn(archetype)
    first, again = archetype.build(drawn).parts, archetype.build(drawn).parts
    other = archetype.build(_drawn(archetype, seed=2)).parts
    assert [part.material for part in first] == [part.material for part in again]
    assert _apart(first, again) == 0
    assert _apart(first, other) > VISIBLE


@each_archetype
def test_every_dimension_changes_the_shape(archetype: Archetype) -> None:
    middle = _drawn(archetype)
    middle = replace(middle, dimensions={k: m.at(0.5) for k, m in archetype.dimensions.items()})
    before = archetype.build(middle).parts
    for name, dimension in archetype.dimensions.items():
        moved = replace(middle, dimensions={**middle.dimensions, name: _off_middle(dimension)})
        assert _apart(before, archetype.build(moved).parts) > VISIBLE, name


@each_category
@pytest.mark.parametrize("number", [0, 4])
def test_members_of_a_family_differ_from_one_another_even_when_hard(name: str, number: int) -> None:
    built = [product.model().parts for product in family(name, number, 4, 1.0, seed=7)]
    for one, other in combinations(built, 2):
        assert _apart(one, other) > 0.01


def _off_middle(dimension: Dimension) -> float:
    """The upper end, or the lower one for a count that the middle rounds up to it."""
    return dimension.high if dimension.at(0.5) != dimension.high else dimension.low


def _drawn(archetype: Archetype, seed: int = 1) -> Parameters:
    return archetype.draw(np.random.default_rng(seed))


def _assert_sound(model: Model) -> None:
    assert model.parts
    sides = extent(model.parts)
    assert SMALLEST <= sides.max() <= LARGEST
    assert sides.min() > 1
    assert model.volume_ml is None or 0.1 < model.volume_ml < 2000
    assert sum(len(part.mesh.faces) for part in model.parts) <= TRIANGLES
    for part in model.parts:
        mesh = part.mesh
        assert np.isfinite(mesh.vertices).all()
        assert mesh.faces.min() >= 0
        assert mesh.faces.max() < len(mesh.vertices)
        assert np.sort(np.ptp(mesh.vertices, axis=0))[1] > 0.02  # a sheet, not a line
        if part.material.artwork is not None:
            assert mesh.uv is not None
        if mesh.uv is not None:
            assert mesh.uv.shape == (len(mesh.vertices), 2)
            assert np.isfinite(mesh.uv).all()


def _apart(one: Parts, other: Parts) -> float:
    """How far the furthest vertex moves from one product to the other, mm.

    Products of different topology differ without end: another number of ribs or of parts.
    """
    if [p.mesh.vertices.shape for p in one] != [p.mesh.vertices.shape for p in other]:
        return np.inf
    moved = [a.mesh.vertices - b.mesh.vertices for a, b in zip(one, other, strict=True)]
    return float(np.abs(np.vstack(moved)).max())
