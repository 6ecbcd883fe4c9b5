"""Keypoints of labels, drawn by chance: views of one label share most of them."""

from __future__ import annotations

import numpy as np

from engine.keypoints import Keypoints
from stages.keypoints._projection import shipped_projection

COUNT = 40


def label(product: int, view: int = 0, shared: int = COUNT) -> Keypoints:
    """Of this view of a product's label, turned and shrunk by its number; ``shared`` of the
    keypoints are the label's, the others are of this view alone."""
    dimension = len(shipped_projection().mirror)
    own = np.random.default_rng((product, 0))
    places = own.uniform(0.2, 0.8, (COUNT, 2))
    descriptors = own.integers(-100, 100, (COUNT, dimension))
    other = np.random.default_rng((product, 1 + view))
    places[shared:] = other.uniform(0.2, 0.8, (COUNT - shared, 2))
    descriptors[shared:] = other.integers(-100, 100, (COUNT - shared, dimension))
    turn = 0.1 * view
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    geometry = np.empty((COUNT, 4), np.float32)
    geometry[:, :2] = 0.5 + 0.8 ** (view > 0) * (places - 0.5) @ rotation.T
    geometry[:, 2] = 0.02 * 0.8 ** (view > 0)
    geometry[:, 3] = turn % (2 * np.pi)
    return Keypoints(geometry, descriptors.astype(np.int8))
