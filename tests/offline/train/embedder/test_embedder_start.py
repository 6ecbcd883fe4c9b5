"""Where a projection starts: whitening that is known from the data it was fitted to."""

import numpy as np
import pytest

from engine.errors import ConfigError
from offline.train.embedder.start import learned_start, pca_start


def clouds(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """40 products with 6 views: they differ along the first two axes, views along the others."""
    random = np.random.default_rng(seed)
    products = np.repeat(random.standard_normal((40, 2)), 6, axis=0)
    views = 3.0 * random.standard_normal((240, 6))
    rows = np.concatenate([products, views], axis=1) + 5.0
    return rows.astype(np.float32), np.repeat(np.arange(40), 6)


def test_learned_whitening_keeps_what_tells_products_apart() -> None:
    rows, labels = clouds()
    weights, bias = learned_start(rows, labels, 2)
    assert weights.shape == (2, 8) and bias.shape == (2,)
    shares = np.linalg.norm(weights[:, :2], axis=1) / np.linalg.norm(weights, axis=1)
    assert (shares > 0.95).all()


@pytest.mark.parametrize("learned", [True, False])
def test_a_start_is_centred_and_of_length_one_in_the_mean_of_squares(learned: bool) -> None:
    rows, labels = clouds()
    weights, bias = learned_start(rows, labels, 4) if learned else pca_start(rows, 4)
    projected = rows @ weights.T + bias
    assert projected.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-4)
    assert (projected**2).sum(axis=1).mean() == pytest.approx(1.0, abs=1e-4)


def test_pca_keeps_the_directions_of_the_largest_spread() -> None:
    rows, _ = clouds()
    weights, _ = pca_start(rows, 6)
    assert np.abs(weights[:, 2:]).max() > 10 * np.abs(weights[:, :2]).max()


def test_a_dimension_beyond_the_rank_is_an_error() -> None:
    with pytest.raises(ConfigError, match="dimension 8"):
        pca_start(clouds()[0][:5], 8)


def test_pca_axes_keep_cosines_where_few_axes_vary() -> None:
    from offline.train.embedder.start import pca_axes

    random = np.random.default_rng(0)
    features = (random.normal(size=(60, 4)) @ random.normal(size=(4, 12))).astype(np.float32)
    weights, bias = pca_axes(features, 4)
    assert weights.shape == (4, 12) and not bias.any()
    assert weights @ weights.T == pytest.approx(np.eye(4), abs=1e-5)
    projected = features @ weights.T
    assert projected @ projected.T == pytest.approx(features @ features.T, abs=1e-2)
