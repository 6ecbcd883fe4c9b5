"""torchvision's detectors as one tensor in, one tensor out: their raw heads side by side.

What follows the heads (default boxes, decoding, suppression) has data-dependent sizes, which an
ONNX file with one output of fixed shape cannot hold; serving does it in numpy (stages/_ssd.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weights.catalog import CatalogEntry
from weights.frameworks.network import GraphNames, Network, import_framework
from weights.frameworks.torch_export import as_network, load_state, read_state
from weights.probe import image_probe

HEAD_NAMES = GraphNames(graph="detector", result="heads")


def load(entry: CatalogEntry, checkpoint: Path) -> Network:
    """Build the detector and load the verified state dict: its heads as they are, (N, default
    boxes, 4 + classes). The caller has verified the checkpoint; ``read_state`` is the second lock.
    """
    network = build_detector(entry.architecture)
    load_state(network, read_state(checkpoint, entry.architecture), checkpoint, entry.architecture)
    shape = output_shape(network, entry.input.height)
    return as_network(raw_heads(network).eval(), image_probe(entry.input), shape, HEAD_NAMES)


def build_detector(architecture: str) -> Any:
    """The untrained detector of torchvision.models.detection, its backbone untrained too."""
    detection = import_framework("torchvision.models.detection")
    return getattr(detection, architecture)(weights=None, weights_backbone=None)


def raw_heads(detector: Any) -> Any:
    """A module (N, 3, 300, 300) -> (N, 8732, 4 + classes): offsets, then logits."""
    torch = import_framework("torch")

    class RawHeads(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.backbone = detector.backbone
            self.head = detector.head

        def forward(self, image: Any) -> Any:
            heads = self.head(list(self.backbone(image).values()))
            return torch.cat([heads["bbox_regression"], heads["cls_logits"]], dim=-1)

    return RawHeads()


def output_shape(detector: Any, side: int) -> tuple[int, ...]:
    """(default boxes, 4 + classes) for an image of side x side."""
    torch = import_framework("torch")
    with torch.no_grad():
        heads = raw_heads(detector).eval()(torch.zeros(1, 3, side, side))
    return tuple(heads.shape[1:])
