"""Parity check: an exported file computes the same as its framework."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.errors import WeightsError
from engine.types import FloatArray
from weights.frameworks.network import Network
from weights.sidecar import Parity

# Largest difference allowed, as a fraction of the largest value. Float32 sums in another order
# were measured to differ by 9e-6 of it (MobileNetV2 from Keras; ResNet-50 from torchvision: 4e-7).
TOLERANCE = 1e-4
# The same for weights stored in half precision. Measured: EfficientNet-Lite0 0.004 in its features
# and 0.012 in its last map, Lite2 0.003 and 0.015; MobileNetV2 with weights off an int8 grid 0.032
# and 0.15, and so is refused with its maps.
HALF_TOLERANCE = 0.05
# The name of a classifier's output. Probabilities depend on differences of logits, not on their
# size: those of a head that has hardly learned are all near 0, after layers with large values.
LOGITS = "logits"


def measure_parity(network: Network, model: Path, tolerance: float = TOLERANCE) -> Parity:
    """Compare a file with the network that wrote it on its probe, as one batch and one by one.

    Further outputs and sizes are compared on every probe; the returned parity is that of the first
    output, at the size where it is nearest to its limit. Raises WeightsError when the shapes
    or the values differ by more than ``tolerance`` times the largest value of that output; of
    logits, at least by more than ``tolerance``.
    """
    expected = network.run(network.probe)
    actual = run_file(model, network.probe)
    shape = (len(network.probe), *network.output)
    if expected.shape != shape or actual[0].shape != shape:
        raise WeightsError(
            f"{model.name}: the output should be {shape}: the framework gives {expected.shape}, "
            f"ONNX {actual[0].shape}."
        )
    parities = [_compare(model.name, network.names.result, expected, actual[0], tolerance)]
    if network.everything is not None:
        names = (network.names.result, *network.names.layers)
        for probe in network.everything.probes:
            outputs = actual if probe is network.probe else run_file(model, probe)
            wanted = network.everything.run(probe)
            parities.append(_compare_all(model.name, names, wanted, outputs, tolerance)[0])
    return max(parities, key=lambda parity: parity.max_abs_diff / parity.largest)


def _compare_all(
    model: str,
    names: Sequence[str],
    expected: Sequence[FloatArray],
    actual: Sequence[FloatArray],
    tolerance: float,
) -> list[Parity]:
    if not len(names) == len(expected) == len(actual):
        raise WeightsError(
            f"{model}: should have the outputs {', '.join(names)}: the framework gives "
            f"{len(expected)}, ONNX {len(actual)}."
        )
    return [
        _compare(model, *output, tolerance) for output in zip(names, expected, actual, strict=True)
    ]


def _compare(
    model: str, output: str, expected: FloatArray, actual: FloatArray, tolerance: float
) -> Parity:
    if expected.shape != actual.shape:
        raise WeightsError(
            f"{model}: its output {output} is {actual.shape}, its framework's {expected.shape}."
        )
    largest = float(np.abs(expected).max())
    difference = float(np.abs(expected - actual).max())
    allowed = tolerance * (max(largest, 1.0) if output == LOGITS else largest)
    if largest == 0.0:
        raise WeightsError(
            f"{model}: the whole output is 0, so parity cannot be checked ({output})."
        )
    if not difference <= allowed:  # also refuses NaN
        raise WeightsError(
            f"{model}: the exported model differs from its framework by up to {difference:.3g} "
            f"where {allowed:.3g} is allowed ({output}); nothing was stored."
        )
    return Parity(difference, allowed, largest, len(expected))


def run_file(model: Path, batch: FloatArray) -> list[FloatArray]:
    """(N, …) every output: the first half of the batch as one, the rest one by one, so that a
    fixed batch axis shows."""
    import onnxruntime as ort

    half = len(batch) // 2
    parts = [batch[:half], *(batch[i : i + 1] for i in range(half, len(batch)))]
    try:
        session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        rows = [session.run(None, {name: part}) for part in parts]
        return [np.concatenate(outputs) for outputs in zip(*rows, strict=True)]
    except Exception as error:  # the runtime raises a family of private types
        raise WeightsError(f"{model.name}: ONNX Runtime cannot run the export: {error}") from error
