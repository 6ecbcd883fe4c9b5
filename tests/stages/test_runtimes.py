"""The settings of [runtime]: what runs the networks, and what it leaves as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.config import Settings, load
from engine.errors import ConfigError
from stages._mattes import RememberingSegmenter
from stages._onnxruntime import providers
from stages.assemble import assemble, assemble_cutting
from stages.profiles import read_profile
from tests.packsight_command import ROOT
from tests.stages.made_models import model


def with_runtime(**values: str) -> Settings:
    flags = [f"runtime.{key}={value}" for key, value in values.items()]
    return load(read_profile("compact"), env={}, flags=flags)


def test_a_runtime_is_not_part_of_the_fingerprint_and_no_gallery_keeps_it() -> None:
    pytest.importorskip("openvino")
    plain = assemble(with_runtime())
    other = assemble(with_runtime(backend="openvino", threads="1"))
    assert other.fingerprint == plain.fingerprint and other.answering == plain.answering
    assert other.settings.runtime.backend == "openvino"
    assert other.manifest().read_settings().runtime.backend == "auto"
    assert not {"backend", "device"} & set(other.manifest().settings["runtime"])


def test_mattes_of_another_runtime_are_not_taken_for_ones_own() -> None:
    pytest.importorskip("openvino")
    identities = {}
    for backend in ("auto", "onnxruntime", "openvino"):
        flags = [f"runtime.backend={backend}", "images.closer_look=false"]
        parts = assemble_cutting(load(read_profile("compact"), env={}, flags=flags))
        assert isinstance(parts.cutting.segmenter, RememberingSegmenter)
        identities[backend] = parts.cutting.segmenter.identity
    assert identities["auto"] == identities["onnxruntime"] != identities["openvino"]


@pytest.mark.parametrize("profile", ["compact", "classic"])
def test_a_device_that_is_not_there_is_refused_also_where_no_network_runs(profile: str) -> None:
    settings = load(read_profile(profile), env={}, flags=["runtime.device=abacus"])
    with pytest.raises(ConfigError) as refused:
        assemble(settings)
    assert "'abacus'" in str(refused.value) and "cpu" in str(refused.value)
    assert "runtime.device=cpu" in refused.value.remedy


def test_openvino_that_is_not_installed_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ConfigError) as refused:
        assemble(with_runtime(backend="openvino"))
    assert "packsight[openvino]" in refused.value.remedy


def test_an_unknown_backend_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(ConfigError) as refused:
        with_runtime(backend="torch")
    assert all(name in str(refused.value) for name in ("auto", "onnxruntime", "openvino"))


def test_openvino_runs_on_the_cpu_alone() -> None:
    pytest.importorskip("openvino")
    with pytest.raises(ConfigError, match="cpu alone"):
        assemble(with_runtime(backend="openvino", device="cuda"))


def test_a_device_is_one_of_onnx_runtimes_providers_and_the_processor_runs_the_rest() -> None:
    installed = ["CUDAExecutionProvider", "AzureExecutionProvider", "CPUExecutionProvider"]
    assert providers("cuda", installed) == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert providers("cpu", installed) == ["CPUExecutionProvider"]
    for refused in ("azure", "tensorrt"):
        with pytest.raises(ConfigError, match="has: cpu, cuda"):
            providers(refused, installed)


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_does_not_start_is_refused_and_not_replaced_by_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime as ort

    from stages._session import OnnxSession

    monkeypatch.setattr(
        ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    with pytest.raises(ConfigError, match="did not start"):
        OnnxSession(tmp_path / "model", threads=1, content=model(), device="cuda")


def test_openvino_is_imported_without_a_message_to_its_makers() -> None:
    pytest.importorskip("openvino")
    script = (
        "import sys\n"
        "from stages._openvino import _core\n"
        "_core()\n"
        "assert 'openvino' in sys.modules\n"
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry')]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_only_the_chosen_runtime_is_loaded() -> None:
    script = (
        "import sys\n"
        "from stages.assemble import assemble\n"
        "from stages.profiles import read_profile\n"
        "assemble(read_profile('compact'))\n"
        "assert 'onnxruntime' in sys.modules and 'openvino' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_broken_openvino_is_named_with_what_mends_it(tmp_path: Path) -> None:
    (tmp_path / "openvino.py").write_text("raise ImportError('libtbb.so.12 is not there')\n")
    script = (
        "from engine.config import load\n"
        "from engine.errors import ConfigError\n"
        "from stages.assemble import assemble\n"
        "from stages.profiles import read_profile\n"
        "try:\n"
        "    assemble(load(read_profile('compact'), env={}, flags=['runtime.backend=openvino']))\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert "libtbb.so.12" in done.stdout and "packsight[openvino]" in done.stdout
