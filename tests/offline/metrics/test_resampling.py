"""Counted draws are the same as drawing one resample after the other."""

from __future__ import annotations

import numpy as np
import pytest

from offline.resampling import resampled


@pytest.mark.parametrize(("count", "resamples"), [(1, 5), (7, 200), (700, 150), (70_000, 3)])
def test_resampling_in_blocks_equals_drawing_one_after_the_other(
    count: int, resamples: int
) -> None:
    blocks = list(resampled(count, seed=2, resamples=resamples))
    random = np.random.default_rng(2)
    drawn = [random.integers(0, count, count) for _ in range(resamples)]
    expected = [np.bincount(one, minlength=count) for one in drawn]
    np.testing.assert_array_equal(np.concatenate(blocks), expected)


def test_items_of_one_cluster_come_up_together_and_clusters_as_if_alone() -> None:
    (times,) = resampled(5, seed=4, resamples=30, clusters=["a", "b", "a", "c", "b"])
    (alone,) = resampled(3, seed=4, resamples=30)
    np.testing.assert_array_equal(times, alone[:, [0, 1, 0, 2, 1]])


def test_every_item_needs_a_cluster() -> None:
    with pytest.raises(ValueError, match="2 clusters for 3 values"):
        list(resampled(3, seed=0, resamples=1, clusters=["a", "b"]))
