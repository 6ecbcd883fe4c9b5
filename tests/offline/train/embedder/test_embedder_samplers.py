"""P products with K images a batch: distinct, even, repeatable, family by family."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.train.embedder.batches import Grouped

COUNTS = st.lists(st.integers(1, 6), min_size=2, max_size=12)


def labels_of(counts: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


@given(COUNTS, st.integers(2, 5), st.integers(2, 4), st.integers(0, 3))
def test_a_batch_has_k_images_of_each_of_p_products(
    counts: list[int], products: int, views: int, seed: int
) -> None:
    labels = labels_of(counts)
    batches = Grouped(labels, products, views)
    drawn = batches.draw(0, np.random.default_rng(seed))
    assert len(drawn) == batches.steps
    for indices in drawn:
        shown = Counter(labels[indices].tolist())
        assert len(shown) == min(products, len(counts))
        assert set(shown.values()) == {views}


@given(COUNTS, st.integers(2, 4))
def test_a_products_images_all_come_before_one_comes_again(counts: list[int], views: int) -> None:
    labels = labels_of(counts)
    for indices in Grouped(labels, 2, views).draw(0, np.random.default_rng(0)):
        for label in set(labels[indices].tolist()):
            shown = Counter(indices[labels[indices] == label].tolist())
            assert max(shown.values()) - min(shown.values()) <= 1
            assert len(shown) == min(views, counts[label])


def test_every_product_comes_before_one_comes_again() -> None:
    labels = np.repeat(np.arange(12), 8)
    drawn = Grouped(labels, 4, 2).draw(0, np.random.default_rng(5))
    assert len(drawn) == 12
    for start in range(0, 12, 3):
        seen = np.concatenate(drawn[start : start + 3])
        assert set(labels[seen].tolist()) == set(range(12))


@pytest.mark.parametrize("families", [None, [f"f{at // 6}" for at in range(24)]])
def test_the_same_chance_draws_the_same_batches(families: list[str] | None) -> None:
    labels = np.repeat(np.arange(8), 3)
    batches = Grouped(labels, 3, 2, families)
    first, again, other = (batches.draw(0, np.random.default_rng([7, e])) for e in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_near_twins_meet_in_a_batch_where_families_are_given() -> None:
    labels = np.repeat(np.arange(20), 4)
    families = [f"family{label // 4}" for label in labels.tolist()]
    for indices in Grouped(labels, 4, 2, families).draw(0, np.random.default_rng(1)):
        assert len({families[at] for at in indices.tolist()}) == 1


def test_fewer_products_than_asked_for_make_a_smaller_batch() -> None:
    (indices,) = Grouped(np.array([0, 0, 1]), 8, 2).draw(0, np.random.default_rng(0))
    assert sorted(Counter(np.array([0, 0, 1])[indices].tolist()).items()) == [(0, 2), (1, 2)]


@pytest.mark.parametrize("families", [None, [f"f{at // 2}" for at in range(14)]])
def test_a_product_with_more_images_comes_more_often_in_a_round(
    families: list[str] | None,
) -> None:
    labels = np.array([0] * 10 + [1, 1, 2, 2])
    batches = Grouped(labels, 1, 2, families, images_per_turn=4)
    drawn = np.concatenate(batches.draw(0, np.random.default_rng(0))[:5])
    assert Counter(labels[drawn].tolist()) == {0: 6, 1: 2, 2: 2}


def test_looks_come_in_turn_so_that_one_studio_image_meets_every_photo() -> None:
    labels, looks = np.array([0, 0, 0, 0, 1, 1]), ["studio", *["phone"] * 3, "phone", "phone"]
    batches = Grouped(labels, 2, 2, looks=looks)
    drawn = [batch for epoch in range(3) for batch in batches.draw(epoch, np.random.default_rng(0))]
    for indices in drawn:
        assert Counter(indices[labels[indices] == 0] == 0) == {True: 1, False: 1}
        assert set(indices[labels[indices] == 1].tolist()) == {4, 5}
