"""`packsight weights quantise`: what finds the same is written with its values, else nothing is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from engine.config import RuntimeSettings, load
from offline.prepare import int8
from stages.assemble import assemble
from stages.context import BuildContext
from stages.profiles import read_profile
from tests.drawn_catalogue import save
from tests.packsight_command import Command, Outcome
from tests.stages.segment.saliency_graphs import write_spec
from tests.weights.test_quantise import write_layers
from weights.fetch import FetchPolicy, resolve

COLOURS = [(230, 20, 20), (20, 230, 20), (20, 20, 230), (220, 220, 20), (20, 220, 220), (5, 5, 5)]
Quantise = Callable[..., Outcome]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An embedder with one layer that int8 harms."""
    path = write_layers(tmp_path / "embedder.onnx")
    write_spec(path, 8, 8)
    return path


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A colour a product, in two views that differ little."""
    for product, colour in enumerate(COLOURS):
        for view in range(2):
            pixels = np.full((32, 32, 3), colour, np.uint8)
            pixels[8:16, 8 : 12 + 2 * view] = 200
            save(tmp_path / "gate" / "jar" / f"p{product}" / f"v{view}.png", pixels)
    return tmp_path / "gate"


@pytest.fixture
def quantise(
    capsys: pytest.CaptureFixture[str],
    model: Path,
    gate: Path,
    catalogue: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Quantise:
    monkeypatch.setattr(int8, "ROUNDS", 2)
    packsight = Command(capsys)
    config = tmp_path / "settings.toml"
    config.write_text(
        '[segment]\nname = "whole"\n[cutout]\nname = "whole"\n'
        f'[embed]\nname = "onnx"\nweights = "{model}"\n[rerank]\nname = "none"\n'
        '[keypoints]\nname = "none"\n'
    )

    def run(*more: str | Path, name: str | Path = model, calibrate: Path = catalogue) -> Outcome:
        out, cache = tmp_path / "int8.onnx", tmp_path / "cache"
        return packsight(
            *("weights", "quantise", name, "--calibrate", calibrate, "--out", out, "--quiet"),
            *("--cache", cache, "--profile", "classic", "--config", config, *more),
        )

    return run


def test_what_finds_the_same_is_written_with_its_values(
    quantise: Quantise, model: Path, gate: Path, tmp_path: Path
) -> None:
    shown = quantise("--gate", gate, "--float-layers", "2")
    assert shown.code == 0, shown.err
    assert "R@1 of vectors" in shown.out and "harmful stays in float32" in shown.out
    out = tmp_path / "int8.onnx"
    kinds = {tensor.data_type for tensor in onnx.load(str(out)).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    card, sidecar = (out.with_suffix(suffix).read_text("utf-8") for suffix in (".md", ".toml"))
    assert "R@1 of vectors" in card and "harmful" in card and "ONNX Runtime, processor" in card
    assert 'float_layers = ["harmful"]' in sidecar and str(tmp_path) not in card + sidecar
    file = resolve(str(out), FetchPolicy(tmp_path))
    assert file.int8_of == resolve(str(model), FetchPolicy(tmp_path)).sha256
    flags = ("segment.name=whole", "embed.name=onnx", "cutout.name=whole")
    found = [
        assemble(load(read_profile("classic"), env={}, flags=[*flags, f"embed.weights={path}"]))
        for path in (model, out)
    ]
    assert found[0].fingerprint != found[1].fingerprint  # another model to a gallery


def test_a_network_laid_out_for_openvino_is_run_by_it(quantise: Quantise, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    shown = quantise("--float-layers", "1", "--set", "runtime.backend=openvino")
    assert shown.code == 0, shown.err
    out = tmp_path / "int8.onnx"
    assert 'runtime = "openvino"' in out.with_suffix(".toml").read_text("utf-8")
    assert "OpenVINO" in out.with_suffix(".md").read_text("utf-8")
    context = BuildContext(policy=FetchPolicy(tmp_path))
    assert context.session(context.weights(str(out))).backend == "openvino"
    context.runtime = RuntimeSettings(backend="onnxruntime")
    assert context.session(context.weights(str(out))).backend == "onnxruntime"


def test_a_network_that_finds_less_is_not_written(
    quantise: Quantise, gate: Path, tmp_path: Path
) -> None:
    shown = quantise("--gate", gate, "--float-layers", "0")
    assert shown.code == 1 and "not written" in shown.line and "--float-layers" in shown.line
    assert "R@1 of vectors" in shown.line and "is allowed" in shown.line
    assert not list(tmp_path.glob("int8.*"))


def test_without_a_gate_nothing_that_was_fitted_fits(quantise: Quantise, tmp_path: Path) -> None:
    shown = quantise()
    assert shown.code == 0 and "not compared" in shown.out
    out = tmp_path / "int8.onnx"
    assert "Not compared" in out.with_suffix(".md").read_text("utf-8")
    assert resolve(str(out), FetchPolicy(tmp_path)).int8_of is None


def test_images_of_the_gate_do_not_calibrate(quantise: Quantise, gate: Path) -> None:
    shown = quantise("--gate", gate, calibrate=gate)
    assert shown.code == 1 and "other images" in shown.line


def test_another_network_than_those_of_the_settings_is_refused(quantise: Quantise) -> None:
    shown = quantise(name="embedder_compact")
    assert shown.code == 1 and "no stage" in shown.line and "embedder" in shown.line


def test_an_unknown_name_is_refused(quantise: Quantise) -> None:
    shown = quantise(name="embedder_vast")
    assert shown.code == 1 and "Valid names" in shown.line


def test_a_folder_without_images_is_refused(quantise: Quantise, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    shown = quantise(calibrate=tmp_path / "empty")
    assert shown.code == 1 and "empty" in shown.line


def test_a_plain_folder_of_images_calibrates(quantise: Quantise, tmp_path: Path) -> None:
    for number, colour in enumerate(COLOURS):
        save(tmp_path / "plain" / f"{number}.png", np.full((32, 32, 3), colour, np.uint8))
    assert quantise("--float-layers", "0", calibrate=tmp_path / "plain").code == 0


def test_the_network_itself_is_not_written_over(quantise: Quantise, model: Path) -> None:
    before = model.read_bytes()
    shown = quantise("--out", model)
    assert shown.code == 1 and "would be lost" in shown.line
    assert model.read_bytes() == before


def test_a_file_that_cannot_be_written_is_refused_at_once(
    quantise: Quantise, tmp_path: Path
) -> None:
    shown = quantise("--out", tmp_path / "absent" / "int8.onnx")
    assert shown.code == 1 and "cannot be written" in shown.line
    assert not (tmp_path / "absent").exists()


def test_a_network_without_a_sidecar_is_refused(quantise: Quantise, tmp_path: Path) -> None:
    bare = write_layers(tmp_path / "bare.onnx", harmful=False)
    shown = quantise(name=bare)
    assert shown.code == 1 and "[input]" in shown.line
