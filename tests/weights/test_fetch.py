"""From a reference to a file: path, cache, rembg's cache, and errors with the command to run."""

import dataclasses
import hashlib
import shutil
from pathlib import Path

import pytest

from engine.errors import WeightsError
from tests.weights.loopback import SPEC, make_entry
from weights.catalog import CatalogEntry, load_catalog
from weights.checksums import Checksum
from weights.fetch import FetchPolicy, fetch_checkpoint, resolve
from weights.sidecar import ModelFacts, Parity, SourceFacts, sidecar_path, sidecar_text

CONTENT = b"pretend that this is a model"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = Checksum("md5", hashlib.md5(CONTENT).hexdigest())
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "weights" / "u2netp.onnx"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of our own, with no network behind it."""
    monkeypatch.setenv("PACKSIGHT_OFFLINE", "1")
    monkeypatch.setenv("PACKSIGHT_WEIGHTS_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "rembg"))
    return tmp_path


def place(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def write_sidecar(model: Path, sha256: str = SHA256, *, verified: bool = True) -> None:
    text = sidecar_text(
        ModelFacts("toy", (4,), 18, sha256),
        SourceFacts("toy.pth", "0" * 64, verified),
        Parity(1e-6, 1e-4, 1.0, 6),
        SPEC,
    )
    sidecar_path(model).write_text(text, "utf-8")


def toy(checksum: Checksum | None = MD5) -> CatalogEntry:
    return make_entry("https://example.org/models/toy-file.onnx", checksum)


def backbone() -> CatalogEntry:
    return dataclasses.replace(
        toy(),
        name="toy_backbone",
        kind="backbone",
        framework="torchvision",
        format="pth",
        dimension=4,
        architecture="toy",
    )


def test_a_path_is_taken_as_it_is(home: Path) -> None:
    path = place(home / "mine" / "model.onnx")
    found = resolve(str(path), FetchPolicy())
    assert (found.path, found.sha256) == (path, SHA256)
    assert (found.verified, found.spec, found.entry) == (False, None, None)


def test_a_path_brings_the_spec_of_its_sidecar(home: Path) -> None:
    path = place(home / "model.onnx")
    write_sidecar(path)
    found = resolve(str(path), FetchPolicy())
    assert found.spec == SPEC
    assert found.verified


def test_a_sidecar_written_by_hand_needs_only_its_input(home: Path) -> None:
    path = place(home / "model.onnx")
    write_sidecar(path)
    text = sidecar_path(path).read_text("utf-8")
    sidecar_path(path).write_text(text[text.index("[input]") :], "utf-8")
    found = resolve(str(path), FetchPolicy())
    assert (found.spec, found.verified) == (SPEC, False)


def test_an_export_of_an_unverified_checkpoint_stays_unverified(home: Path) -> None:
    path = place(home / "model.onnx")
    write_sidecar(path, verified=False)
    assert not resolve(str(path), FetchPolicy()).verified


def test_a_model_that_is_not_the_one_of_its_sidecar_is_damaged(home: Path) -> None:
    path = place(home / "model.onnx", CONTENT[:-1])
    write_sidecar(path)
    with pytest.raises(WeightsError, match=r"damaged.*packsight weights export model"):
        resolve(str(path), FetchPolicy())


@pytest.mark.parametrize("text", ["[input", "input = 3", "[input]\nheight = 3", "[model]"])
def test_an_invalid_sidecar_is_refused_by_name(home: Path, text: str) -> None:
    path = place(home / "model.onnx")
    sidecar_path(path).write_text(text, "utf-8")
    with pytest.raises(WeightsError, match=r"model\.toml"):
        resolve(str(path), FetchPolicy())


def test_a_model_of_timm_is_found_by_name_once_it_was_exported(home: Path) -> None:
    with pytest.raises(WeightsError, match="packsight weights export timm/toy --weights FILE"):
        resolve("timm/toy", FetchPolicy())
    path = place(home / "cache" / "timm" / "toy.onnx")
    write_sidecar(path)
    found = resolve("timm/toy", FetchPolicy())
    assert (found.path, found.spec) == (path, SPEC)


def test_a_path_to_nothing_is_refused(home: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        resolve(str(home / "absent.onnx"), FetchPolicy())


def test_a_checkpoint_that_is_no_onnx_names_the_export(home: Path) -> None:
    path = place(home / "model.pth")
    with pytest.raises(WeightsError, match=r"packsight weights export NAME --weights"):
        resolve(str(path), FetchPolicy())


def test_a_name_wins_over_a_file_of_that_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    place(home / "toy", b"not a model")
    place(home / "cache" / "toy-file.onnx")
    assert resolve("toy", FetchPolicy(), {"toy": toy()}).path == home / "cache" / "toy-file.onnx"


def test_an_unknown_name_lists_the_valid_ones() -> None:
    with pytest.raises(WeightsError, match=r"Unknown weights 'yolo'.*u2net, u2netp"):
        resolve("yolo", FetchPolicy())


def test_the_cache_folder_comes_from_the_environment(home: Path) -> None:
    place(home / "cache" / "toy-file.onnx")
    found = resolve("toy", FetchPolicy(), {"toy": toy()})
    assert found.path.parent == home / "cache"
    assert found.verified
    assert found.spec == SPEC


def test_a_folder_given_in_code_wins_over_the_environment(home: Path) -> None:
    place(home / "other" / "toy-file.onnx")
    found = resolve("toy", FetchPolicy(home / "other"), {"toy": toy()})
    assert found.path.parent == home / "other"


def test_without_the_variable_the_users_own_cache_is_taken(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PACKSIGHT_WEIGHTS_DIR")
    assert FetchPolicy().cache.parts[-2:] == ("packsight", "weights")


def test_the_copy_that_rembg_keeps_is_used(home: Path) -> None:
    place(home / "rembg" / "toy-file.onnx")
    found = resolve("toy", FetchPolicy(), {"toy": toy()})
    assert found.path == home / "rembg" / "toy-file.onnx"
    assert found.verified


def test_without_its_variable_rembg_keeps_models_at_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("U2NET_HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(home))
    place(home / ".u2net" / "toy-file.onnx")
    assert resolve("toy", FetchPolicy(), {"toy": toy()}).path.parent == home / ".u2net"


def test_another_copy_of_rembg_is_left_alone(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = place(home / "rembg" / "toy-file.onnx", b"something else")
    with pytest.raises(WeightsError, match="downloads are forbidden"):
        resolve("toy", FetchPolicy(), {"toy": toy()})
    assert "left alone" in caplog.text
    assert path.read_bytes() == b"something else"


def test_a_flipped_byte_in_the_cache_is_noticed(home: Path) -> None:
    damaged = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    path = place(home / "cache" / "toy-file.onnx", damaged)
    with pytest.raises(WeightsError, match=r"damaged.*packsight weights fetch toy") as raised:
        resolve("toy", FetchPolicy(), {"toy": toy()})
    assert MD5.value in str(raised.value)
    assert hashlib.md5(damaged).hexdigest() in str(raised.value)
    assert path.exists()


def test_another_length_in_the_cache_is_noticed(home: Path) -> None:
    place(home / "cache" / "toy-file.onnx")
    entry = dataclasses.replace(toy(), bytes=5)
    with pytest.raises(WeightsError, match="expected 5 bytes, found 28"):
        resolve("toy", FetchPolicy(), {"toy": entry})


def test_a_file_that_cannot_be_verified_warns_once(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place(home / "cache" / "toy-file.onnx")
    for _ in range(3):
        assert not resolve("toy", FetchPolicy(), {"toy": toy(None)}).verified
    assert caplog.text.count("toy: unverified") == 1


@pytest.mark.parametrize("value", ["1", "true", "YES"])
def test_offline_prints_the_exact_command(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PACKSIGHT_OFFLINE", value)
    with pytest.raises(WeightsError, match="packsight weights fetch u2net;"):
        resolve("u2net", FetchPolicy())


@pytest.mark.parametrize("value", ["", "0", "false", "no"])
def test_offline_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PACKSIGHT_OFFLINE", value)
    assert FetchPolicy().may_download
    assert not FetchPolicy(download=False).may_download


def test_a_policy_without_downloads_prints_the_exact_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PACKSIGHT_OFFLINE")
    with pytest.raises(WeightsError, match="packsight weights fetch silueta"):
        fetch_checkpoint(load_catalog()["silueta"], FetchPolicy(download=False))


def test_a_backbone_that_was_not_exported_names_the_export() -> None:
    with pytest.raises(WeightsError, match="packsight weights export resnet50_v1"):
        resolve("resnet50_v1", FetchPolicy())


def test_an_exported_backbone_is_found_by_name(home: Path) -> None:
    path = place(home / "cache" / "toy_backbone.onnx")
    write_sidecar(path)
    entry = backbone()
    found = resolve("toy_backbone", FetchPolicy(), {"toy_backbone": entry})
    assert (found.path, found.verified, found.entry) == (path, True, entry)


@pytest.mark.parametrize("with_sidecar", [True, False])
def test_an_export_of_doubtful_origin_warns_on_use(
    home: Path, caplog: pytest.LogCaptureFixture, with_sidecar: bool
) -> None:
    path = place(home / "cache" / "toy_backbone.onnx")
    if with_sidecar:
        write_sidecar(path, verified=False)
    found = resolve("toy_backbone", FetchPolicy(), {"toy_backbone": backbone()})
    assert not found.verified
    assert found.spec == SPEC
    assert "toy_backbone: unverified" in caplog.text


def test_a_cache_that_is_a_file_names_the_variable_to_set(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PACKSIGHT_OFFLINE")
    place(home / "cache")
    with pytest.raises(WeightsError, match="PACKSIGHT_WEIGHTS_DIR"):
        resolve("toy", FetchPolicy(), {"toy": toy()})


@pytest.mark.skipif(not SHARED.exists(), reason="no shared/weights/u2netp.onnx beside the repo")
def test_a_u2netp_that_is_not_rembgs_file_is_not_passed_off_as_it(home: Path) -> None:
    by_path = resolve(str(SHARED), FetchPolicy())
    assert by_path.sha256.startswith("e90081a2")
    (home / "cache").mkdir(exist_ok=True)
    shutil.copy(SHARED, home / "cache" / "u2netp.onnx")
    with pytest.raises(WeightsError, match="damaged: expected md5 8e83ca70"):
        resolve("u2netp", FetchPolicy())
