"""Trunks of torchvision: everything up to and with global average pooling."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import WeightsError
from engine.types import FloatArray
from weights.catalog import CatalogEntry
from weights.frameworks.torch_export import write_onnx
from weights.frameworks.trunk import Trunk, does_not_fit, import_framework


def load_trunk(entry: CatalogEntry, checkpoint: Path) -> Trunk:
    """Build the architecture, load the verified state dict, take the head off.

    The caller has verified the checkpoint. ``weights_only`` is the second lock: it unpickles
    tensors and plain containers and refuses everything else.
    """
    torch = import_framework("torch")
    models = import_framework("torchvision.models")
    network = getattr(models, entry.architecture)(weights=None)
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        network.load_state_dict(state)
    except (RuntimeError, AttributeError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise does_not_fit(checkpoint, entry.architecture, error) from error
    trunk = _without_head(torch, network).eval()
    size = (entry.input.height, entry.input.width)

    def features(batch: FloatArray) -> FloatArray:
        with torch.inference_mode():
            return np.asarray(trunk(torch.from_numpy(batch)).numpy(), dtype=np.float32)

    return Trunk(features, lambda path: write_onnx(trunk, size, path))


def _without_head(torch: Any, network: Any) -> Any:
    """Network -> (N, D) features: ResNet's average, MobileNet's average, VGG's own made up."""
    if hasattr(network, "fc"):  # ResNet ends avgpool, flatten, fc
        network.fc = torch.nn.Identity()
        return network
    if hasattr(network, "features"):  # MobileNetV2 averages in forward(), VGG keeps 7 x 7
        pooling = torch.nn.AdaptiveAvgPool2d(1)
        return torch.nn.Sequential(network.features, pooling, torch.nn.Flatten(1))
    raise WeightsError(f"No rule takes the head off {type(network).__name__}.")
