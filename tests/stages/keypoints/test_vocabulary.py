"""Words of keypoints by the nearest centroids of two halves."""

from __future__ import annotations

import numpy as np

from engine.keypoints import Keypoints
from stages.keypoints._vocabulary import shipped_vocabulary
from tests.engine.made_keypoints import label


def test_words_are_the_nearest_of_all_pairs_of_centroids() -> None:
    vocabulary = shipped_vocabulary()
    keypoints = label(1)
    found = vocabulary.words(keypoints, 4)
    first, second = np.divmod(np.arange(vocabulary.size), len(vocabulary.second))
    centroids = np.concatenate([vocabulary.first[first], vocabulary.second[second]], axis=1)
    for descriptor, words in zip(keypoints.descriptors[:5], found[:5], strict=True):
        squares = ((centroids - descriptor.astype(np.float32)) ** 2).sum(axis=1)
        assert words.tolist() == np.argsort(squares)[:4].tolist()
    np.testing.assert_array_equal(found[:, :1], vocabulary.words(keypoints))


def test_an_image_without_keypoints_has_no_words() -> None:
    assert shipped_vocabulary().words(Keypoints.none(64), 4).shape == (0, 4)
