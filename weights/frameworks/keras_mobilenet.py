"""Keras' MobileNetV2 as a torch network: its weights, its padding, its normalisation.

The network is torchvision's (Sandler et al., CVPR 2018), which has the same convolutions in the
same order; Keras pads strided ones otherwise and adds another epsilon to the variance.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weights.catalog import CatalogEntry
from weights.frameworks.network import does_not_fit, import_framework
from weights.frameworks.torchvision_backbones import build

ARCHITECTURE = "MobileNetV2"
EPSILON = 1e-3  # keras.applications.mobilenet_v2, every BatchNormalization

# Axes of torch's kernel (out, in, height, width) in Keras' (height, width, in, out); a depthwise
# one is (height, width, channels, 1).
_KERNEL, _DEPTHWISE = (3, 2, 0, 1), (2, 3, 0, 1)


def new_mobilenet() -> Any:
    """An untrained torchvision MobileNetV2 that computes as Keras' does."""
    nn = import_framework("torch.nn")
    network = build("mobilenet_v2")
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = EPSILON
    same = import_framework("weights.frameworks.nets.same_conv")
    same.pad_same(network, lambda convolution: max(convolution.stride) > 1)
    return network


def load_mobilenet(network: Any, entry: CatalogEntry, checkpoint: Path) -> None:
    """Copy the weights of a Keras file, with or without head, into ``new_mobilenet``'s backbone.

    Raises WeightsError (``does_not_fit``) for a file that holds something else.
    """
    from weights.frameworks.from_keras import read_backbone_model

    torch = import_framework("torch")
    arrays = list(_arrays(read_backbone_model(entry, checkpoint)))
    wanted = list(_tensors(network.features))
    if [array.shape for array in arrays] != [tuple(tensor.shape) for tensor in wanted]:
        fault = ValueError(f"{len(arrays)} arrays, not those of its {len(wanted)}")
        raise does_not_fit(checkpoint, entry.architecture, fault)
    with torch.no_grad():
        for tensor, array in zip(wanted, arrays, strict=True):
            tensor.copy_(torch.from_numpy(array.copy()))


def _arrays(model: Any) -> Iterator[Any]:
    """Kernels in torch's order of axes; scale, shift, mean and variance of normalisations."""
    for layer in model.layers:
        kind = type(layer).__name__
        arrays = layer.get_weights()
        if kind in ("Conv2D", "DepthwiseConv2D"):
            yield arrays[0].transpose(_DEPTHWISE if kind == "DepthwiseConv2D" else _KERNEL)
        else:
            yield from arrays


def _tensors(features: Any) -> Iterator[Any]:
    nn = import_framework("torch.nn")
    for layer in features.modules():
        if isinstance(layer, nn.Conv2d):
            yield layer.weight
        elif isinstance(layer, nn.BatchNorm2d):
            yield from (layer.weight, layer.bias, layer.running_mean, layer.running_var)
