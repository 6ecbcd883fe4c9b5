"""torchvision's detectors: their raw heads."""

from __future__ import annotations

from pathlib import Path

from weights.catalog import CatalogEntry
from weights.frameworks.network import Network
from weights.frameworks.ssd_heads import HEAD_NAMES, build_detector, output_shape, raw_heads
from weights.frameworks.torch_export import as_network, load_state, read_state
from weights.probe import image_probe


def load(entry: CatalogEntry, checkpoint: Path) -> Network:
    """Build the detector and load the verified state dict: its heads as they are, (N, default
    boxes, 4 + classes). The caller has verified the checkpoint; ``read_state`` is the second lock.
    """
    network = build_detector(entry.architecture)
    load_state(network, read_state(checkpoint, entry.architecture), checkpoint, entry.architecture)
    shape = output_shape(network, entry.input.height)
    return as_network(raw_heads(network).eval(), image_probe(entry.input), shape, HEAD_NAMES)
