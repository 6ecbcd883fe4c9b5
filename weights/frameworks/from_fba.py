"""FBA matting from state dicts: the authors' file and those of `packsight train matting`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from engine.types import FloatArray
from weights.catalog import CatalogEntry
from weights.frameworks.network import GraphNames, Network, import_framework
from weights.frameworks.torch_export import as_network, load_state, read_state
from weights.input_spec import InputSpec
from weights.probe import model_input, probe_images

NAMES = GraphNames("fba", "image", "matte")
# Module and input channels by the class that a catalogue entry names as its architecture.
NETWORKS = {
    "FBA": ("weights.frameworks.nets.fba", 11),
    "FBACompact": ("weights.frameworks.nets.fba_compact", 12),
}
OUTPUTS = 7  # alpha, foreground, background
STRIDE = 8  # both networks take every height and width that this divides
# Prefix of every name after data-parallel training.
WRAPPER = "module."


def load(entry: CatalogEntry, checkpoint: Path) -> Network:
    """The entry's network: (N, 11 or 12, H, W) as ``stages.matting`` encodes -> (N, 7, H, W)."""
    return for_serving(
        read_network(entry.architecture, checkpoint), entry.architecture, entry.input
    )


def for_serving(network: Any, architecture: str, spec: InputSpec) -> Network:
    """A network, trained or loaded, for the exporter; its file takes any multiple of 8 pixels."""
    probe = matting_probe(spec, NETWORKS[architecture][1])
    shape = (OUTPUTS, spec.height, spec.width)
    return as_network(network.eval(), probe, shape, NAMES, free_sides=STRIDE)


def read_network(architecture: str, checkpoint: Path) -> Any:
    """A network in evaluation mode with the weights of a .pth file; WeightsError for another's."""
    network = new_network(architecture)
    state = read_state(checkpoint, architecture)
    bare = {name.removeprefix(WRAPPER): state[name] for name in state}
    load_state(network, bare, checkpoint, architecture)
    return network.eval()


def new_network(architecture: str) -> Any:
    """An untrained ``FBA`` or ``FBACompact``, drawn from torch's generator."""
    module, _ = NETWORKS[architecture]
    return getattr(import_framework(module), architecture)()


def matting_probe(spec: InputSpec, channels: int) -> FloatArray:
    """(6, channels, H, W) float32: the probe images, and others in grey as trimap channels.

    Each item's are of another kind than its image: group norm would make an image of nothing
    but its own rounding of an item that is black throughout.
    """
    colours = model_input(probe_images(spec.height, spec.width), spec)
    greys = [
        np.roll(probe_images(spec.height, spec.width, seed).mean(axis=3) / 255.0, seed, axis=0)
        for seed in range(1, channels - 2)
    ]
    return np.concatenate([colours, np.stack(greys, axis=1)], axis=1).astype(np.float32)
