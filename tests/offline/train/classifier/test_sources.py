"""What the model is fed."""

from __future__ import annotations

import numpy as np

from engine.types import Cutout
from offline.train.classifier.recipe import Augmentation
from offline.train.classifier.sources import CutoutSource, FeatureSource, class_weights, resized
from offline.train.classifier.to_onnx import input_spec
from stages._preprocess import prepare


def test_the_network_is_trained_on_what_serving_gives_it() -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (3, 48, 48, 3)).astype(np.uint8)
    cutouts = [Cutout(p.copy(), np.ones((48, 48), np.float32), (0, 0, 48, 48)) for p in pixels]
    labels = np.zeros(3, np.int64)
    for side in (48, 32, 96):
        source = CutoutSource(pixels, np.arange(3), labels, side, Augmentation())
        trained = source.batch(np.arange(3), None)
        served = prepare(cutouts, input_spec(side)).transpose(0, 2, 3, 1)
        np.testing.assert_array_equal(trained, served)


def test_without_chance_nothing_is_augmented_and_with_it_something_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    source = CutoutSource(pixels, np.array([2, 0]), np.array([1, 0]), 32, Augmentation())
    np.testing.assert_array_equal(source.batch(np.array([0]), None)[0], pixels[2])
    assert (source.batch(np.array([0]), np.random.default_rng(1))[0] != pixels[2]).any()


def test_resizing_to_the_same_size_copies_nothing() -> None:
    pixels = np.zeros((1, 8, 8, 3), np.uint8)
    assert resized(pixels, 8) is pixels


def test_validation_sees_the_plain_view_and_training_all_of_them() -> None:
    features = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    source = FeatureSource(features, np.arange(4))
    np.testing.assert_array_equal(source.batch(np.arange(4), None), features[:, 0])
    random = np.random.default_rng(0)
    seen = {source.batch(np.array([1]), random)[0].tobytes() for _ in range(50)}
    assert seen == {features[1, view].tobytes() for view in range(3)}


def test_class_weights_make_every_category_count_alike() -> None:
    labels = np.array([0, 0, 0, 1, 2, 2])
    weights = class_weights(labels, 3)
    sums = [float(weights[labels[labels == at]].sum()) for at in range(3)]
    np.testing.assert_allclose(sums, len(labels) / 3)
