"""Backbones of keras.applications: everything up to and with global average pooling.

Keras runs on torch here, channels first. Export through TensorFlow and tf2onnx writes the same
network, but needed more than 23 GB of memory for EfficientNetV2-L.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from engine.errors import WeightsError
from weights.catalog import CatalogEntry
from weights.frameworks.layers import choose_layers, coarsest_layers
from weights.frameworks.network import GraphNames, Network, does_not_fit, import_framework
from weights.frameworks.torch_export import as_network
from weights.probe import image_probe


def load(entry: CatalogEntry, checkpoint: Path, layers: Sequence[str] | None = None) -> Network:
    """Build the architecture, load the HDF5 weights (arrays, no pickle), remove the head.

    A file with a head is recognised by its dense kernel, whatever its number of classes. Runs to
    (N, dimension), then the maps of ``layers``, which have Keras' own names (None: see
    ``layers.coarsest_layers``).
    """
    backbone = read_backbone_model(entry, checkpoint)
    maps = {layer.name: layer.output for layer in backbone.layers if _is_map(layer, backbone)}
    if layers is None:
        layers = coarsest_layers({name: maps[name].shape[2] for name in maps})
    kept = choose_layers(entry.architecture, tuple(maps), layers) if layers else ()
    if kept:
        keras = _import_keras()
        backbone = keras.Model(backbone.input, [backbone.output, *(maps[name] for name in kept)])
    names = GraphNames(layers=kept)
    return as_network(as_torch_module(backbone), image_probe(entry.input), entry.features, names)


def _is_map(layer: Any, backbone: Any) -> bool:
    """Whether a layer gives feature maps: no input, no padding and nothing pooled to a point."""
    if type(layer).__name__ == "ZeroPadding2D":
        return False
    shape: tuple[int, ...] = getattr(layer.output, "shape", ())
    return len(shape) == 4 and shape[2] > 1 and layer.output is not backbone.input


def read_backbone_model(entry: CatalogEntry, checkpoint: Path) -> Any:
    """The Keras model from the image to (N, dimension), channels first, with a file's weights."""
    keras = _import_keras()
    network = _network(keras, entry, checkpoint)
    try:
        network.load_weights(str(checkpoint))
    except (OSError, ValueError, KeyError) as error:
        raise does_not_fit(checkpoint, entry.architecture, error) from error
    return _without_head(keras, network, entry)


def _import_keras() -> ModuleType:
    import_framework("torch")
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "torch"
    keras = import_framework("keras")
    if keras.backend.backend() != "torch":
        raise WeightsError(
            f"Keras runs on {keras.backend.backend()} in this process; exporting needs torch.",
            remedy="Start a new process with KERAS_BACKEND=torch.",
        )
    return keras


def _network(keras: Any, entry: CatalogEntry, checkpoint: Path) -> Any:
    build = getattr(keras.applications, entry.architecture)
    shape = (3, entry.input.height, entry.input.width)
    classes = head_classes(checkpoint, entry.dimension or 0, entry.architecture)
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")  # layers read it while they are built
    try:
        if classes is None:
            return build(include_top=False, weights=None, input_shape=shape, pooling="avg")
        return build(include_top=True, weights=None, input_shape=shape, classes=classes)
    finally:
        keras.config.set_image_data_format(before)


def head_classes(checkpoint: Path, dimension: int, architecture: str) -> int | None:
    """Width of the dense kernel (dimension, classes) in the file; None when it has no head.

    Raises WeightsError for a file that is no HDF5.
    """
    h5py = import_framework("h5py")
    found: list[int] = []

    def visit(name: str, item: Any) -> None:
        shape: tuple[int, ...] = getattr(item, "shape", ())
        if len(shape) == 2 and shape[0] == dimension:
            found.append(shape[1])

    try:
        with h5py.File(checkpoint, "r") as file:
            file.visititems(visit)
    except OSError as error:
        raise does_not_fit(checkpoint, architecture, error) from error
    return found[-1] if found else None


def _without_head(keras: Any, network: Any, entry: CatalogEntry) -> Any:
    # Squeeze-and-excitation blocks average too: the backbone ends at the last one that fits.
    pooling = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.GlobalAveragePooling2D)
        and layer.output.shape[-1] == entry.dimension
    ]
    if not pooling:
        raise WeightsError(f"{entry.architecture}: has no pooling to {entry.dimension} features.")
    return keras.Model(network.input, pooling[-1].output, name=entry.name)


def as_torch_module(model: Any) -> Any:
    """A module with one positional input, on the CPU and without gradients; a tuple of tensors
    where the model has several outputs."""
    nn = import_framework("torch.nn")

    class Module(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, image: Any) -> Any:
            outputs = self.model(image, training=False)
            return tuple(outputs) if isinstance(outputs, list) else outputs

    return Module().requires_grad_(False).cpu().eval()
