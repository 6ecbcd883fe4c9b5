"""torchvision's classification networks as chains of named stages, without their heads.

Layers are named as in the literature: a ResNet's layer1 to layer4 (He et al., CVPR 2016), VGG's
conv1_2 to conv5_3 and pool1 to pool5 (Simonyan and Zisserman, ICLR 2015); elsewhere stem, then
stage or block with its number from 1, then conv_last, the convolution of 1 x 1 before pooling.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import WeightsError
from weights.frameworks.network import import_framework

# Classes of torchvision.models whose features before the head are a plain chain of modules.
CHAINS = ("MobileNetV2", "MobileNetV3", "EfficientNet", "ConvNeXt")


def build(architecture: str) -> Any:
    """An untrained network of torchvision.models, drawn from torch's generator."""
    models = import_framework("torchvision.models")
    if architecture not in models.list_models(module=models):
        raise WeightsError(
            f"torchvision has no classification network {architecture!r}.",
            remedy="Its names are listed by torchvision.models.list_models().",
        )
    return models.get_model(architecture, weights=None)


def stages_of(network: Any) -> Mapping[str, Any]:
    """Every stage by its name, shallow to deep; WeightsError for a network that is no chain."""
    kind = type(network).__name__
    if kind == "ResNet":
        nn = import_framework("torch.nn")
        stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
        layers = {f"layer{i}": getattr(network, f"layer{i}") for i in range(1, 5)}
        return {"stem": stem, **layers}
    if kind == "VGG":
        return _vgg(network.features)
    if kind in CHAINS:
        return _chain(network.features)
    raise WeightsError(
        f"The stages of torchvision's {kind} are not known.",
        remedy=f"Known are those of ResNet, VGG, {', '.join(CHAINS)}; timm has the others: "
        'framework = "timm".',
    )


def _vgg(features: Any) -> dict[str, Any]:
    """Cut before and after each pooling; a stage is called after its last convolution."""
    nn = import_framework("torch.nn")
    stages: dict[str, Any] = {}
    block, layers = 1, []
    for layer in features:
        if not isinstance(layer, nn.MaxPool2d):
            layers.append(layer)
            continue
        depth = sum(isinstance(each, nn.Conv2d) for each in layers)
        stages[f"conv{block}_{depth}"] = nn.Sequential(*layers)
        stages[f"pool{block}"] = layer
        block, layers = block + 1, []
    return stages


def _chain(features: Any) -> dict[str, Any]:
    nn = import_framework("torch.nn")
    names = ["stem"]
    word = "stage" if type(features[1]) is nn.Sequential else "block"
    names += [f"{word}{number}" for number in range(1, len(features))]
    if type(features[-1]).__name__ == "Conv2dNormActivation":
        names[-1] = "conv_last"
    return dict(zip(names, features, strict=True))
