"""Trunks as torch modules that give feature maps, for training and for exporting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import WeightsError
from weights.catalog import CatalogEntry
from weights.frameworks import keras_mobilenet, torchvision_trunks
from weights.frameworks.network import does_not_fit, import_framework
from weights.frameworks.torch_export import read_state

STRIDE = 32  # pixels of the deepest maps' grid: sides that this divides keep the grid whole


@dataclass(frozen=True)
class Trunk:
    """A network without its head, on the CPU, in training mode or not as ``module.training`` says.

    ``module``: (N, 3, H, W), prepared as the entry's [input] says -> a tuple of what ``layers``
    give, shallow to deep: maps (N, C, h, w), or tokens (N, 1 + patches, C), the class token first.
    """

    module: Any  # torch.nn.Module
    layers: tuple[str, ...]
    channels: tuple[int, ...]  # of each layer
    free_sides: int = STRIDE  # heights and widths that this divides are taken; 0: the entry's only


def read_trunk(entry: CatalogEntry, checkpoint: Path | None, layers: Sequence[str] = ()) -> Trunk:
    """The trunk of a catalogue entry in evaluation mode; ``layers`` empty: the last one.

    ``checkpoint`` None: random weights, drawn from torch's generator. Layers are given shallow to
    deep whatever their order here; what lies behind the deepest of them is left out. Raises
    WeightsError for a file that holds something else, a layer that does not exist and an
    architecture that torch cannot train.
    """
    stages = _read_stages(entry, checkpoint)
    chosen = choose_layers(entry.architecture, tuple(stages), layers)
    module = import_framework("weights.frameworks.nets.staged").Staged(stages, chosen).eval()
    return Trunk(module, chosen, _channels(module))


def choose_layers(
    architecture: str, valid: Sequence[str], layers: Sequence[str]
) -> tuple[str, ...]:
    """``layers`` in the order of ``valid``, the last one for none; WeightsError lists the valid."""
    unknown = [name for name in layers if name not in valid]
    if unknown:
        raise WeightsError(
            f"{architecture} has no layer {', '.join(map(repr, unknown))}.",
            remedy=f"Valid layers, shallow to deep: {', '.join(valid)}.",
        )
    return tuple(name for name in valid if name in layers) or (valid[-1],)


def _read_stages(entry: CatalogEntry, checkpoint: Path | None) -> Mapping[str, Any]:
    if entry.framework == "torchvision":
        network = torchvision_trunks.build(entry.architecture)
        if checkpoint is not None:
            load_state(network, checkpoint, entry.architecture)
    elif (entry.framework, entry.architecture) == ("keras", keras_mobilenet.ARCHITECTURE):
        network = keras_mobilenet.new_mobilenet()
        if checkpoint is not None:
            keras_mobilenet.load_mobilenet(network, entry, checkpoint)
    else:
        raise WeightsError(
            f"{entry.name}: {entry.framework}'s {entry.architecture} has no twin in torch.",
            remedy="Take a trunk of torchvision or timm, or Keras' MobileNetV2: "
            "packsight weights list",
        )
    return torchvision_trunks.stages_of(network)


def load_state(network: Any, checkpoint: Path, architecture: str) -> None:
    """Load a whole state dict, head included; WeightsError for another network's."""
    state = read_state(checkpoint, architecture)
    try:
        network.load_state_dict(state)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise does_not_fit(checkpoint, architecture, error) from error


def _channels(module: Any) -> tuple[int, ...]:
    torch = import_framework("torch")
    with torch.no_grad():
        maps = module(torch.zeros(1, 3, 2 * STRIDE, 2 * STRIDE))
    return tuple(map_.shape[1] for map_ in maps)
