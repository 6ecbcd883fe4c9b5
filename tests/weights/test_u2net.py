"""U²-Net in torch: the authors' shapes, names and numbers; loaded, exported and loaded again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import WeightsError
from weights.catalog import load_catalog
from weights.export import export_checkpoint
from weights.fetch import FetchPolicy, resolve

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "weights" / "u2netp.onnx"
NEEDS_TRAIN = "needs the extra `train`"
SMALL = load_catalog()["u2netp_torch"]

pytestmark = pytest.mark.slow


@pytest.fixture
def torch() -> Any:
    torch = pytest.importorskip("torch", reason=NEEDS_TRAIN)
    pytest.importorskip("onnxscript", reason=NEEDS_TRAIN)
    torch.manual_seed(0)
    return torch


def lived_in(torch: Any, network: Any) -> Any:
    """A network whose normalisations have seen something, as after training."""
    for name, values in network.state_dict().items():
        if "bn_s1" in name and values.dtype == torch.float32:
            values.copy_(0.5 + torch.rand(values.shape) * 0.5)
    return network.eval()


@pytest.mark.parametrize(("name", "count"), [("U2NET", 44_009_869), ("U2NETP", 1_131_181)])
def test_the_parameters_are_as_many_as_the_authors(torch: Any, name: str, count: int) -> None:
    from weights.frameworks.from_u2net import new_network

    network = new_network(name)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize("height_width", [(64, 64), (33, 47), (97, 20)])
@pytest.mark.parametrize("block", ["RSU7", "RSU6", "RSU5", "RSU4", "RSU4F"])
def test_a_block_keeps_whatever_size_it_is_given(
    torch: Any, block: str, height_width: tuple[int, int]
) -> None:
    from weights.frameworks.nets import rsu

    network = getattr(rsu, block)(3, 4, 8).eval()
    assert network(torch.rand(2, 3, *height_width)).shape == (2, 8, *height_width)


def test_seven_maps_of_logits_come_at_the_size_of_the_image(torch: Any) -> None:
    from weights.frameworks.from_u2net import new_network

    maps = new_network("U2NETP").eval()(torch.randn(2, 3, 75, 51))
    assert [tuple(one.shape) for one in maps] == [(2, 1, 75, 51)] * 7
    assert any(float(one.min()) < 0.0 for one in maps)


def test_the_modules_are_called_as_in_the_authors_checkpoints(torch: Any) -> None:
    from weights.frameworks.from_u2net import new_network

    names = set(new_network("U2NET").state_dict())
    assert {
        "stage1.rebnconvin.conv_s1.weight",
        "stage1.rebnconv7.bn_s1.running_var",
        "stage1.rebnconv6d.conv_s1.bias",
        "stage4.rebnconv3d.bn_s1.weight",
        "stage5.rebnconv4.conv_s1.weight",
        "stage5d.rebnconv1d.conv_s1.weight",
        "stage1d.rebnconv1d.bn_s1.bias",
        "side1.weight",
        "side6.bias",
        "outconv.weight",
    } <= names
    assert len(names) == 112 * 7 + 7 * 2  # 112 convolutions with normalisation, 7 without


def test_a_state_dict_becomes_onnx_with_parity_and_runs_by_name(torch: Any, tmp_path: Path) -> None:
    from weights.frameworks.from_u2net import new_network

    checkpoint = tmp_path / "u2netp.pth"
    torch.save(lived_in(torch, new_network("U2NETP")).state_dict(), checkpoint)
    policy = FetchPolicy(tmp_path / "cache")
    report = export_checkpoint(SMALL, policy, weights=checkpoint)
    assert report.parity.max_abs_diff <= 1e-4
    assert not report.source.verified  # no checksum is published
    found = resolve("u2netp_torch", policy)
    assert (found.path, found.spec) == (report.path, SMALL.input)


def test_an_exported_file_loads_again_and_computes_the_same(torch: Any, tmp_path: Path) -> None:
    from weights.frameworks import from_u2net
    from weights.frameworks.normalisation import is_folded
    from weights.probe import probe_images

    network = lived_in(torch, from_u2net.new_network("U2NETP"))
    path = tmp_path / "again.onnx"
    from_u2net.for_serving(network, SMALL.input).write(path)
    again = from_u2net.read_network("U2NETP", path)
    assert is_folded(again)
    assert not is_folded(network)
    images = torch.from_numpy(probe_images(96, 64)[2:4].transpose(0, 3, 1, 2).astype(np.float32))
    with torch.no_grad():
        for one, other in zip(network(images / 255), again(images / 255), strict=True):
            assert float((one - other).abs().max()) <= 1e-4 * max(1.0, float(one.abs().max()))


@pytest.mark.skipif(not SHARED.exists(), reason="no shared/weights beside the repo")
def test_the_real_u2netp_computes_the_same_as_its_onnx_file(torch: Any) -> None:
    import onnxruntime as ort

    from weights.frameworks.from_u2net import load

    network = load(SMALL, SHARED)
    session = ort.InferenceSession(str(SHARED), providers=["CPUExecutionProvider"])
    natural = network.probe[3:]  # noise and black leave nothing to agree on
    expected = [session.run(None, {"input": image[None]})[0][0] for image in natural]
    found = network.run(natural)
    assert float(found.max()) > 0.9
    assert np.abs(found - np.stack(expected)).max() <= 1e-4


@pytest.mark.skipif(not SHARED.exists(), reason="no shared/weights beside the repo")
def test_normalisation_is_restored_without_changing_the_outputs(torch: Any) -> None:
    from weights.frameworks import from_u2net
    from weights.frameworks.normalisation import is_folded, revive
    from weights.probe import probe_images

    network = from_u2net.read_network("U2NETP", SHARED)
    pixels = probe_images(64, 64)[2:].transpose(0, 3, 1, 2).astype(np.float32)
    images = torch.from_numpy(pixels / 255)
    with torch.no_grad():
        before = network(images)[0]
        revive(network, images)
        after = network.eval()(images)[0]
        assert float((torch.sigmoid(before) - torch.sigmoid(after)).abs().max()) <= 1e-3
        # In training mode the same batch has the statistics that were just set.
        learning = network.train()(images)[0]
        assert float((torch.sigmoid(before) - torch.sigmoid(learning)).abs().max()) <= 1e-2
    assert not is_folded(network)


@pytest.mark.parametrize("suffix", [".pth", ".onnx"])
def test_a_file_of_something_else_is_refused(torch: Any, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"other{suffix}"
    path.write_bytes(b"no network")
    with pytest.raises(WeightsError, match="weights for U2NETP"):
        export_checkpoint(SMALL, FetchPolicy(tmp_path), weights=path)


def test_the_weights_of_another_width_are_refused(torch: Any, tmp_path: Path) -> None:
    from weights.frameworks.from_u2net import new_network

    path = tmp_path / "u2netp.pth"
    torch.save(new_network("U2NETP").state_dict(), path)
    with pytest.raises(WeightsError, match="weights for U2NET "):
        export_checkpoint(load_catalog()["u2net_torch"], FetchPolicy(tmp_path), weights=path)


def test_an_onnx_file_with_other_convolutions_is_refused(torch: Any, tmp_path: Path) -> None:
    from tests.weights.small_graphs import write_network

    path = write_network(tmp_path / "small.onnx")
    with pytest.raises(WeightsError, match="1 convolutions where it has 119"):
        export_checkpoint(SMALL, FetchPolicy(tmp_path), weights=path)


def test_a_pickle_that_would_run_code_is_refused(torch: Any, tmp_path: Path) -> None:
    import pickle

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    path = tmp_path / "u2netp.pth"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(WeightsError, match="does not hold weights"):
        export_checkpoint(SMALL, FetchPolicy(tmp_path), weights=path)
    assert not (tmp_path / "exploded").exists()
