"""Real exports from torchvision and Keras; slow, and only where the train extra is installed."""

import dataclasses
import hashlib
import os
import pickle
import tomllib
from pathlib import Path

import pytest

from engine.errors import WeightsError
from weights.catalog import CatalogEntry, load_catalog
from weights.checksums import Checksum
from weights.export import check_checkpoint, export_checkpoint
from weights.fetch import FetchPolicy, resolve

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "weights"
MOBILENET = SHARED / "mobilenet_v2_imagenet.weights.h5"


def published_as(name: str, path: Path) -> CatalogEntry:
    """The entry, as if its publisher had published this very file."""
    prefix = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return dataclasses.replace(load_catalog()[name], checksum=Checksum("sha256_prefix", prefix))


def skip_without_keras() -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    for name in ("torch", "onnxscript", "keras"):
        pytest.importorskip(name)


@pytest.mark.parametrize("name", ["resnet50_v1", "vgg16"])
def test_a_pickle_that_matches_no_checksum_is_never_opened(tmp_path: Path, name: str) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    checkpoint = tmp_path / "weights.pth"
    checkpoint.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(WeightsError, match=r"refused.*expected sha256_prefix.*weights fetch"):
        export_checkpoint(load_catalog()[name], FetchPolicy(tmp_path), weights=checkpoint)
    assert not (tmp_path / "exploded").exists()


def test_a_pickle_that_was_not_published_is_never_opened(tmp_path: Path) -> None:
    checkpoint = tmp_path / "weights.pth"
    checkpoint.write_bytes(b"anything")
    entry = dataclasses.replace(load_catalog()["resnet50_v1"], checksum=None)
    with pytest.raises(WeightsError, match="refused"):
        check_checkpoint(entry, checkpoint)


def test_arrays_that_match_no_checksum_are_noted_as_unverified(tmp_path: Path) -> None:
    checkpoint = tmp_path / "weights.h5"
    checkpoint.write_bytes(b"anything")
    assert not check_checkpoint(load_catalog()["mobilenet_v2_keras"], checkpoint).verified


def test_an_export_without_a_checkpoint_names_the_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACKSIGHT_OFFLINE", "1")
    with pytest.raises(WeightsError, match="packsight weights fetch resnet101"):
        export_checkpoint(load_catalog()["resnet101"], FetchPolicy(tmp_path))


def test_an_export_goes_to_an_onnx_file_only(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"must be named \*\.onnx"):
        export_checkpoint(
            load_catalog()["vgg16"], FetchPolicy(tmp_path), weights=tmp_path, out=tmp_path / "x.pb"
        )


@pytest.mark.slow
def test_a_verified_bomb_is_still_refused_by_the_second_lock(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    checkpoint = tmp_path / "weights.pth"
    checkpoint.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(WeightsError, match="weights for resnet50"):
        export_checkpoint(
            published_as("resnet50_v1", checkpoint), FetchPolicy(tmp_path), weights=checkpoint
        )
    assert not (tmp_path / "exploded").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet50_v1", "mobilenet_v2"])
def test_a_torchvision_backbone_becomes_onnx_with_parity(tmp_path: Path, name: str) -> None:
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("torchvision.models")
    pytest.importorskip("onnxscript")
    checkpoint = tmp_path / "weights.pth"
    torch.manual_seed(0)
    torch.save(getattr(models, load_catalog()[name].architecture)().state_dict(), checkpoint)
    entry = published_as(name, checkpoint)
    policy = FetchPolicy(tmp_path / "cache")

    report = export_checkpoint(entry, policy, weights=checkpoint)

    assert report.parity.max_abs_diff <= 1e-4
    assert report.source.verified
    found = resolve(name, policy, {name: entry})
    assert (found.path, found.sha256, found.verified) == (report.path, report.sha256, True)
    assert found.spec == entry.input
    assert sorted(path.suffix for path in policy.cache.iterdir() if path.is_file()) == [
        ".onnx",
        ".toml",
    ]


@pytest.mark.slow
def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("torchvision.models")
    checkpoint = tmp_path / "weights.pth"
    torch.save(models.mobilenet_v2().state_dict(), checkpoint)
    with pytest.raises(WeightsError, match="weights for resnet50"):
        export_checkpoint(
            published_as("resnet50_v1", checkpoint), FetchPolicy(tmp_path), weights=checkpoint
        )


@pytest.mark.slow
def test_parity_worse_than_allowed_stores_nothing(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("torchvision.models")
    pytest.importorskip("onnxscript")
    checkpoint = tmp_path / "weights.pth"
    torch.save(models.mobilenet_v2().state_dict(), checkpoint)
    policy = FetchPolicy(tmp_path / "cache")
    with pytest.raises(WeightsError, match="nothing was stored"):
        export_checkpoint(
            published_as("mobilenet_v2", checkpoint), policy, weights=checkpoint, tolerance=0.0
        )
    assert list(policy.cache.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(not MOBILENET.exists(), reason="no shared/weights beside the repo")
def test_the_real_mobilenet_becomes_onnx_twice_the_same(tmp_path: Path) -> None:
    skip_without_keras()
    entry, policy = load_catalog()["mobilenet_v2_keras"], FetchPolicy(tmp_path)

    first = export_checkpoint(entry, policy, weights=MOBILENET)
    second = export_checkpoint(entry, policy, weights=MOBILENET, out=tmp_path / "again.onnx")

    assert first.parity.max_abs_diff <= 1e-4
    assert not first.source.verified
    assert first.sha256 == second.sha256
    sidecar = tomllib.loads((tmp_path / "again.toml").read_text("utf-8"))
    assert sidecar["input"]["layout"] == "nchw"
    assert sidecar["model"]["output"] == [1280]
    assert sidecar["source"]["sha256"].startswith("34be146f")
    found = resolve(str(tmp_path / "again.onnx"), policy)
    assert found.spec == entry.input


@pytest.mark.slow
@pytest.mark.parametrize("with_head", [True, False])
def test_the_older_keras_format_is_read_with_and_without_head(
    tmp_path: Path, with_head: bool
) -> None:
    """Written as ``keras.applications`` publishes it: legacy HDF5, groups by layer name."""
    skip_without_keras()
    keras = pytest.importorskip("keras")
    legacy = pytest.importorskip("keras.src.legacy.saving.legacy_h5_format")
    h5py = pytest.importorskip("h5py")
    keras.utils.set_random_seed(1)
    network = keras.applications.MobileNetV2(
        weights=None, include_top=with_head, input_shape=(224, 224, 3)
    )
    checkpoint = tmp_path / "weights.h5"
    with h5py.File(checkpoint, "w") as file:
        legacy.save_weights_to_hdf5_group(file, network)
    entry = load_catalog()["mobilenet_v2_keras"]
    report = export_checkpoint(entry, FetchPolicy(tmp_path), weights=checkpoint)
    assert report.parity.max_abs_diff <= report.parity.tolerance


@pytest.mark.slow
def test_a_file_that_is_no_hdf5_is_refused(tmp_path: Path) -> None:
    skip_without_keras()
    checkpoint = tmp_path / "weights.h5"
    checkpoint.write_bytes(b"no HDF5")
    with pytest.raises(WeightsError, match="weights for MobileNetV2"):
        export_checkpoint(
            load_catalog()["mobilenet_v2_keras"], FetchPolicy(tmp_path), weights=checkpoint
        )
