"""Families: the same products from the same seed, and as alike as the difficulty sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.datasets.packbench.categories import CATEGORIES, category
from offline.datasets.packbench.families import FREE, TOGETHER, Product, family

names = st.sampled_from(CATEGORIES)
numbers = st.integers(0, 40)
seeds = st.integers(0, 2**31)
difficulties = st.floats(0, 1)


@given(name=names, number=numbers, seed=seeds, difficulty=difficulties)
@settings(max_examples=40, deadline=None)
def test_the_same_seed_makes_the_same_products(
    name: str, number: int, seed: int, difficulty: float
) -> None:
    assert _members(name, number, 3, difficulty, seed) == _members(
        name, number, 3, difficulty, seed
    )


@given(name=names, number=numbers, seed=seeds, difficulty=difficulties)
@settings(max_examples=40, deadline=None)
def test_a_larger_family_keeps_its_earlier_members(
    name: str, number: int, seed: int, difficulty: float
) -> None:
    few = _members(name, number, 3, difficulty, seed)
    assert _members(name, number, 9, difficulty, seed)[:3] == few


@given(name=names, number=numbers, seed=seeds, difficulty=difficulties)
@settings(max_examples=60, deadline=None)
def test_every_member_keeps_the_bounds_and_the_offers_of_its_archetype(
    name: str, number: int, seed: int, difficulty: float
) -> None:
    for product in _members(name, number, 5, difficulty, seed):
        kind, drawn = product.archetype, product.parameters
        assert drawn.dimensions.keys() == kind.dimensions.keys()
        for key, dimension in kind.dimensions.items():
            assert dimension.low - 1e-9 <= drawn[key] <= dimension.high + 1e-9
        assert all(drawn.choices[key] in offered for key, offered in kind.choices.items())
        assert all(drawn.surfaces[key] in offered for key, offered in kind.surfaces.items())


@given(name=names, number=numbers, seed=seeds)
@settings(max_examples=40, deadline=None)
def test_members_lie_closer_together_the_harder_the_benchmark(
    name: str, number: int, seed: int
) -> None:
    easy, middle, hard = (_spread(_members(name, number, 8, d, seed)) for d in (0, 0.3, TOGETHER))
    assert set(easy) == set(hard)
    assert len(easy) == min(FREE, len(category(name).archetypes[0].dimensions))
    for dimension in easy:
        assert easy[dimension] > 2 * middle[dimension] > 4 * hard[dimension] > 0


@given(name=names, number=numbers, seed=seeds)
@settings(max_examples=40, deadline=None)
def test_at_the_hardest_a_family_shares_its_surfaces_and_choices(
    name: str, number: int, seed: int
) -> None:
    first, *others = (p.parameters for p in _members(name, number, 5, 1, seed))
    for other in others:
        assert other.choices == first.choices
        assert other.surfaces == first.surfaces
        assert other.artwork == first.artwork


@pytest.mark.parametrize("name", CATEGORIES)
def test_at_the_easiest_members_have_surfaces_of_their_own(name: str) -> None:
    dresses = {repr(p.parameters.surfaces) for p in _members(name, 0, 8, 0, seed=7)}
    assert len(dresses) > 4


@given(name=names, number=numbers, seed=seeds, difficulty=st.floats(0, TOGETHER))
@settings(max_examples=30, deadline=None)
def test_a_family_has_one_archetype_until_families_draw_together(
    name: str, number: int, seed: int, difficulty: float
) -> None:
    easy, hard = _members(name, number, 4, 0, seed), _members(name, number, 4, difficulty, seed)
    kinds = {product.archetype.name for product in easy + hard}
    assert kinds == {category(name).archetypes[number % len(category(name).archetypes)].name}


@given(name=names, seed=seeds)
@settings(max_examples=30, deadline=None)
def test_at_the_hardest_the_families_of_a_category_are_alike_and_not_the_same(
    name: str, seed: int
) -> None:
    apart, near = (
        [_members(name, number, 1, difficulty, seed)[0] for number in range(6)]
        for difficulty in (TOGETHER, 1.0)
    )
    assert len({product.archetype.name for product in near}) == 1
    assert len({product.archetype.name for product in apart}) > 1
    assert len({repr(product.parameters.dimensions) for product in near}) == 6
    assert len({repr(product.parameters.surfaces) for product in near}) == 1
    # PULL leaves each family 15 % of its way, and its members 6 % of a dimension's range.
    assert max(_spread(near).values()) <= 0.25


def test_products_of_all_categories_and_families_have_ids_of_their_own() -> None:
    products = [
        product
        for name in CATEGORIES
        for number in range(7)
        for product in _members(name, number, 3, 0.5, seed=7)
    ]
    assert len({product.id for product in products}) == len(products)
    assert all(product.id.startswith(product.family) for product in products)
    assert all(product.family.startswith(product.category) for product in products)


@pytest.mark.parametrize("name", CATEGORIES)
def test_another_seed_makes_another_catalogue(name: str) -> None:
    one, other = (_members(name, 0, 2, 0.5, seed)[0].parameters for seed in (7, 8))
    assert one.dimensions != other.dimensions


@pytest.mark.parametrize("name", CATEGORIES)
def test_a_product_is_named_by_its_kind_and_its_first_surface(name: str) -> None:
    product = _members(name, 0, 1, 0.5, seed=7)[0]
    first = next(iter(product.parameters.surfaces.values()))
    assert product.name.startswith(product.archetype.title)
    assert first.colour in product.name
    assert product.colour == first.colour


def _members(name: str, number: int, count: int, difficulty: float, seed: int) -> list[Product]:
    return list(family(name, number, count, difficulty, seed))


def _spread(products: list[Product]) -> dict[str, float]:
    """The range of every dimension in which members differ, as a fraction of what is allowed."""
    kind = products[0].archetype
    spread = {}
    for name, dimension in kind.dimensions.items():
        if dimension.unit != "count":
            values = [product.parameters[name] for product in products]
            spread[name] = float(np.ptp(values)) / (dimension.high - dimension.low)
    return {name: fraction for name, fraction in spread.items() if fraction > 0}
