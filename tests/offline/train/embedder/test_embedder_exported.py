"""An exported embedder that learns again: torch computes what its ONNX file computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config import Settings
from engine.errors import WeightsError
from offline.train.embedder.recipe import EmbedderRecipe, NetworkRecipe
from offline.train.embedder.start import NAMES, build_start, find_weights, settle_statistics
from weights.half_storage import halve
from weights.input_spec import InputSpec
from weights.parity import run_file
from weights.probe import image_probe

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

SPEC = InputSpec(32, 32, "byte", (127.0,) * 3, (128.0,) * 3, "bicubic", "nchw")


def small_embedder(dimension: int = 5) -> Any:
    from offline.train.embedder.network import Embedder

    nn = torch.nn

    class Backbone(nn.Sequential):  # type: ignore[misc, name-defined]
        def forward(self, images: Any) -> tuple[Any, ...]:
            return (super().forward(images),)

    backbone = Backbone(
        nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU6(), nn.Conv2d(6, 8, 1)
    )
    return Embedder(backbone, [8], "gem", 2.0, dimension=dimension).eval()


def write_export(path: Path) -> Path:
    """As an export of ``small_embedder`` is, folded and halved, without the exporter's seconds."""
    random = np.random.default_rng(0)
    shapes = {
        "k1": (6, 3, 3, 3),
        "b1": (6,),
        "k2": (8, 6, 1, 1),
        "b2": (8,),
        "w": (5, 8),
        "b": (5,),
    }
    values: dict[str, Any] = {
        name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()
    }
    values |= {"low": np.float32(0), "high": np.float32(6), "eps": np.float32(1e-6)}
    values |= {"p": np.full((1, 1, 1, 1), 2.7, np.float32), "root": np.float32([1 / 2.7])}
    values |= {"sides": np.array([2, 3], np.int64), "axis": np.array([1], np.int64)}
    make = onnx.helper.make_node
    nodes = [
        make("Conv", ["image", "k1", "b1"], ["c1"]),
        make("Clip", ["c1", "low", "high"], ["a1"]),
        make("Conv", ["a1", "k2", "b2"], ["c2"]),
        make("Clip", ["c2", "eps"], ["x"]),
        make("Pow", ["x", "p"], ["powered"]),
        make("ReduceMean", ["powered", "sides"], ["mean"], keepdims=0),
        make("Pow", ["mean", "root"], ["pooled"]),
        make("ReduceL2", ["pooled", "axis"], ["length"]),
        make("Div", ["pooled", "length"], ["unit"]),
        make("Gemm", ["unit", "w", "b"], ["projected"], transB=1),
        make("ReduceL2", ["projected", "axis"], ["norm"]),
        make("Div", ["projected", "norm"], ["features"]),
    ]
    describe, number = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "embedder",
        [describe("image", number, ["batch", 3, 32, 32])],
        [describe("features", number, ["batch", 5])],
        [onnx.numpy_helper.from_array(np.asarray(v), name) for name, v in values.items()],
    )
    opset = onnx.helper.make_opsetid("", 18)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=9), str(path))
    halve(path)
    return path


def test_an_export_goes_back_into_torch_and_computes_the_same(tmp_path: Path) -> None:
    from offline.train.embedder.exported import load_exported

    model = write_export(tmp_path / "e.onnx")
    embedder = small_embedder()
    load_exported(embedder, model, SPEC, NAMES)
    assert _furthest(embedder, model, SPEC) < 1e-2  # its exponent was rounded
    assert embedder.pools[0].p.item() == pytest.approx(2.7)


def test_its_normalisation_has_statistics_again_and_changes_nothing(tmp_path: Path) -> None:
    from offline.train.embedder.exported import load_exported

    model = write_export(tmp_path / "e.onnx")
    embedder = small_embedder()
    load_exported(embedder, model, SPEC, NAMES)
    images = torch.from_numpy(image_probe(SPEC))
    assert settle_statistics(embedder, lambda a, b: images[a:b], len(images), drawn=False)
    assert embedder.trunk[1].running_mean.abs().max() > 0
    assert _furthest(embedder, model, SPEC) < 1e-2


def test_another_network_is_refused(tmp_path: Path) -> None:
    from offline.train.embedder.exported import load_exported

    model = write_export(tmp_path / "e.onnx")
    leaky, longer = small_embedder(), small_embedder()
    leaky.trunk[2] = torch.nn.LeakyReLU(0.5)  # the same shapes
    longer.trunk.append(torch.nn.Conv2d(8, 8, 1))
    for other in (leaky, longer, small_embedder(4)):
        with pytest.raises(WeightsError, match="not an embedder of this backbone"):
            load_exported(other, model, SPEC, NAMES)
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="no ONNX file"):
        load_exported(small_embedder(), tmp_path / "no.onnx", SPEC, NAMES)


@pytest.mark.slow
def test_the_shipped_embedder_computes_in_torch_what_it_does_when_it_serves() -> None:
    pytest.importorskip("timm")
    network = NetworkRecipe(
        backbone="efficientnet_lite0", weights="embedder_compact", dimension=256, freeze="blocks.1"
    )
    recipe = EmbedderRecipe(network, input_size=64)
    model = find_weights(network, Settings())
    assert model is not None
    start = build_start(recipe, model)
    images = torch.from_numpy(image_probe(start.spec))
    settle_statistics(start.embedder, lambda a, b: images[a:b], len(images), drawn=False)
    assert _furthest(start.embedder, model, start.spec) < 1e-3
    learning = [p for p in start.embedder.parameters() if p.requires_grad]
    assert start.whole and 0 < len(learning) < len(list(start.embedder.parameters()))


def _furthest(embedder: Any, model: Path, spec: InputSpec) -> float:
    """Of the values, as a fraction of the largest."""
    probe = image_probe(spec)
    served = run_file(model, probe)[0]
    with torch.no_grad():
        found = embedder(torch.from_numpy(probe)).numpy()
    return float(np.abs(found - served).max() / np.abs(served).max())
