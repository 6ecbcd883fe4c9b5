"""The trunks that a classifier can be built on, by the names of keras.applications."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import ConfigError


@dataclass(frozen=True)
class Backbone:
    """``mean`` and ``std`` bring bytes to what the trunk was trained on, channel by channel the
    same; EfficientNetV2 does that inside itself. ``weights``: its entry in the catalogue."""

    name: str  # in keras.applications
    mean: float
    std: float
    weights: str


# Rescaling to [-1, 1] is that of Keras' own preprocess_input for these families.
_BACKBONES = (
    Backbone("EfficientNetV2L", 0.0, 1.0, "efficientnet_v2_l_notop"),
    Backbone("EfficientNetV2S", 0.0, 1.0, "efficientnet_v2_s_notop"),
    Backbone("EfficientNetV2B0", 0.0, 1.0, "efficientnet_v2_b0_notop"),
    Backbone("MobileNetV2", 127.5, 127.5, "mobilenet_v2_keras"),
    Backbone("ResNet101V2", 127.5, 127.5, "resnet101_v2_notop"),
)
BACKBONES = {backbone.name: backbone for backbone in _BACKBONES}


def find_backbone(name: str) -> Backbone:
    """By name, letters' case and dashes aside; ConfigError lists the valid ones."""
    plain = {_plain(known): backbone for known, backbone in BACKBONES.items()}
    if _plain(name) not in plain:
        raise ConfigError(f"unknown backbone {name!r}.", remedy=f"Valid: {', '.join(BACKBONES)}.")
    return plain[_plain(name)]


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
