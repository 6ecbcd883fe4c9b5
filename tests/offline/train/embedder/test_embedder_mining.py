"""Hard tuples of a gallery against a slow obvious search, and batches made of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.train.embedder.batches import Mined, hard_tuples


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def slow_negatives(vectors: np.ndarray, labels: np.ndarray, query: int, count: int) -> list[int]:
    """The best image of each other product, the best products first."""
    best: dict[int, tuple[float, int]] = {}
    for at, label in enumerate(labels.tolist()):
        distance = float(np.linalg.norm(vectors[at].astype(float) - vectors[query].astype(float)))
        if label != labels[query] and distance < best.get(label, (np.inf, 0))[0]:
            best[label] = (distance, at)
    return [at for _, at in sorted(best.values())[:count]]


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(4, 30), st.integers(2, 8), st.integers(1, 5))
def test_negatives_are_the_nearest_of_the_nearest_other_products(
    seed: int, images: int, products: int, count: int
) -> None:
    random = np.random.default_rng(seed)
    vectors = unit(random.standard_normal((images, 6)))
    labels = random.integers(0, products, images)
    queries = np.arange(images)
    for found in hard_tuples(vectors, labels, queries, count):
        assert list(found.negatives) == slow_negatives(vectors, labels, found.query, count)


ANGLES = np.deg2rad([0.0, 10.0, 40.0, 170.0, 60.0, 90.0])
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)
LABELS = np.array([0, 0, 0, 0, 1, 2])


@pytest.mark.parametrize(
    ("furthest", "positive"),
    [(np.inf, 3), (1.2, 2), (0.2, 1), (0.01, 1)],
    ids=["the furthest", "within bounds", "nearer bounds", "none within: the nearest"],
)
def test_the_positive_is_the_furthest_of_its_product_within_bounds(
    furthest: float, positive: int
) -> None:
    (found,) = hard_tuples(CIRCLE, LABELS, np.array([0]), 2, furthest)
    assert (found.positive, found.negatives) == (positive, (4, 5))


def test_a_single_image_is_its_own_positive() -> None:
    (found,) = hard_tuples(CIRCLE, LABELS, np.array([5]), 1)
    assert found.images == (5, 5, 4)


def test_an_image_in_doubt_is_no_negative() -> None:
    doubts = [np.array([4]), *[np.array([], np.int64)] * 5]
    (found,) = hard_tuples(CIRCLE, LABELS, np.array([0]), 2, doubts=doubts)
    assert found.negatives == (5,)


def test_mined_batches_hold_whole_tuples_and_follow_the_network() -> None:
    random = np.random.default_rng(3)
    labels = np.repeat(np.arange(10), 4)
    gallery = unit(random.standard_normal((40, 8)))
    asked = []

    def embed() -> np.ndarray:
        asked.append(1)
        return gallery

    batches = Mined(labels, images=12, negatives=4, gallery=embed)
    drawn = batches.draw(0, np.random.default_rng(0))
    assert (batches.tuples, batches.steps, len(drawn), len(asked)) == (2, 3, 3, 1)
    for indices in drawn:
        for query, positive, *negatives in indices.reshape(2, 6).tolist():
            assert labels[query] == labels[positive]
            assert query != positive
            assert len({int(labels[at]) for at in (query, *negatives)}) == 5
