"""Backbone and head: the paper's sizes, and weights that arrive where they belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ConfigError, WeightsError
from offline.train.classifier.network import (
    FEATURES,
    LOGITS,
    base_of,
    build_network,
    check_side,
    count_parameters,
    keep_statistics,
    load_base_weights,
    part,
    set_precision,
)
from offline.train.classifier.recipe import BACKBONES, find_backbone
from offline.train.classifier.unfold import is_folded, unfold
from weights.catalog import load_catalog

MOBILE = BACKBONES["MobileNetV2"]
SHARED = Path(__file__).parents[5] / "shared" / "weights" / "mobilenet_v2_imagenet.weights.h5"


def test_backbones_are_found_by_any_spelling_of_their_name() -> None:
    assert find_backbone("mobilenet-v2") is MOBILE
    assert find_backbone("EfficientNetV2-L").name == "EfficientNetV2L"
    with pytest.raises(ConfigError, match=r"unknown backbone 'VGG'.*MobileNetV2"):
        find_backbone("VGG")


def test_every_backbone_has_imagenet_weights_in_the_catalogue() -> None:
    for backbone in BACKBONES.values():
        assert load_catalog()[backbone.weights].architecture == backbone.name


def test_a_side_below_what_the_backbones_take_is_refused() -> None:
    with pytest.raises(ConfigError, match="--input-size 31"):
        check_side(31)
    check_side(32)


# Table 2 of the paper, for 15 classes. EfficientNetV2L alone takes some ten seconds to build.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "millions"), [("EfficientNetV2L", 119.6), ("MobileNetV2", 4.1), ("ResNet101V2", 45.3)]
)
def test_the_parameters_are_those_of_the_papers_table_2(
    keras: Any, name: str, millions: float
) -> None:
    network = build_network(BACKBONES[name], 15, 224)
    assert round(count_parameters(network) / 1e6, 1) == millions


@pytest.mark.slow
def test_both_axis_orders_are_one_network(keras: Any) -> None:
    last = build_network(MOBILE, 3, 64)
    first = build_network(MOBILE, 3, 64, "channels_first")
    first.set_weights(last.get_weights())
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    one = np.asarray(last.predict_on_batch(images))
    two = np.asarray(first.predict_on_batch(images.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(one, two, atol=1e-5)
    np.testing.assert_allclose(one.sum(1), 1, atol=1e-5)
    logits = np.asarray(part(last, LOGITS).predict_on_batch(images))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(shares, one, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("top", [False, True])
def test_weights_with_and_without_a_top_arrive_in_the_backbone(
    keras: Any, tmp_path: Path, top: bool
) -> None:
    keras.utils.set_random_seed(1)
    if top:
        whole = keras.applications.MobileNetV2(include_top=True, weights=None, classes=7)
    else:
        whole = keras.applications.MobileNetV2(
            include_top=False, weights=None, input_shape=(96, 96, 3)
        )
    path = tmp_path / "mobile.weights.h5"
    whole.save_weights(path)
    network = build_network(MOBILE, 3, 96)
    load_base_weights(network, MOBILE, path)
    for have, want in zip(
        base_of(network, MOBILE).get_weights(), whole.get_weights(), strict=top is False
    ):
        np.testing.assert_array_equal(have, want)


@pytest.mark.slow
def test_weights_of_another_network_and_text_files_are_refused(keras: Any, tmp_path: Path) -> None:
    other = keras.applications.EfficientNetV2B0(
        include_top=False, weights=None, input_shape=(64, 64, 3)
    )
    wrong = tmp_path / "wrong.weights.h5"
    other.save_weights(wrong)
    text = tmp_path / "text.weights.h5"
    text.write_text("no weights")
    network = build_network(MOBILE, 3, 64)
    for path in (wrong, text):
        with pytest.raises(WeightsError, match=rf"{path.name}.*MobileNetV2"):
            load_base_weights(network, MOBILE, path)


@pytest.mark.slow
def test_kept_statistics_give_the_same_features_in_training(keras: Any) -> None:
    network = build_network(MOBILE, 3, 64)
    images = np.random.default_rng(0).uniform(0, 255, (4, 64, 64, 3)).astype(np.float32)
    features = part(network, FEATURES)
    keep_statistics(network, MOBILE)
    served = keras.ops.convert_to_numpy(features(images, training=False))
    trained = keras.ops.convert_to_numpy(features(images, training=True))
    np.testing.assert_allclose(served, trained, atol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_file(), reason="the shared MobileNetV2 weights are not here")
def test_the_shared_weights_tell_images_apart(keras: Any) -> None:
    network = build_network(MOBILE, 3, 224)
    load_base_weights(network, MOBILE, SHARED)
    random = np.random.default_rng(0)
    noise = random.uniform(0, 255, (1, 224, 224, 3))
    flat = np.full((1, 224, 224, 3), 200.0)
    images = np.concatenate([noise, flat]).astype(np.float32)
    one, two = np.asarray(part(network, FEATURES).predict_on_batch(images))
    assert np.linalg.norm(one - two) > 0.2 * np.linalg.norm(one)


@pytest.mark.slow
def test_a_folded_network_gets_its_normalisation_back_and_computes_the_same(keras: Any) -> None:
    network = build_network(MOBILE, 3, 64)
    backbone = base_of(network, MOBILE)
    random = np.random.default_rng(0)
    assert is_folded(backbone) is False  # as made: a variance of 1 and an epsilon beside it
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            _, beta, mean, _ = layer.get_weights()
            shift = random.normal(0, 0.1, beta.shape)
            scale = np.full_like(mean, (1 - layer.epsilon))
            layer.set_weights([np.ones_like(beta), shift, mean, scale])
    assert is_folded(backbone)
    images = random.uniform(-1, 1, (4, 64, 64, 3)).astype(np.float32)
    before = np.asarray(backbone.predict_on_batch(images))
    unfold(backbone, [images[:2], images[2:]])
    after = np.asarray(backbone.predict_on_batch(images))
    np.testing.assert_allclose(after, before, atol=1e-4 * np.abs(before).max())
    assert not is_folded(backbone)
    # What reaches a layer now has the statistics that the layer holds.
    first = next(la for la in backbone.layers if isinstance(la, keras.layers.BatchNormalization))
    values = np.asarray(keras.Model(backbone.input, first.input).predict_on_batch(images))
    np.testing.assert_allclose(first.get_weights()[2], values.mean((0, 1, 2)), atol=1e-4)


@pytest.mark.slow
def test_mixed_precision_computes_in_halves_and_answers_in_floats(keras: Any) -> None:
    before = keras.config.dtype_policy().name
    set_precision(keras, "mixed_float16")
    try:
        network = build_network(MOBILE, 3, 32)
        assert base_of(network, MOBILE).layers[1].compute_dtype == "float16"
        assert {str(weight.dtype) for weight in network.weights} == {"float32"}
        assert str(network.output.dtype) == "float32"
    finally:
        keras.config.set_dtype_policy(before)
    set_precision(keras, "auto")  # no GPU here, or one: either way a policy of Keras
    assert keras.config.dtype_policy().name in ("float32", "mixed_float16")
    keras.config.set_dtype_policy(before)
