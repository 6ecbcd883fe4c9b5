"""Backbones as torch modules that give feature maps, for training and for exporting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import WeightsError
from weights.catalog import CatalogEntry
from weights.frameworks import keras_mobilenet, timm_backbones, torchvision_backbones
from weights.frameworks.layers import choose_layers
from weights.frameworks.network import import_framework
from weights.frameworks.torch_export import load_state, read_state

STRIDE = 32  # pixels of the deepest maps' grid: sides that this divides keep the grid whole


@dataclass(frozen=True)
class Backbone:
    """A network without its head, on the CPU and in evaluation mode.

    ``module``: (N, 3, H, W), prepared by the entry's [input] -> a tuple of what ``layers``
    give, shallow to deep: maps (N, C, h, w), or tokens (N, 1 + patches, C), the class token first.
    """

    module: Any  # torch.nn.Module
    layers: tuple[str, ...]
    channels: tuple[int, ...]  # of each layer
    free_sides: int = STRIDE  # heights and widths that this divides are taken; 0: the entry's only


@dataclass(frozen=True)
class Layered:
    """A whole network before layers are chosen. ``cut``: layers, shallow to deep -> a module that
    gives them; the module may leave out what lies behind the last of them."""

    architecture: str
    names: tuple[str, ...]  # shallow to deep; the last one is what the head was on
    cut: Callable[[tuple[str, ...]], Any]
    free_sides: int
    side: tuple[int, int]  # height and width, pixels, of a small image that it takes


def read_backbone(
    entry: CatalogEntry, checkpoint: Path | None, layers: Sequence[str] = ()
) -> Backbone:
    """The backbone of a catalogue entry; ``layers`` empty: the last one.

    ``checkpoint`` None: random weights, drawn from torch's generator. Layers are given shallow to
    deep whatever their order here. Raises WeightsError for a file that holds something else, a
    layer that does not exist and an architecture that torch does not have.
    """
    layered = read_layered(entry, checkpoint)
    return cut_backbone(layered, choose_layers(entry.architecture, layered.names, layers))


def cut_backbone(layered: Layered, layers: tuple[str, ...]) -> Backbone:
    """``layers`` as ``choose_layers`` gives them."""
    module = layered.cut(layers).eval()
    shapes = layer_shapes(module, layered.side)
    channels = tuple(shape[1] if len(shape) == 4 else shape[2] for shape in shapes)
    return Backbone(module, layers, channels, layered.free_sides)


def layer_shapes(module: Any, side: tuple[int, int]) -> list[tuple[int, ...]]:
    """(1, C, h, w) or (1, 1 + patches, C) of every layer for one image of ``side``."""
    torch = import_framework("torch")
    with torch.no_grad():
        return [tuple(map_.shape) for map_ in module(torch.zeros(1, 3, *side))]


def read_layered(entry: CatalogEntry, checkpoint: Path | None) -> Layered:
    """The whole network of an entry; for the arguments and errors see ``read_backbone``."""
    if entry.framework == "timm":
        return _timm(entry, checkpoint)
    if entry.framework == "torchvision":
        network = torchvision_backbones.build(entry.architecture)
        stages = torchvision_backbones.stages_of(network)
        if checkpoint is not None:
            state = read_state(checkpoint, entry.architecture)
            load_state(network, state, checkpoint, entry.architecture)
    elif has_twin(entry):
        network = keras_mobilenet.new_mobilenet()
        stages = torchvision_backbones.stages_of(network)
        if checkpoint is not None:
            keras_mobilenet.load_mobilenet(network, entry, checkpoint)
    else:
        raise WeightsError(
            f"{entry.name}: {entry.framework}'s {entry.architecture} has no twin in torch.",
            remedy="Take a backbone of torchvision or timm, or Keras' MobileNetV2: "
            "packsight weights list",
        )
    staged = import_framework("weights.frameworks.nets.backbones").Staged
    small = (2 * STRIDE, 2 * STRIDE)
    names = tuple(stages)
    return Layered(entry.architecture, names, lambda some: staged(stages, some), STRIDE, small)


def has_twin(entry: CatalogEntry) -> bool:
    """Whether a Keras network exists in torch as well."""
    return (entry.framework, entry.architecture) == ("keras", keras_mobilenet.ARCHITECTURE)


def _timm(entry: CatalogEntry, checkpoint: Path | None) -> Layered:
    network = timm_backbones.build(entry.architecture)
    if checkpoint is not None:
        found = read_state(checkpoint, entry.architecture)
        state = timm_backbones.without_head(network, found, checkpoint, entry.architecture)
        load_state(network, state, checkpoint, entry.architecture)
    free = timm_backbones.takes_other_sizes(network)
    side = (2 * STRIDE, 2 * STRIDE) if free else (entry.input.height, entry.input.width)
    if not free:
        timm_backbones.set_side(network, entry.architecture, side)
    maps = import_framework("weights.frameworks.nets.timm_maps").TimmMaps
    names = timm_backbones.layer_names(network)
    return Layered(
        entry.architecture, names, lambda some: maps(network, names, some), STRIDE * free, side
    )
