"""Proof that an exported file computes what its framework computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.errors import WeightsError
from engine.types import FloatArray
from weights.frameworks.network import Network
from weights.sidecar import Parity

# Largest difference allowed, as a part of the largest value. Float32 sums in another order were
# seen to differ by 9e-6 of it (MobileNetV2 from Keras; ResNet-50 from torchvision: 4e-7).
TOLERANCE = 1e-4


def measure_parity(network: Network, model: Path, tolerance: float = TOLERANCE) -> Parity:
    """Compare a file with the network that wrote it on its probe, as one batch and one by one.

    Raises WeightsError when the shapes or the values differ by more than ``tolerance`` times the
    largest value.
    """
    expected = network.run(network.probe)
    found = _run_onnx(model, network.probe)
    shape = (len(network.probe), *network.output)
    if expected.shape != shape or found.shape != shape:
        raise WeightsError(
            f"{model.name}: the output should be {shape}: the framework gives {expected.shape}, "
            f"ONNX {found.shape}."
        )
    largest = float(np.abs(expected).max())
    difference = float(np.abs(expected - found).max())
    allowed = tolerance * largest
    if largest == 0.0:
        raise WeightsError(f"{model.name}: the whole output is 0, which proves nothing.")
    if not difference <= allowed:  # also refuses NaN
        raise WeightsError(
            f"{model.name}: the exported model differs from its framework by up to "
            f"{difference:.3g} where {allowed:.3g} is allowed; nothing was stored."
        )
    return Parity(difference, allowed, largest, len(network.probe))


def _run_onnx(model: Path, batch: FloatArray) -> FloatArray:
    """(N, …): the first half as one batch, the rest one by one, so a fixed batch axis shows."""
    import onnxruntime as ort

    half = len(batch) // 2
    parts = [batch[:half], *(batch[i : i + 1] for i in range(half, len(batch)))]
    try:
        session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return np.concatenate([session.run(None, {name: part})[0] for part in parts])
    except Exception as error:  # the runtime raises a family of private types
        raise WeightsError(f"{model.name}: ONNX Runtime cannot run the export: {error}") from error
