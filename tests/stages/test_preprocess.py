"""Cutouts to model inputs, value by value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.types import Cutout, UInt8Array
from stages._preprocess import prepare, required_spec
from weights.fetch import WeightsFile
from weights.input_spec import InputSpec

SPEC = InputSpec(4, 4, "unit", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bilinear", "nhwc")


def cutout(pixels: UInt8Array) -> Cutout:
    side = len(pixels)
    return Cutout(pixels, np.ones((side, side), np.float32), (0, 0, side, side))


def image(side: int = 4) -> UInt8Array:
    return np.random.default_rng(side).integers(0, 200, (side, side, 3), np.uint8)


@pytest.mark.parametrize(("range_", "divisor"), [("unit", 255.0), ("byte", 1.0), ("max", None)])
def test_the_range_is_that_of_the_spec(range_: str, divisor: float | None) -> None:
    pixels = image()
    spec = replace(SPEC, range=range_)
    expected = pixels / (divisor or pixels.max())
    np.testing.assert_allclose(prepare([cutout(pixels)], spec)[0], expected, rtol=1e-6)


def test_an_all_black_image_divided_by_its_maximum_stays_0() -> None:
    black = cutout(np.zeros((4, 4, 3), np.uint8))
    assert not prepare([black], replace(SPEC, range="max")).any()


def test_mean_and_std_are_taken_channel_by_channel_in_the_range() -> None:
    spec = replace(SPEC, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0))
    pixels = image()
    expected = (pixels / 255 - [0.1, 0.2, 0.3]) / [1, 2, 4]
    np.testing.assert_allclose(prepare([cutout(pixels)], spec)[0], expected, atol=1e-6)


def test_nchw_is_nhwc_with_the_channels_moved() -> None:
    cutouts = [cutout(image()), cutout(image(6))]
    last = prepare(cutouts, SPEC)
    first = prepare(cutouts, replace(SPEC, layout="nchw"))
    assert first.flags.c_contiguous
    np.testing.assert_array_equal(first, np.moveaxis(last, 3, 1))


@pytest.mark.parametrize("way", ["bilinear", "bicubic", "lanczos", "area"])
def test_shrinking_averages_whatever_the_interpolation(way: str) -> None:
    checks = np.indices((16, 16)).sum(axis=0) % 2 * 255
    pixels = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)
    small = prepare([cutout(pixels)], replace(SPEC, interpolation=way))
    np.testing.assert_allclose(small, 0.5, atol=0.01)


def test_an_oblong_input_is_filled() -> None:
    assert prepare([cutout(image())], replace(SPEC, height=8, width=6)).shape == (1, 8, 6, 3)


def test_no_cutouts_are_an_empty_batch() -> None:
    assert prepare([], SPEC).shape == (0, 4, 4, 3)


def test_weights_without_a_spec_are_refused_with_the_file_to_write() -> None:
    with pytest.raises(ConfigError, match=r"model\.toml"):
        required_spec(WeightsFile(Path("model.onnx"), "0" * 64, True, None), "embed weights")
