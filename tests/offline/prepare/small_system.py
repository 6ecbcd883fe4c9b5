"""Networks of the paper's system in small, and the command that takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.stages.classify.small_heads import SOFTMAX, write_head
from tests.stages.matting.matting_graphs import last_channel_model
from tests.stages.segment.saliency_graphs import brightness_model, write_spec
from tests.weights.loopback import SPEC
from weights.sidecar import ModelFacts, Parity, SourceFacts, sidecar_text

STEPS = ("u2net", "fba", "resnet50", "classifier", "settings")


def write_networks(folder: Path, *, gain: float = -1.0) -> dict[str, Path]:
    """By step; the saliency is the darkness of an image, of another network by another ``gain``."""
    folder.mkdir(parents=True, exist_ok=True)
    u2net = brightness_model(folder / "u2net.onnx", gain=gain, offset=1.0)
    write_spec(u2net, 32, 32)
    fba = folder / "fba.onnx"
    last_channel_model(fba, 12)
    return {"u2net": u2net, "fba": fba, "resnet50": write_features(folder / "resnet50.onnx")}


def write_features(path: Path) -> Path:
    """(N, 3, 8, 8) -> (N, 2048): the mean colour, spread; its sidecar beside."""
    spread = np.random.default_rng(0).normal(size=(3, 2048)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["image"], ["means"], axes=[2, 3], keepdims=0),
            helper.make_node("MatMul", ["means", "spread"], ["features"]),
        ],
        "features",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 2048])],
        [numpy_helper.from_array(spread, "spread")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    write_spec(path, 8, 8)
    return path


def write_classifier(folder: Path) -> Path:
    """Of three categories, with a list of labels."""
    folder.mkdir(parents=True, exist_ok=True)
    path = write_head(folder, SOFTMAX)
    path.with_name("head.labels.txt").write_text("bottle\njar\nstick\n")
    return path


def train_nothing(out: Path) -> None:
    """Leave what a training leaves, for a training that a test replaces."""
    made = write_classifier(out / "made")
    made.rename(out / "classifier.onnx")
    model = ModelFacts("toy", (3,), 17, "")
    text = sidecar_text(model, SourceFacts("x", "", False), Parity(0.0, 0.0, 0.0, 1), SPEC)
    (out / "classifier.toml").write_text(text)
    (out / "classifier.classifier.toml").write_text(
        'version = 1\nlabels = ["bottle", "jar", "stick"]\noutput = "logits"\n'
    )
    (out / "card.md").write_text("# a card\n")
