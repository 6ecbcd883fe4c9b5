"""Classifiers made by hand: the means of three channels through one more node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from engine.types import CategoryScores, Cutout
from stages.classify import onnx as stage
from stages.context import BuildContext


def write_head(folder: Path, node: onnx.NodeProto, classes: int | str = 3) -> Path:
    """The means of the three channels (0 to 1) through one more node, as three scores."""
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["image"], ["means"], axes=[2, 3], keepdims=0),
            node,
        ],
        "head",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 4, 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", classes])],
    )
    path = folder / "head.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    path.with_suffix(".toml").write_text(
        "[input]\nheight = 4\nwidth = 4\nrange = 'unit'\nmean = [0.0, 0.0, 0.0]\n"
        "std = [1.0, 1.0, 1.0]\ninterpolation = 'bilinear'\nlayout = 'nchw'\n"
    )
    path.with_name("head.labels.txt").write_text("red\n\ngreen\nblue\n\n")
    return path


LOGITS = helper.make_node("Identity", ["means"], ["scores"])
SOFTMAX = helper.make_node("Softmax", ["means"], ["scores"], axis=1)


def plain(red: int, green: int, blue: int) -> Cutout:
    pixels = np.full((4, 4, 3), (red, green, blue), np.uint8)
    return Cutout(pixels, np.ones((4, 4), np.float32), (0, 0, 4, 4))


def classified(path: Path, cutouts: list[Cutout], **values: object) -> list[CategoryScores]:
    options = stage.Options.model_validate({"weights": str(path), **values})
    classifier = stage.build(options, BuildContext())
    return classifier.classify(cutouts, np.zeros((len(cutouts), 1), np.float32))
