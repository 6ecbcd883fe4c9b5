"""Backbones of every framework for the exporter: features, and maps as further outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.types import FloatArray
from weights.catalog import CatalogEntry
from weights.frameworks import from_keras
from weights.frameworks.backbones import (
    Backbone,
    cut_backbone,
    has_twin,
    layer_shapes,
    read_layered,
)
from weights.frameworks.layers import choose_layers, coarsest_layers
from weights.frameworks.network import GraphNames, Network, import_framework
from weights.frameworks.torch_export import as_network
from weights.input_spec import InputSpec
from weights.probe import image_probe


def load(entry: CatalogEntry, checkpoint: Path, layers: Sequence[str] | None = None) -> Network:
    """(N, 3, H, W) -> (N, dimension) and the maps, or tokens, of ``layers``.

    ``layers`` None: see ``layers.coarsest_layers``; none: no maps. Raises WeightsError for a file
    of something else and a layer that does not exist. A Keras network that has a twin in torch
    is written from the twin and compared with Keras itself.
    """
    if entry.framework == "keras" and not has_twin(entry):
        return from_keras.load(entry, checkpoint, layers)
    layered = read_layered(entry, checkpoint)
    if layers is None:
        every = layer_shapes(layered.cut(layered.names).eval(), layered.side)
        heights = [shape[2] if len(shape) == 4 else 0 for shape in every]
        layers = coarsest_layers(dict(zip(layered.names, heights, strict=True)))
    chosen = choose_layers(entry.architecture, layered.names, [*layers, layered.names[-1]])
    kept = tuple(name for name in chosen if name in layers)
    network = for_serving(cut_backbone(layered, chosen), entry.input, kept)
    if entry.framework == "keras":
        network = replace(network, run=from_keras.load(entry, checkpoint, ()).run)
    return replace(
        network, output=entry.features
    )  # an incorrect catalogue entry fails the parity check


def for_serving(backbone: Backbone, spec: InputSpec, layers: Sequence[str] = ()) -> Network:
    """A backbone, trained or loaded, for the exporter: the pooled features of its deepest layer,
    then the outputs of ``layers``."""
    pooled = import_framework("weights.frameworks.nets.backbones").Pooled
    kept = tuple(name for name in backbone.layers if name in layers)
    module = pooled(backbone.module, [backbone.layers.index(name) for name in kept]).eval()
    return as_network(
        module,
        image_probe(spec),
        backbone.channels[-1:],
        GraphNames(layers=kept),
        free_sides=backbone.free_sides,
        other_sizes=_other_sizes(backbone, spec),
    )


def _other_sizes(backbone: Backbone, spec: InputSpec) -> tuple[FloatArray, ...]:
    """A small probe that is no square, where the backbone takes one."""
    if not backbone.free_sides:
        return ()
    height, width = 3 * backbone.free_sides, 2 * backbone.free_sides
    return (image_probe(replace(spec, height=height, width=width)),)
