"""The command line of the weights: what it prints and how it exits."""

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import WeightsError
from packsight.commands import weights as commands
from tests.weights.loopback import loopback, make_entry
from weights import catalog
from weights.cache import shipped_path
from weights.checksums import Checksum

CONTENT = b"pretend that this is a model" * 100
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PACKSIGHT_WEIGHTS_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "rembg"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("PACKSIGHT_OFFLINE", raising=False)
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue with one entry that lies nowhere."""
    serve_catalog(monkeypatch, "http://127.0.0.1:9/toy.onnx")


def serve_catalog(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    entry = make_entry(url, Checksum("md5", hashlib.md5(CONTENT).hexdigest()))
    monkeypatch.setattr(catalog, "load_catalog", lambda: {"toy": entry})


def packsight_weights(*words: str) -> int:
    parser = argparse.ArgumentParser()
    commands.add_arguments(parser)
    return commands.run(parser.parse_args(words))


def test_list_shows_every_checkpoint_with_licence_and_place(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rembg").mkdir()
    (tmp_path / "rembg" / "u2net.onnx").write_bytes(CONTENT)
    (cache / "vgg16-397923af.pth").write_bytes(CONTENT)
    (cache / "vgg16.onnx").write_bytes(CONTENT)
    assert packsight_weights("list") == 0
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    assert set(catalog.load_catalog()) <= set(lines)
    assert lines["u2net"][-2:] == ["md5", "rembg"]
    assert lines["vgg16"][-3:] == ["sha256_prefix", "cache,", "exported"]
    assert lines["mobilenet_v2_keras"][-2:] == ["unverified", "–"]


def test_list_shows_sizes_in_mebibytes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = [entry for entry in catalog.load_catalog().values() if entry.shipped]
    entry = make_entry("http://127.0.0.1:9/toy.onnx", None, size=1_215_609)
    listed = {"toy": entry, **{one.name: one for one in shipped}}
    monkeypatch.setattr(catalog, "load_catalog", lambda: listed)
    assert packsight_weights("list") == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "  1.2 MiB  " in lines["toy"]
    for one in shipped:
        assert f"  {shipped_path(one).stat().st_size / 2**20:.1f} MiB  " in lines[one.name]


def test_approximate_sizes_of_the_catalogue_are_those_of_its_files() -> None:
    for entry in catalog.load_catalog().values():
        if entry.bytes and entry.megabytes:
            assert entry.megabytes == pytest.approx(entry.bytes / 2**20, abs=0.06), entry.name


@pytest.mark.parametrize("knows_length", [True, False])
def test_a_download_logs_its_size_in_mebibytes(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    knows_length: bool,
) -> None:
    monkeypatch.setattr("weights.download._LOGGED", 0.0)
    with loopback(bytes(1_215_609)) as server:
        server.knows_length = knows_length
        entry = make_entry(server.url, None)
        monkeypatch.setattr(catalog, "load_catalog", lambda: {"toy": entry})
        assert packsight_weights("fetch", "toy") == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == ("toy: 1.2 of 1.2 MiB" if knows_length else "toy: 1.2 MiB")
    assert (cache / "model.onnx").stat().st_size == 1_215_609


def test_fetch_downloads_and_replaces_what_is_damaged(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with loopback(CONTENT) as server:
        serve_catalog(monkeypatch, server.url)
        (cache / "model.onnx").write_bytes(CONTENT[1:])
        assert packsight_weights("fetch", "toy") == 0
    assert (cache / "model.onnx").read_bytes() == CONTENT
    assert capsys.readouterr().out == f"toy: verified, {cache / 'model.onnx'}\n"


def test_fetch_knows_every_name_before_it_starts(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    with loopback(CONTENT) as server:
        serve_catalog(monkeypatch, server.url)
        with pytest.raises(WeightsError, match="'toi'"):
            packsight_weights("fetch", "toy", "toi")
        assert server.ranges == []


def test_fetch_for_a_backbone_says_what_comes_next(
    monkeypatch: pytest.MonkeyPatch, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cache / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5").write_bytes(CONTENT)
    assert packsight_weights("fetch", "mobilenet_v2_keras") == 0
    printed = capsys.readouterr().out
    assert "mobilenet_v2_keras: unverified" in printed
    assert "packsight weights export mobilenet_v2_keras" in printed


@pytest.mark.usefixtures("toy")
def test_verify_is_content_with_a_whole_file(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cache / "toy.onnx").write_bytes(CONTENT)
    assert packsight_weights("verify") == 0
    assert capsys.readouterr().out.startswith("verified ")


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("position", [0, 1399, 2799])
def test_verify_finds_a_flipped_byte(
    cache: Path, capsys: pytest.CaptureFixture[str], position: int
) -> None:
    flipped = bytearray(CONTENT)
    flipped[position] ^= 1
    (cache / "toy.onnx").write_bytes(flipped)
    assert packsight_weights("verify", "toy") == 1
    printed = capsys.readouterr().out
    assert printed.startswith("damaged ")
    assert "packsight weights fetch toy" in printed


@pytest.mark.usefixtures("toy")
def test_verify_of_an_absent_name_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert packsight_weights("verify", "toy") == 1
    assert "packsight weights fetch toy" in capsys.readouterr().out


@pytest.mark.usefixtures("toy")
def test_verify_of_an_empty_cache_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert packsight_weights("verify") == 0
    assert "No weights" in capsys.readouterr().out


def test_verify_reads_a_model_given_by_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(CONTENT)
    assert packsight_weights("verify", str(path)) == 0
    assert capsys.readouterr().out.startswith("unverified ")


def test_verify_of_neither_a_name_nor_a_file_is_an_error() -> None:
    with pytest.raises(WeightsError, match="Unknown weights"):
        packsight_weights("verify", "nothing")


def test_a_segmenter_needs_no_export() -> None:
    with pytest.raises(WeightsError, match="is an ONNX file already"):
        packsight_weights("export", "u2net")


def test_only_a_backbone_has_layers_and_another_side(tmp_path: Path) -> None:
    (tmp_path / "fba.pth").write_bytes(b"anything")
    weights = str(tmp_path / "fba.pth")
    with pytest.raises(WeightsError, match="layers"):
        packsight_weights("export", "fba", "--weights", weights, "--layers", "layer4")
    with pytest.raises(WeightsError, match="--input-size"):
        packsight_weights("export", "fba", "--weights", weights, "--side", "96")
    with pytest.raises(WeightsError, match="--input-size 0"):
        packsight_weights("export", "resnet101", "--weights", weights, "--side", "0")


def test_any_model_of_timm_needs_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(WeightsError, match=r"needs timm, which is not installed.*packsight\[train"):
        packsight_weights("export", "timm/vit_small_patch14_dinov2.lvd142m")


def test_help_and_list_load_no_model_runtime_and_no_framework() -> None:
    code = (
        "import sys, argparse; from packsight.commands import weights as commands;"
        "p = argparse.ArgumentParser();"
        "commands.add_arguments(p); commands.run(p.parse_args(['list']));"
        "heavy = {'numpy', 'onnxruntime', 'torch', 'tensorflow', 'keras', 'cv2'};"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_list_warns_of_what_is_for_renders_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert packsight_weights("list") == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("! ")]
    assert "fba_compact" in line and "Renders only" in line
