"""Losses against slow twins and numbers worked out by hand; gradients that stay finite."""

from typing import Any

import numpy as np
import pytest

from tests.offline.train.embedder import loss_twins

pytestmark = pytest.mark.slow
torch: Any = pytest.importorskip("torch", reason="needs the extra `train`")

NAMES = ["contrastive", "triplet", "triplet_hard", "multi_similarity"]


def losses() -> Any:
    from offline.train.embedder import losses

    return losses


def pairs_of(labels: list[int]) -> Any:
    named = torch.tensor(labels)
    equal = named[:, None] == named[None, :]
    return losses().Pairs(named, equal & ~torch.eye(len(labels), dtype=torch.bool), ~equal)


def unit(count: int, seed: int, dimension: int = 5) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, dimension))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def value(name: str, vectors: np.ndarray, labels: list[int], margin: float) -> float:
    return float(getattr(losses(), name)(torch.tensor(vectors), pairs_of(labels), margin))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("margin", [0.1, 0.7, 1.5])
def test_a_loss_is_what_its_slow_twin_says(name: str, seed: int, margin: float) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, 12).tolist()
    vectors = unit(12, seed)
    expected = getattr(loss_twins, name)(vectors, labels, margin)
    assert value(name, vectors, labels, margin) == pytest.approx(expected, abs=1e-7)


def test_contrastive_by_hand() -> None:
    # A match at 60 degrees: d = 1, half of it is 0.5. The others are at 120 and 180 degrees:
    # d = sqrt(3) and 2, of which a margin of 1.9 reaches the first: (1.9 - sqrt(3))^2 / 2.
    vectors = on_circle(0, 60, 180)
    expected = 0.5 + 0.5 * (1.9 - 3**0.5) ** 2
    assert value("contrastive", vectors, [0, 0, 1], 1.9) == pytest.approx(expected)


def test_triplets_by_hand() -> None:
    # From 0: positive at 60 (d = 1), negative at 90 (d = sqrt 2). From 60: positive d = 1, the
    # negative at 30 degrees, d^2 = 2 - sqrt(3).
    vectors, labels = on_circle(0, 60, 90), [0, 0, 1]
    near = 2 - 3**0.5
    assert value("triplet", vectors, labels, 0.5) == pytest.approx(1 - near + 0.5)
    hard = ((1 - 2**0.5 + 0.5) + (1 - near**0.5 + 0.5)) / 2
    assert value("triplet_hard", vectors, labels, 0.5) == pytest.approx(hard)


def test_multi_similarity_by_hand() -> None:
    # Two matching at 60 degrees (cosine 0.5), another at 180 and 120 (cosines -1 and -0.5). The
    # mining keeps the positives that are no more than 2 above the most similar negative.
    vectors, labels = on_circle(0, 60, 180), [0, 0, 1]
    pull = np.log(1 + np.exp(-2.0 * (0.5 - 0.5))) / 2.0  # both anchors keep theirs
    push = [np.log1p(np.exp(50.0 * (c - 0.5))) / 50.0 for c in (-1.0, -0.5)]
    expected = (2 * pull + sum(push)) / 3
    assert value("multi_similarity", vectors, labels, 2.0) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("margin", [0.0, 0.5, 2.0])
def test_arcface_is_what_its_slow_twin_says(seed: int, margin: float) -> None:
    from offline.train.embedder.losses import ArcFace

    vectors, centres = unit(10, seed), unit(4, seed + 100)
    labels = np.random.default_rng(seed).integers(0, 4, 10).tolist()
    module = ArcFace(4, 5, margin, 16.0).double()
    module.centres.data = torch.tensor(3.0 * centres)  # of any length
    found = float(module(torch.tensor(vectors), torch.tensor(labels)))
    expected = loss_twins.arcface(vectors, labels, centres, margin, 16.0)
    assert found == pytest.approx(expected, rel=1e-5)


def test_arcface_without_margin_is_a_softmax_over_cosines_by_hand() -> None:
    from offline.train.embedder.losses import ArcFace

    module = ArcFace(2, 2, 0.0, 1.0).double()
    module.centres.data = torch.tensor(on_circle(0, 90))
    found = float(module(torch.tensor(on_circle(0)), torch.tensor([0])))
    assert found == pytest.approx(np.log(1 + np.exp(-1.0)), abs=1e-5)


def test_centres_start_at_the_mean_direction_of_each_class() -> None:
    from offline.train.embedder.losses import ArcFace

    module = ArcFace(2, 2, 0.5, 30.0)
    vectors = torch.tensor(on_circle(0, 90, 180), dtype=torch.float32)
    module.start_from(vectors, torch.tensor([0, 0, 1]))
    expected = on_circle(45, 180)
    assert module.centres.detach().numpy() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_equal_vectors_and_a_batch_with_nothing_to_teach_have_finite_gradients(name: str) -> None:
    for vectors, labels in (
        (on_circle(0, 0, 0, 180), [0, 0, 1, 1]),
        (on_circle(0, 0, 180, 180), [0, 0, 1, 1]),
        (on_circle(0, 90), [0, 0]),
        (on_circle(0, 90), [0, 1]),
    ):
        given = torch.tensor(vectors, requires_grad=True)
        loss = getattr(losses(), name)(given, pairs_of(labels), 0.2)
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(given.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_pair_in_doubt_counts_in_no_loss(name: str) -> None:
    vectors, labels = unit(6, 3), [0, 0, 1, 1, 2, 2]
    pairs = pairs_of(labels)
    others = losses().Pairs(pairs.labels, pairs.same, pairs.different.clone())
    others.different[4:, :] = False
    others.different[:, 4:] = False
    others.same[4:, 4:] = False
    loss = getattr(losses(), name)
    total = float(loss(torch.tensor(vectors), others, 0.7))
    alone = float(loss(torch.tensor(vectors[:4]), pairs_of(labels[:4]), 0.7))
    mean_of_anchors = name == "multi_similarity"  # whose mean is over all six
    assert total * (6 / 4 if mean_of_anchors else 1) == pytest.approx(alone)
