"""mAP and R@1 of an embedding by hand, ties and images without an answer included."""

import numpy as np
import pytest

from engine.types import FloatArray, IntArray
from offline.train.embedder.validation import Retrieval, retrieval


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def leave_one_out(vectors: FloatArray, labels: IntArray) -> Retrieval:
    return retrieval(vectors, labels, vectors, labels, np.arange(len(labels)))


def test_leave_one_out_by_hand() -> None:
    # Of 0°: 10° (wrong), 25° (right). Of 25°: 10° (wrong), 0° (right). Of 10° and 90° no answer.
    found = leave_one_out(on_circle(0, 10, 25, 90), np.array([0, 1, 0, 2]))
    assert found.queries == 2
    assert found.recall_at_1 == 0.0
    assert found.mean_average_precision == pytest.approx(0.5)


def test_a_query_never_finds_itself() -> None:
    found = leave_one_out(on_circle(0, 90, 91, 1), np.array([0, 1, 0, 1]))
    assert found.recall_at_1 == 0.0


def test_ties_go_to_the_first() -> None:
    gallery = on_circle(10, 10)
    for labels, right in (([0, 1], 1.0), ([1, 0], 0.0)):
        found = retrieval(on_circle(0), np.array([0]), gallery, np.array(labels))
        assert found.recall_at_1 == right


def test_average_precision_counts_every_answer() -> None:
    # Right, wrong, right: (1 + 2/3) / 2.
    found = retrieval(on_circle(0), np.array([0]), on_circle(1, 2, 3), np.array([0, 1, 0]))
    assert found.mean_average_precision == pytest.approx((1 + 2 / 3) / 2)


def test_nothing_to_find_is_an_error() -> None:
    with pytest.raises(ValueError, match="no query has an answer"):
        leave_one_out(on_circle(0, 1), np.array([0, 1]))
