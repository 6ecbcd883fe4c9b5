"""Trunks of keras.applications: everything up to and with global average pooling."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from engine.errors import WeightsError
from engine.types import FloatArray
from weights.catalog import CatalogEntry
from weights.frameworks.trunk import Trunk, does_not_fit, import_framework


def load_trunk(entry: CatalogEntry, checkpoint: Path) -> Trunk:
    """Build the architecture, load the HDF5 weights (arrays, no pickle), take the head off.

    A file with a head is recognised by its dense kernel, whatever its number of classes.
    """
    keras = _import_keras()
    network = _network(keras, entry, checkpoint)
    try:
        network.load_weights(str(checkpoint))
    except (OSError, ValueError, KeyError) as error:
        raise does_not_fit(checkpoint, entry.architecture, error) from error
    pooling = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.GlobalAveragePooling2D)
        and layer.output.shape[-1] == entry.dimension
    ]
    if not pooling:
        raise WeightsError(f"{entry.architecture}: has no pooling to {entry.dimension} features.")
    # Squeeze-and-excitation blocks average too: the trunk ends at the last one.
    trunk = keras.Model(network.input, pooling[-1].output, name=entry.name)

    def features(batch: FloatArray) -> FloatArray:
        return np.asarray(trunk(batch, training=False), dtype=np.float32)

    return Trunk(features, lambda path: _write(trunk, entry, path))


def _import_keras() -> ModuleType:
    """Keras on TensorFlow: its exporter folds the network into a tenth of the torch graph."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # sums in another order from run to run
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    if importlib.util.find_spec("torch") is not None:
        import_framework("torch")  # imported after TensorFlow, torch aborts the process
    import_framework("tensorflow")
    import_framework("tf2onnx")
    keras = import_framework("keras")
    if keras.backend.backend() != "tensorflow":
        raise WeightsError(
            f"Keras runs on {keras.backend.backend()} in this process; exporting needs tensorflow.",
            remedy="Start a new process with KERAS_BACKEND=tensorflow.",
        )
    return keras


def _network(keras: Any, entry: CatalogEntry, checkpoint: Path) -> Any:
    build = getattr(keras.applications, entry.architecture)
    shape = (entry.input.height, entry.input.width, 3)
    classes = _classes(checkpoint, entry)
    if classes is None:
        return build(include_top=False, weights=None, input_shape=shape, pooling="avg")
    return build(include_top=True, weights=None, input_shape=shape, classes=classes)


def _classes(checkpoint: Path, entry: CatalogEntry) -> int | None:
    """Width of the dense kernel (dimension, classes) in the file; None when it has no head."""
    h5py = import_framework("h5py")
    found: list[int] = []

    def visit(name: str, item: Any) -> None:
        shape: tuple[int, ...] = getattr(item, "shape", ())
        if len(shape) == 2 and shape[0] == entry.dimension:
            found.append(shape[1])

    try:
        with h5py.File(checkpoint, "r") as file:
            file.visititems(visit)
    except OSError as error:
        raise does_not_fit(checkpoint, entry.architecture, error) from error
    return found[-1] if found else None


def _write(trunk: Any, entry: CatalogEntry, path: Path) -> None:
    # Keras exports only what has been called.
    trunk(np.zeros((2, entry.input.height, entry.input.width, 3), np.float32), training=False)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # numpy deprecations inside the exporter
        trunk.export(str(path), format="onnx", verbose=False)
