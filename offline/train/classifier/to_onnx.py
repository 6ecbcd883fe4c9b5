"""A trained Keras classifier as one ONNX file that gives logits.

The file is written by a process of its own, in which Keras runs on torch: a process has one
backend for its life, and TensorFlow's road to ONNX needed more than 23 GB for EfficientNetV2-L.
Parity is then shown against the network that was trained, in the process that trained it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import WeightsError
from engine.types import FloatArray
from weights.export import ExportReport, store_network
from weights.frameworks.network import GraphNames, Network
from weights.input_spec import InputSpec
from weights.probe import image_probe
from weights.sidecar import SourceFacts

NAMES = GraphNames("classifier", "image", "logits")


@dataclass(frozen=True)
class Order:
    """Input of the writing process, as JSON."""

    backbone: str
    classes: int
    side: int
    weights: str  # an .npz of ``checkpoint.save_weights``
    out: str


def input_spec(side: int) -> InputSpec:
    """Bytes, channels first: the network itself brings them to its backbone's range."""
    return InputSpec(side, side, "byte", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bilinear", "nchw")


def store_classifier(network: Any, order: Order, source: SourceFacts, target: Path) -> ExportReport:
    """Write ``target`` (*.onnx) with its sidecar. ``network``: as trained, (N, S, S, 3) ->
    probabilities; its logits are what is stored and compared.

    Raises WeightsError when the writing process fails or the parity is not shown.
    """
    from offline.train.classifier.network import LOGITS, part

    logits = part(network, LOGITS)
    spec = input_spec(order.side)

    def run(batch: FloatArray) -> FloatArray:
        images = np.ascontiguousarray(batch.transpose(0, 2, 3, 1))
        return np.asarray(logits.predict_on_batch(images), np.float32)

    def write(path: Path) -> None:
        _write_apart(order, path)

    made = Network(run, write, (order.classes,), image_probe(spec), NAMES)
    return store_network(made, target, order.backbone, source, spec)


def _write_apart(order: Order, path: Path) -> None:
    order_json = json.dumps({**asdict(order), "out": str(path.absolute())})
    # "-m" with the folder of this package in front: also from a checkout that is not installed.
    root = str(Path(__file__).resolve().parents[3])
    path_before = os.environ.get("PYTHONPATH", "")
    environment = {
        **os.environ,
        "KERAS_BACKEND": "torch",
        "PYTHONPATH": f"{root}{os.pathsep}{path_before}" if path_before else root,
    }
    with tempfile.TemporaryFile() as errors:
        ended = subprocess.run(
            [sys.executable, "-m", "offline.train.classifier.to_onnx"],
            input=order_json.encode(),
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment,
            check=False,
        )
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
    if ended.returncode != 0:
        raise WeightsError(
            f"{path.name}: the process that writes ONNX failed: "
            f"{lines[-1][:300] if lines else f'exit code {ended.returncode}'}.",
            remedy="The training is kept: free some memory and give the same command again.",
        )


def _write_here(order: Order) -> None:
    """In the process of its own."""
    from offline.train.classifier.checkpoint import load_weights
    from offline.train.classifier.network import LOGITS, build_network, part
    from offline.train.classifier.recipe import find_backbone
    from weights.frameworks.from_keras import as_torch_module
    from weights.frameworks.torch_export import write_onnx

    network = build_network(
        find_backbone(order.backbone), order.classes, order.side, "channels_first"
    )
    load_weights(Path(order.weights), network)
    module = as_torch_module(part(network, LOGITS))
    probe = np.zeros((2, 3, order.side, order.side), np.float32)
    write_onnx(module, probe, Path(order.out))


if __name__ == "__main__":
    _write_here(Order(**json.load(sys.stdin)))
