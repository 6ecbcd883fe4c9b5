"""Weights stored in half precision: half the bytes, the same names, a stated difference."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest

from engine.errors import WeightsError
from packsight.cli import main
from stages._session import OnnxSession
from tests.weights.loopback import SPEC
from tests.weights.small_graphs import BIAS, KERNEL, network_features, toy_network, write_network
from weights.export import ExportReport, store_halved, store_network
from weights.half_storage import halve
from weights.inspection import verify_model
from weights.output_spec import OutputSpec
from weights.parity import HALF_TOLERANCE
from weights.probe import image_probe
from weights.sidecar import SourceFacts, read_sidecar, sidecar_path

SOURCE = SourceFacts("toy.pth", "0" * 64, True)
UNEVEN = (KERNEL / 3).astype(np.float32)  # most of them between two numbers of float16


def store(path: Path, *, half: bool, **more: Any) -> ExportReport:
    return store_network(toy_network(), path, "toy", SOURCE, SPEC, half=half, **more)


def constants(path: Path) -> dict[str, npt.NDArray[Any]]:
    graph = onnx.load(str(path)).graph
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}


def rounded(kernel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The slow twin: as a file of this kernel in float16 computes."""
    batch = image_probe(SPEC)
    convolved = np.einsum("nchw,oc->nohw", batch, kernel.astype(np.float16)[:, :, 0, 0])
    means: npt.NDArray[np.float32] = np.maximum(convolved + BIAS[:, None, None], 0).mean((2, 3))
    return means


def test_a_halved_file_computes_with_the_rounded_kernel_in_float32(tmp_path: Path) -> None:
    path = write_network(tmp_path / "toy.onnx", kernel=UNEVEN)
    plain = OnnxSession(path, threads=1).run(image_probe(SPEC))
    assert halve(path) == 1
    found = OnnxSession(path, threads=1).run(image_probe(SPEC))
    assert np.allclose(found, rounded(UNEVEN), atol=1e-6) and not np.array_equal(found, plain)
    halved, full = constants(path), constants(write_network(tmp_path / "full.onnx", kernel=UNEVEN))
    assert halved["v_kernel_half"].dtype == np.float16 and "v_kernel" not in halved
    assert np.array_equal(halved["v_bias"], full["v_bias"])  # a vector stays as it is


def test_the_runtime_folds_the_casts_away(tmp_path: Path) -> None:
    path = write_network(tmp_path / "toy.onnx", kernel=UNEVEN)
    halve(path)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "opened.onnx")
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    opened = onnx.load(str(tmp_path / "opened.onnx")).graph
    assert "Cast" not in {node.op_type for node in opened.node}


def test_numbers_beyond_half_precision_stay_in_float32(tmp_path: Path) -> None:
    path = write_network(tmp_path / "toy.onnx", kernel=KERNEL * np.float32(1e5))
    before = path.read_bytes()
    assert halve(path) == 0
    assert constants(path).keys() == constants(write_network(tmp_path / "same.onnx")).keys()
    assert len(path.read_bytes()) == len(before)


def test_an_export_in_half_precision_states_its_difference(tmp_path: Path) -> None:
    full, half = (store(tmp_path / f"{half}.onnx", half=half) for half in (False, True))
    assert full.parity.max_abs_diff < half.parity.max_abs_diff <= half.parity.tolerance
    assert half.parity.tolerance == pytest.approx(HALF_TOLERANCE * half.parity.largest)
    assert verify_model(half.path).state == "verified"
    names = [
        {array.dtype.name for array in constants(found.path).values()} for found in (full, half)
    ]
    assert ["float16" in each for each in names] == [False, True]


def test_a_wrong_export_is_not_excused_by_the_wider_tolerance(tmp_path: Path) -> None:
    network = toy_network(lambda batch: network_features(batch) * np.float32(1 + 1e-3))
    with pytest.raises(WeightsError, match="differs"):
        store_network(network, tmp_path / "toy.onnx", "toy", SOURCE, SPEC, half=True)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_half_precision_does_not_hold_is_refused(tmp_path: Path) -> None:
    """Kernels of opposite signs that cancel but for what float16 rounds away."""
    kernel = np.zeros_like(KERNEL)
    kernel[:, 0], kernel[:, 1] = 10003.0, -10000.0
    network = dataclasses.replace(
        toy_network(lambda batch: _features(batch, kernel)),
        write=functools.partial(write_network, kernel=kernel),
        probe=np.repeat(image_probe(SPEC)[:, :1], 3, axis=1),
    )
    assert store_network(network, tmp_path / "full.onnx", "toy", SOURCE, SPEC, tolerance=1e-3)
    with pytest.raises(WeightsError, match=r"Half precision.*without --half"):
        store_network(
            network, tmp_path / "half.onnx", "toy", SOURCE, SPEC, tolerance=1e-3, half=True
        )
    assert not (tmp_path / "half.onnx").exists()


def _features(
    batch: npt.NDArray[np.float32], kernel: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    convolved = np.einsum("nchw,oc->nohw", batch, kernel[:, :, 0, 0]) + BIAS[:, None, None]
    means: npt.NDArray[np.float32] = np.maximum(convolved, 0).mean((2, 3)).astype(np.float32)
    return means


def test_a_file_that_is_there_is_halved_with_its_sidecar(tmp_path: Path) -> None:
    output = OutputSpec(stretch=False)
    full = store(tmp_path / "toy.onnx", half=False, output=output)
    report = store_halved(full.path, tmp_path / "other" / "toy.onnx")
    exported = store(tmp_path / "half.onnx", half=True)
    assert report.path.read_bytes() == exported.path.read_bytes()
    assert report.source == SourceFacts("toy.onnx", full.sha256, True)
    sidecar = read_sidecar(report.path)
    assert sidecar is not None and (sidecar.input, sidecar.output) == (SPEC, output)
    assert sidecar.sha256 == report.sha256 and report.parity.max_abs_diff > 0


@pytest.mark.parametrize("fault", ["absent", "no sidecar", "replaced", "no model"])
def test_a_file_that_cannot_be_halved_is_refused(fault: str, tmp_path: Path) -> None:
    path = store(tmp_path / "toy.onnx", half=False).path
    if fault == "absent":
        path.unlink()
    elif fault == "no sidecar":
        sidecar_path(path).unlink()
    else:
        path.write_bytes(b"no model")
        if fault == "no model":
            text = sidecar_path(path).read_text("utf-8")
            lines = [line for line in text.splitlines() if not line.startswith("sha256")]
            sidecar_path(path).write_text("\n".join(lines), "utf-8")
    with pytest.raises(WeightsError, match="toy"):
        store_halved(path, tmp_path / "half.onnx")
    assert not (tmp_path / "half.onnx").exists()


def test_the_command_halves_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = store(tmp_path / "toy.onnx", half=False).path
    target = tmp_path / "half.onnx"
    command = ["weights", "export", str(path), "--half"]
    assert main([*command, "--out", str(target)]) == 0
    assert str(target) in capsys.readouterr().out and verify_model(target).state == "verified"
    assert main(command) != 0
    assert "--out" in capsys.readouterr().err
