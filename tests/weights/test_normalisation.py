"""Normalisation revived: the network computes what it did, and learns with its own statistics."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="needs the extra `train`")


def small_network(torch: Any) -> Any:
    nn = torch.nn
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 5, 3), nn.BatchNorm2d(5)
    ).double()


def lived_in(torch: Any, network: Any) -> Any:
    for layer in network:
        if isinstance(layer, torch.nn.BatchNorm2d):
            for values in (layer.running_mean, layer.bias.data, layer.weight.data):
                values.normal_()
            layer.running_var.uniform_(0.5, 2.0)
    return network.eval()


def fold(torch: Any, network: Any) -> Any:
    for layer in network:
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_parameters()
            layer.running_var.fill_(1.0 - layer.eps)
            layer.bias.data.normal_()  # what Keras' convolutions have no bias for
    return network.eval()


@pytest.mark.parametrize("ready", [lived_in, fold])
def test_a_restored_network_computes_the_same_training_or_not(torch: Any, ready: Any) -> None:
    from weights.frameworks.normalisation import revive

    network = ready(torch, small_network(torch))
    images = torch.rand(6, 3, 12, 9, dtype=torch.double)
    with torch.no_grad():
        before = network(images)
        revive(network, images)
        assert not network.training
        torch.testing.assert_close(network(images), before)
        torch.testing.assert_close(network.train()(images), before)


def test_several_batches_of_several_sizes_count_as_the_whole(torch: Any) -> None:
    from weights.frameworks.normalisation import revive

    network = lived_in(torch, small_network(torch))
    sizes = [(3, 8, 8), (1, 20, 9), (5, 7, 16)]
    batches = [torch.rand(n, 3, h, w, dtype=torch.double) for n, h, w in sizes]
    with torch.no_grad():
        seen = [network[0](batch).transpose(0, 1).flatten(1) for batch in batches]
    values = torch.cat(seen, dim=1)  # every value of a channel, whatever its image
    revive(network, iter(batches))
    torch.testing.assert_close(network[1].running_mean, values.mean(1))
    torch.testing.assert_close(network[1].running_var, values.var(1, correction=0))


def test_a_folded_network_is_distinguished_from_a_new_and_from_a_trained_one(torch: Any) -> None:
    from weights.frameworks.normalisation import is_folded

    assert is_folded(fold(torch, small_network(torch)))
    assert not is_folded(lived_in(torch, small_network(torch)))
    assert not is_folded(small_network(torch))
    assert not is_folded(torch.nn.Conv2d(3, 3, 1))


def test_no_images_revive_nothing(torch: Any) -> None:
    from weights.frameworks.normalisation import revive

    with pytest.raises(ValueError, match="needs images"):
        revive(small_network(torch), [])
