"""The saliency network on EfficientNet-Lite0: from our own state dicts, or with the encoder of a
published Lite0 and a new decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import WeightsError
from weights.frameworks import timm_backbones
from weights.frameworks.network import GraphNames, Network, import_framework
from weights.frameworks.torch_export import as_network, load_state, read_state
from weights.input_spec import InputSpec
from weights.probe import image_probe

BACKBONE = "tf_efficientnet_lite0"
NAMES = GraphNames("lite0_saliency", "image", "saliency")


def new_network(backbone: Any = None) -> Any:
    """An untrained decoder, drawn from torch's generator, on ``backbone`` or an untrained one."""
    nets = import_framework("weights.frameworks.nets.lite0_saliency")
    return nets.Lite0Saliency(timm_backbones.build(BACKBONE) if backbone is None else backbone)


def read_network(checkpoint: Path) -> Any:
    """In evaluation mode, with the weights of a .pth file of the whole network, or of a Lite0.

    Raises WeightsError where the file cannot be read or holds another network.
    """
    if not checkpoint.is_file():
        raise WeightsError(f"{checkpoint}: there is no such file.", remedy="Check its path.")
    state = read_state(checkpoint, BACKBONE)
    network = new_network()
    if state.keys() == network.state_dict().keys():
        load_state(network, state, checkpoint, BACKBONE)
        return network.eval()
    backbone = timm_backbones.build(BACKBONE)
    renamed = timm_backbones.without_head(backbone, state, checkpoint, BACKBONE)
    load_state(backbone, renamed, checkpoint, BACKBONE)
    return new_network(backbone).eval()


def for_serving(network: Any, spec: InputSpec) -> Network:
    """What is exported: the map in [0, 1]."""
    nets = import_framework("weights.frameworks.nets.u2net")
    fused = nets.Fused(network).eval()
    return as_network(fused, image_probe(spec), (1, spec.height, spec.width), NAMES)
