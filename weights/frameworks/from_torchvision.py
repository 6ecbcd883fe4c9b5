"""Trunks of torchvision: everything up to and with global average pooling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import WeightsError
from weights.catalog import CatalogEntry
from weights.frameworks.network import Network, does_not_fit, import_framework
from weights.frameworks.torch_export import as_network, read_state
from weights.probe import image_probe


def load(entry: CatalogEntry, checkpoint: Path) -> Network:
    """Build the architecture, load the verified state dict, take the head off: (N, dimension).

    The caller has verified the checkpoint; ``read_state`` is the second lock.
    """
    torch = import_framework("torch")
    models = import_framework("torchvision.models")
    network = getattr(models, entry.architecture)(weights=None)
    state = read_state(checkpoint, entry.architecture)
    try:
        network.load_state_dict(state)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise does_not_fit(checkpoint, entry.architecture, error) from error
    trunk = _without_head(torch, network).eval()
    return as_network(trunk, image_probe(entry.input), entry.features)


def _without_head(torch: Any, network: Any) -> Any:
    """Network -> (N, D) features: ResNet's average, MobileNet's average, VGG's own made up."""
    if hasattr(network, "fc"):  # ResNet ends avgpool, flatten, fc
        network.fc = torch.nn.Identity()
        return network
    if hasattr(network, "features"):  # MobileNetV2 averages in forward(), VGG keeps 7 x 7
        pooling = torch.nn.AdaptiveAvgPool2d(1)
        return torch.nn.Sequential(network.features, pooling, torch.nn.Flatten(1))
    raise WeightsError(f"No rule takes the head off {type(network).__name__}.")
