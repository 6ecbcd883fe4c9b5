"""The grocery benchmark on a drawn data set of the same layout, with two models of one layer."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.grocery.images import QUERIES, queries
from engine.errors import ConfigError
from tests.benchmarks.running import run_benchmark, table
from tests.drawn_catalogue import CATEGORIES, package, save

PARTS = ("iconic-images-and-descriptions", "train", "val")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three categories of two products: three views each in every part, all different."""
    folder = tmp_path / "data"
    for place, part in enumerate(PARTS):
        for category, product, view in itertools.product(CATEGORIES, range(2), range(3)):
            target = folder / part / "Packages" / category / f"p{product}" / f"{view}.jpg"
            save(target, package(category, product, 3 * place + view))
    return folder


def test_validation_asks_the_last_third_of_every_product_and_val_asks_all_of_val(
    data: Path,
) -> None:
    validation = queries(data, "validation")
    assert len(validation) == 6
    assert all("train" in query.path.parts for query in validation)
    asked = queries(data, "val")
    assert len(asked) == len(list((data / QUERIES).rglob("*.jpg"))) == 18
    assert all(query.product.startswith(f"{query.category}/") for query in asked)


@pytest.mark.slow
@pytest.mark.parametrize("split", ["validation", "val"])
def test_every_chain_is_measured_on_every_query(data: Path, tmp_path: Path, split: str) -> None:
    out = tmp_path / "results.json"
    models = ("--u2netp", _segmenter(tmp_path), "--backbone", _backbone(tmp_path))
    places = ("--work", tmp_path / "work", "--out", out)
    done = run_benchmark("grocerystore.py", data, *models, *places, "--split", split)
    assert done.returncode == 0, done.stderr
    lines = table(done.stdout, "chain")
    rows = json.loads(out.read_text("utf-8"))["rows"]
    assert list(lines) == list(rows)
    for name in ("no segmentation", "crop, hard top-1", "classic, as shipped", "paper's chain"):
        assert len(rows[name]) == len(queries(data, split))
        assert re.fullmatch(r"[01]\.\d{3} \[.*\]", lines[name][0])
    true = rows["crop, true category"]
    assert all(one["holds"] and one["routed"] == 1 and one["category_hit"][0] == 1 for one in true)
    assert all(one["routed"] == 3 for one in rows["crop, all categories"])


def test_a_folder_that_is_no_grocery_store_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "train" / "Packages").mkdir(parents=True)
    models = ("--u2netp", tmp_path / "a.onnx", "--backbone", tmp_path / "b.onnx")
    done = run_benchmark("grocerystore.py", tmp_path, *models, "--work", tmp_path / "work")
    assert done.returncode == 1
    assert "no such folder" in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(ConfigError, match="val"):
        queries(tmp_path, "val")


def _segmenter(folder: Path) -> Path:
    """Saliency by darkness: the drawn products are darker than their background."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("Neg", ["grey"], ["dark"]),
        helper.make_node("Sigmoid", ["dark"], ["mask"]),
    ]
    return _model(folder / "segmenter.onnx", nodes, "mask", ["n", 1, 320, 320], [])


def _backbone(folder: Path) -> Path:
    """Four random filters of 8 x 8 pixels, averaged over the image."""
    random = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype(np.float32)
    weights = numpy_helper.from_array(random, "filters")
    nodes = [
        helper.make_node("Conv", ["image", "filters"], ["maps"], strides=[8, 8]),
        helper.make_node("Relu", ["maps"], ["features"]),
    ]
    path = _model(folder / "backbone.onnx", nodes, "features", ["n", 4, "h", "w"], [weights])
    path.with_suffix(".toml").write_text(
        "[input]\nheight = 64\nwidth = 64\nrange = 'unit'\nmean = [0.5, 0.5, 0.5]\n"
        "std = [0.5, 0.5, 0.5]\ninterpolation = 'bilinear'\nlayout = 'nchw'\n",
        "utf-8",
    )
    return path


def _model(
    path: Path,
    nodes: list[onnx.NodeProto],
    output: str,
    shape: list[int | str],
    weights: list[onnx.TensorProto],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path
