"""`packsight tune-runtime`: what is measured is kept, and `auto` takes it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.config import Settings, load
from engine.errors import ConfigError
from engine.machine import Backend
from engine.types import RGBImage
from stages import tuning
from stages._fastest import fastest, keep_fastest
from stages._network import Array, Network
from stages.assemble import assemble
from stages.profiles import read_profile
from stages.tuning import Timing, tune

NETWORKS = ["segmenter_compact", "embedder_compact"]
SHA = "c" * 64


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PACKSIGHT_RUNTIMES_DIR", str(tmp_path / "runtimes"))
    return tmp_path / "runtimes"


def settings(*flags: str) -> Settings:
    return load(read_profile("compact"), env={}, flags=["runtime.threads=1", *flags])


def photo() -> RGBImage:
    """A dark box on white."""
    pixels = np.full((96, 72, 3), 250, np.uint8)
    pixels[20:80, 16:56] = (40, 60, 120)
    return RGBImage(pixels)


def backends(chosen: Settings) -> list[str]:
    return [session.backend for session in assemble(chosen).networks]


def with_ratio(monkeypatch: pytest.MonkeyPatch, ratio: float, difference: float = 1e-6) -> None:
    """OpenVINO takes this fraction of ONNX Runtime's time, and differs by so much."""

    def measured(
        networks: dict[Backend, Network], given: Sequence[object], rounds: int
    ) -> dict[Backend, Timing]:
        assert given and "openvino" in networks
        return {"onnxruntime": Timing(1.0, 1.0, 0.0), "openvino": Timing(ratio, ratio, difference)}

    monkeypatch.setattr(tuning, "_timings", measured)


def test_without_a_measurement_auto_is_onnx_runtime() -> None:
    assert backends(settings()) == ["onnxruntime"] * 2


@pytest.mark.parametrize(
    ("ratio", "difference", "chosen"),
    [(0.5, 1e-6, "openvino"), (0.99, 1e-6, "onnxruntime"), (0.5, 0.2, "onnxruntime")],
)
def test_auto_takes_what_was_clearly_faster_and_agreed(
    monkeypatch: pytest.MonkeyPatch, ratio: float, difference: float, chosen: str
) -> None:
    pytest.importorskip("openvino")
    with_ratio(monkeypatch, ratio, difference)
    assert [tuned.chosen for tuned in tune(settings(), photo(), 1)] == [chosen] * 2
    assert backends(settings()) == [chosen] * 2
    # Of other threads, another device or by a setting nothing was measured.
    assert backends(settings("runtime.threads=3")) == ["onnxruntime"] * 2
    assert backends(settings("runtime.backend=onnxruntime")) == ["onnxruntime"] * 2


def test_every_network_is_timed_on_what_a_photo_gives_it_and_agrees() -> None:
    pytest.importorskip("openvino")
    found = list(tune(settings(), photo(), 2))
    assert [tuned.name for tuned in found] == NETWORKS
    for tuned in found:
        assert not tuned.refused
        assert all(timing.seconds > 0 and timing.ratio > 0 for timing in tuned.timings.values())
        assert tuned.timings["onnxruntime"].ratio == 1
        assert tuned.timings["openvino"].difference < 1e-4


def test_a_runtime_that_is_not_installed_is_named_and_the_others_are_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    for tuned in tune(settings(), photo(), 1):
        assert tuned.chosen == "onnxruntime" and list(tuned.timings) == ["onnxruntime"]
        assert "not installed" in tuned.refused["openvino"]


def test_what_was_measured_counts_for_its_content_and_threads_alone() -> None:
    keep_fastest(SHA, 2, "openvino", {"openvino": 0.5})
    assert fastest(SHA, 2) == "openvino"
    assert fastest(SHA, 1) is None and fastest("d" * 64, 2) is None
    keep_fastest(SHA, 2, "onnxruntime", {"openvino": 1.5})
    assert fastest(SHA, 2) == "onnxruntime"


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"backend": "torch"}', b"\xff"])
def test_a_damaged_note_is_no_harm(folder: Path, content: bytes) -> None:
    keep_fastest(SHA, 2, "openvino", {})
    (path,) = folder.iterdir()
    path.write_bytes(content)
    assert fastest(SHA, 2) is None


def test_a_folder_that_cannot_be_written_is_named(folder: Path) -> None:
    folder.write_text("a file")
    with pytest.raises(ConfigError, match="PACKSIGHT_RUNTIMES_DIR"):
        list(tune(settings(), photo(), 1))


def test_another_device_is_not_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="cuda"):
        list(tune(settings("runtime.device=cuda"), photo(), 1))


def test_a_difference_is_of_an_outputs_largest_value_and_infinite_without_a_number() -> None:
    def away(*values: float) -> float:
        plain: list[Array] = [np.array([0.0, -4.0])]
        return tuning._difference(plain, [np.array(values)])

    assert away(0, -4) == 0 and away(1, -4) == 0.25
    assert away(0, float("nan")) == float("inf")
