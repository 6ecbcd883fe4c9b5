"""Parity accepts what computes the same and refuses all else; exports are canonical."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from engine.errors import WeightsError
from tests.weights.small_graphs import (
    KERNEL,
    network_map,
    toy_network,
    toy_with_map,
    write_network,
)
from weights.canonical import canonicalise
from weights.frameworks.network import GraphNames
from weights.input_spec import InputSpec
from weights.parity import TOLERANCE, _compare, measure_parity
from weights.probe import model_input, probe_images


def test_the_same_network_passes_and_its_difference_is_returned(tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.onnx")
    parity = measure_parity(toy_network(), path)
    assert 0.0 <= parity.max_abs_diff <= 1e-6
    assert parity.images == 6
    assert parity.tolerance == pytest.approx(1e-4 * parity.largest)


def test_a_network_that_differs_slightly_is_refused(tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.onnx", kernel=KERNEL * np.float32(1.001))
    with pytest.raises(WeightsError, match="differs"):
        measure_parity(toy_network(), path)


@pytest.mark.parametrize(("output", "difference"), [("logits", 2e-4), ("features", 5e-5)])
def test_logits_near_zero_may_differ_by_what_changes_no_probability(
    output: str, difference: float
) -> None:
    expected = np.full((2, 3), 0.02, np.float32)
    with pytest.raises(WeightsError, match="differs"):
        _compare("model", output, expected, expected + np.float32(difference), TOLERANCE)
    if output == "logits":
        near = _compare("model", output, expected, expected + np.float32(5e-5), TOLERANCE)
        assert near.tolerance == TOLERANCE


def test_swapped_channels_are_refused(tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.onnx", kernel=np.ascontiguousarray(KERNEL[:, ::-1]))
    with pytest.raises(WeightsError, match="differs"):
        measure_parity(toy_network(), path)


def test_a_fixed_batch_axis_is_refused(tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.onnx", batch=3)
    with pytest.raises(WeightsError, match="cannot run the export"):
        measure_parity(toy_network(), path)


def test_another_dimension_than_the_catalogues_is_refused(tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.onnx")
    with pytest.raises(WeightsError, match=r"should be \(6, 5\).*\(6, 4\)"):
        measure_parity(toy_network(output=(5,)), path)


def test_features_that_are_all_zero_are_refused(tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.onnx")
    with pytest.raises(WeightsError, match="output is 0"):
        measure_parity(toy_network(lambda batch: np.zeros((6, 4), np.float32)), path)


def test_features_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.onnx")
    with pytest.raises(WeightsError, match="differs"):
        measure_parity(toy_network(lambda batch: np.full((6, 4), np.nan, np.float32)), path)


def test_a_map_is_compared_beside_the_features_and_at_another_size(tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.onnx", maps=True)
    shown: list[tuple[int, ...]] = []

    def remembering(batch: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        shown.append(batch.shape[2:])
        return network_map(batch)

    assert measure_parity(toy_with_map(remembering), path).max_abs_diff <= 1e-6
    assert shown == [(8, 8), (6, 4)]


def test_a_map_that_differs_is_refused_by_its_name(tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.onnx", maps=True)
    with pytest.raises(WeightsError, match=r"differs .* \(relu\)"):
        measure_parity(toy_with_map(lambda batch: network_map(batch) * np.float32(1.001)), path)


def test_a_map_that_differs_at_another_size_only_is_refused(tmp_path: Path) -> None:
    def other_when_small(batch: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return network_map(batch) + np.float32(batch.shape[2] < 8)

    path = write_network(tmp_path / "model.onnx", maps=True)
    with pytest.raises(WeightsError, match=r"\(relu\)"):
        measure_parity(toy_with_map(other_when_small), path)


def test_a_map_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.onnx", maps=True)
    with pytest.raises(WeightsError, match=r"its output relu is \(6, 4, 8, 8\)"):
        measure_parity(toy_with_map(lambda batch: network_map(batch)[:, :3]), path)


def test_a_file_without_the_map_is_refused(tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.onnx")
    with pytest.raises(WeightsError, match="features, relu"):
        measure_parity(toy_with_map(), path)


@pytest.mark.parametrize(("kind", "expected"), [("byte", 128.0), ("unit", 128 / 255), ("max", 1.0)])
def test_an_image_is_brought_into_its_range(kind: str, expected: float) -> None:
    spec = InputSpec(2, 2, kind, (0.5, 0.0, 0.0), (2.0, 1.0, 1.0), "bilinear", "nchw")  # type: ignore[arg-type]
    batch = model_input(np.full((1, 2, 2, 3), 128, np.uint8), spec)
    assert batch.shape == (1, 3, 2, 2)
    assert batch[0, 0, 0, 0] == pytest.approx((expected - 0.5) / 2.0, abs=1e-6)
    assert batch[0, 1, 0, 0] == pytest.approx(expected)


def test_a_black_image_is_no_division_by_zero() -> None:
    spec = InputSpec(2, 2, "max", (0.0,) * 3, (1.0,) * 3, "bilinear", "nhwc")  # type: ignore[arg-type]
    assert not model_input(np.zeros((1, 2, 2, 3), np.uint8), spec).any()


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 31), (224, 160)])
def test_probe_images_are_varied_and_the_same_every_time(height: int, width: int) -> None:
    images = probe_images(height, width)
    assert images.shape == (6, height, width, 3)
    assert np.array_equal(images, probe_images(height, width))
    assert len({image.tobytes() for image in images}) == 6
    assert (images[4, 0] == 255).all()


def test_two_exports_of_one_network_become_the_same_file(tmp_path: Path) -> None:
    first = write_network(tmp_path / "first.onnx", prefix="a")
    second = write_network(
        tmp_path / "second.onnx", prefix="z9", reverse_constants=True, unused=True
    )
    assert first.read_bytes() != second.read_bytes()
    assert canonicalise(first) == canonicalise(second) == 18
    assert first.read_bytes() == second.read_bytes()


def test_a_canonical_file_computes_as_before_under_plain_names(tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.onnx", prefix="keras_tensor:0")
    canonicalise(path)
    graph = onnx.load(str(path)).graph
    assert (graph.input[0].name, graph.output[0].name) == ("image", "features")
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert graph.name == "trunk"
    assert b"/home/me.py" not in path.read_bytes()
    assert measure_parity(toy_network(), path).max_abs_diff <= 1e-6


def test_a_graph_that_is_no_backbone_is_called_what_it_is(tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.onnx")
    canonicalise(path, GraphNames("u2net", "photo", "saliency"))
    graph = onnx.load(str(path)).graph
    assert (graph.name, graph.input[0].name, graph.output[0].name) == ("u2net", "photo", "saliency")
    assert measure_parity(toy_network(), path).max_abs_diff <= 1e-6


def test_further_outputs_are_named_and_their_free_sides_after_them(tmp_path: Path) -> None:
    names = GraphNames(layers=("layer4",))
    paths = [tmp_path / "first.onnx", tmp_path / "second.onnx"]
    for path, prefix in zip(paths, ("s39", "s7"), strict=True):
        canonicalise(write_network(path, maps=True, prefix=prefix), names)
    features, layer = onnx.load(str(paths[0])).graph.output
    assert (features.name, layer.name) == ("features", "layer4")
    sides = [dimension.dim_param for dimension in layer.type.tensor_type.shape.dim]
    assert sides == ["batch", "", "layer4_height", "layer4_width"]
    assert measure_parity(toy_with_map(), paths[0]).max_abs_diff <= 1e-6
