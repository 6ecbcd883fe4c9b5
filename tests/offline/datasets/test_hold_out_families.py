"""Folds that keep families together."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.datasets.hold_out import family_folds


@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.integers(2, 5), st.integers(0, 1000))
def test_no_family_is_in_two_folds_and_each_category_is_dealt_out_evenly(
    families_of: list[int], folds: int, seed: int
) -> None:
    pairs = [(f"c{c}", f"c{c}-f{f}") for c, count in enumerate(families_of) for f in range(count)]
    random = np.random.default_rng(seed)
    photos = [pairs[i] for i in random.permutation(len(pairs) * 3) % len(pairs)]
    categories, families = [c for c, _ in photos], [f for _, f in photos]
    found = family_folds(families, categories, folds, random)
    place = set(zip(families, found.tolist(), strict=True))
    assert len(place) == len(pairs)
    for number, count in enumerate(families_of):
        mine = Counter(fold for family, fold in place if family.startswith(f"c{number}-"))
        assert max(mine.values()) <= -(-count // folds)
    sizes = Counter(fold for _, fold in place)
    assert max(sizes.values()) - min(sizes.get(f, 0) for f in range(folds)) <= 1


def test_the_same_seed_deals_the_same() -> None:
    families = [f"f{i % 9}" for i in range(40)]
    categories = [f"c{i % 3}" for i in range(40)]
    first, second = (
        family_folds(families, categories, 3, np.random.default_rng(seed)) for seed in (5, 5)
    )
    np.testing.assert_array_equal(first, second)


def test_what_cannot_be_dealt_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        family_folds(["f"], ["c"], 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="1 families, 2 categories"):
        family_folds(["f"], ["c", "c"], 2, np.random.default_rng(0))
