"""Every runtime runs every network alike: outputs, shapes, errors, threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.errors import WeightsError
from engine.machine import Backend
from engine.types import FloatArray
from stages._session import OnnxSession
from tests.stages.made_models import model
from tests.stages.segment.saliency_graphs import brightness_model
from weights.cache import shipped_path
from weights.catalog import load_catalog
from weights.sidecar import read_sidecar

# Of the largest value of an output. Measured on the shipped networks: at most 3e-6.
TOLERANCE = 1e-4
# On integers a number between two levels is rounded up by one runtime and down by the other: of the
# output's length. Both are as near to the network in float32.
# Measured here: 0.066 (segmenter) and 0.039 (embedder).
INT8_TOLERANCE = 0.1
SHIPPED = sorted(
    shipped_path(entry)
    for entry in load_catalog().values()
    if entry.shipped and shipped_path(entry).suffix == ".onnx"
)


@pytest.fixture(params=["onnxruntime", "openvino"])
def backend(request: pytest.FixtureRequest) -> Backend:
    pytest.importorskip(request.param)
    chosen: Backend = request.param
    return chosen


def smooth(shape: tuple[int, ...], seed: int = 0) -> FloatArray:
    """(N, C, H, W) in [-2, 2], as images are: neighbours alike."""
    draw = np.random.default_rng(seed)
    planes = [
        cv2.resize(draw.uniform(-2, 2, (9, 9)).astype(np.float32), shape[:1:-1])
        for _ in range(shape[0] * shape[1])
    ]
    return np.stack(planes).reshape(shape).astype(np.float32)


def fitting(session: OnnxSession, count: int) -> FloatArray:
    """A batch that the network takes; 96 for a side that is free."""
    axes = session.input_shape[1:]
    return smooth((count, *(axis if isinstance(axis, int) else 96 for axis in axes)))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_network_gives_the_same_by_every_runtime(path: Path, backend: Backend) -> None:
    plain = OnnxSession(path, threads=2)
    session = OnnxSession(path, threads=2, backend=backend)
    assert session.output_names == plain.output_names
    outputs = range(len(plain.output_names))
    sidecar = read_sidecar(path)
    is_int8 = sidecar is not None and sidecar.int8_of is not None
    for count in (1, 3):
        batch = fitting(plain, count)
        wanted, found = plain.run_all(batch, outputs), session.run_all(batch, outputs)
        for one, other in zip(wanted, found, strict=True):
            assert other.dtype == np.float32 and other.shape == one.shape
            if is_int8:
                norms = np.linalg.norm(other - one), np.linalg.norm(one)
                assert norms[0] <= INT8_TOLERANCE * norms[1]
            else:
                assert np.abs(other - one).max() <= TOLERANCE * np.abs(one).max()


def test_free_and_fixed_axes_are_known(tmp_path: Path, backend: Backend) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model("Relu", shape=("n", 3)))
    session = OnnxSession(path, threads=1, backend=backend)
    assert not isinstance(session.input_shape[0], int) and session.input_shape[1] == 3
    assert session.output_names == ("y",) and session.output_shapes[0][1] == 3
    for count in (1, 4, 2):
        batch = np.arange(3 * count, dtype=np.float32).reshape(count, 3) - 3
        assert np.array_equal(session.run(batch), np.maximum(batch, 0))


def test_outputs_have_the_files_names_where_operations_fall_away(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACKSIGHT_RUNTIMES_DIR", str(tmp_path / "runtimes"))
    path = brightness_model(tmp_path / "model.onnx", decoys=2)
    for _ in range(2):  # compiled, and as it was kept
        session = OnnxSession(path, threads=1, sha256="a" * 64, backend=backend)
        assert session.output_names == ("decoy0", "decoy1", "map")


def test_a_fixed_batch_is_run_image_by_image(tmp_path: Path, backend: Backend) -> None:
    session = OnnxSession(
        tmp_path / "in memory", threads=1, content=model("Relu", shape=(1, 3)), backend=backend
    )
    batch = np.array([[-1, 2, -3], [4, -5, 6]], np.float32)
    assert np.array_equal(session.run(batch, -1), np.maximum(batch, 0))
    assert session.run(batch[:0]).size == 0


def test_half_precision_is_taken(tmp_path: Path, backend: Backend) -> None:
    content = model("Relu", shape=("n", 3), kind="FLOAT16")
    session = OnnxSession(tmp_path / "half", threads=1, content=content, backend=backend)
    found = session.run(np.array([[-1, 0.5, 3]], np.float32))
    assert found.dtype == np.float32 and found.tolist() == [[0, 0.5, 3]]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"no model at all", "not a model that"),
        (model("Relu")[:40], "not a model that"),
        (model("Nonsense"), "Nonsense"),
        (model("Relu", kind="INT32"), "int32"),
        (model("Add", inputs=("x", "z")), "2 inputs"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_what_is_no_such_model_is_refused_by_its_path(
    tmp_path: Path, backend: Backend, content: bytes, wanted: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as refused:
        OnnxSession(path, threads=1, backend=backend)
    assert str(path) in str(refused.value) and wanted in str(refused.value)
    assert "\n" not in str(refused.value) and ".cpp:" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_threads_may_share_a_session(tmp_path: Path, backend: Backend) -> None:
    session = OnnxSession(
        tmp_path / "shared", threads=1, content=model("Relu", shape=("n", 3)), backend=backend
    )
    batches = [np.full((1 + at % 3, 3), at - 32, np.float32) for at in range(64)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(session.run, batches))
    for batch, result in zip(batches, found, strict=True):
        assert np.array_equal(result, np.maximum(batch, 0))


def test_a_result_is_the_callers_own(tmp_path: Path, backend: Backend) -> None:
    session = OnnxSession(
        tmp_path / "kept", threads=1, content=model("Relu", shape=("n", 3)), backend=backend
    )
    first = session.run(np.ones((1, 3), np.float32))
    session.run(np.full((1, 3), 7, np.float32))
    assert first.tolist() == [[1, 1, 1]]
