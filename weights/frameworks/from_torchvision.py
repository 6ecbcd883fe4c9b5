"""Networks of torchvision: trunks up to and with global average pooling, detectors' raw heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import WeightsError
from weights.catalog import CatalogEntry
from weights.frameworks.network import Network, does_not_fit, import_framework
from weights.frameworks.ssd_heads import HEAD_NAMES, build_detector, output_shape, raw_heads
from weights.frameworks.torch_export import as_network, read_state
from weights.probe import image_probe


def load(entry: CatalogEntry, checkpoint: Path) -> Network:
    """Build the architecture and load the verified state dict.

    A trunk loses its head, (N, dimension); a detector gives its heads as they are, (N, default
    boxes, 4 + classes). The caller has verified the checkpoint; ``read_state`` is the second lock.
    """
    detects = entry.kind == "detector"
    network = build_detector(entry.architecture) if detects else _build(entry.architecture)
    state = read_state(checkpoint, entry.architecture)
    try:
        network.load_state_dict(state)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise does_not_fit(checkpoint, entry.architecture, error) from error
    probe = image_probe(entry.input)
    if detects:
        shape = output_shape(network, entry.input.height)
        return as_network(raw_heads(network).eval(), probe, shape, HEAD_NAMES)
    return as_network(_without_head(network).eval(), probe, entry.features)


def _build(architecture: str) -> Any:
    return getattr(import_framework("torchvision.models"), architecture)(weights=None)


def _without_head(network: Any) -> Any:
    """Network -> (N, D) features: ResNet's average, MobileNet's average, VGG's own made up."""
    torch = import_framework("torch")
    if hasattr(network, "fc"):  # ResNet ends avgpool, flatten, fc
        network.fc = torch.nn.Identity()
        return network
    if hasattr(network, "features"):  # MobileNetV2 averages in forward(), VGG keeps 7 x 7
        pooling = torch.nn.AdaptiveAvgPool2d(1)
        return torch.nn.Sequential(network.features, pooling, torch.nn.Flatten(1))
    raise WeightsError(f"No rule takes the head off {type(network).__name__}.")
