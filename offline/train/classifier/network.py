"""Backbone and head, as the paper draws them.

Waqas et al., "Multimodal Fused Deep Learning Networks for Domain Specific Image Similarity
Search", CMC 2023: EfficientNetV2L without its top -> global average pooling -> dense 1024 ReLU ->
dropout 0.5 -> dense 512 ReLU -> dense C softmax. With 15 classes their Table 2 counts 119.6 M
parameters (EfficientNetV2L), 4.1 M (MobileNetV2) and 45.3 M (ResNet101V2).
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from engine.errors import ConfigError
from offline.train.classifier.recipe import Backbone
from weights.frameworks.from_keras import head_classes
from weights.frameworks.network import does_not_fit, import_framework

Order = Literal["channels_first", "channels_last"]
FEATURES = "features"  # names of layers that others look up
LOGITS = "logits"
WIDE, NARROW, DROPOUT = 1024, 512, 0.5

# Batch statistics of grey cutouts on white are far from ImageNet's. With MobileNetV2's own
# momentum of 0.999 the moving averages would need a thousand steps to follow, and validation
# would measure another network than the one that trains.
MOMENTUM = 0.9


def import_keras() -> Any:
    """Keras on the backend of KERAS_BACKEND, else TensorFlow if installed, else torch.

    On two cores a training step of MobileNetV2 took 1.5 s a batch of 32 on TensorFlow and 3.8 s
    on torch.
    """
    if "keras" in sys.modules:
        return import_framework("keras")
    chosen = "tensorflow" if find_spec("tensorflow") else "torch"
    if os.environ.setdefault("KERAS_BACKEND", chosen) != "tensorflow":
        return import_framework("keras")
    import_tensorflow()
    return import_framework("keras")


def import_tensorflow() -> None:
    """Where it is installed, and without what it logs; once more it logs where it first looks for
    devices. Keras imports it to train, also on torch."""
    if find_spec("tensorflow"):
        with _unlogged():
            import_framework("tensorflow").config.list_physical_devices("GPU")


@contextmanager
def _unlogged() -> Iterator[None]:
    """Hide what TensorFlow logs of oneDNN, CUDA and its devices, unless TF_CPP_MIN_LOG_LEVEL was
    set: the libraries write it to the process's standard error before any setting reaches them.
    Where the import fails it is shown."""
    if "tensorflow" in sys.modules or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    shown = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            yield
        except BaseException:
            hidden.seek(0)
            os.write(shown, hidden.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)


def require_keras() -> None:
    """Miss it before an hour of cutting, and without the seconds that importing it takes."""
    if sys.modules.get("keras") is None and find_spec("keras") is None:
        import_framework("keras")  # its error names the extra


def build_network(
    backbone: Backbone, classes: int, side: int, order: Order = "channels_last"
) -> Any:
    """A keras.Model (N, side, side, 3) bytes as float32 -> (N, classes) probabilities.

    The same variables in the same order whatever the axis order: a kernel has one layout.
    """
    keras = import_keras()
    layers = keras.layers
    before = keras.config.image_data_format()
    keras.config.set_image_data_format(order)  # layers read it while they are built
    try:
        shape = (side, side, 3) if order == "channels_last" else (3, side, side)
        image = keras.Input(shape, name="image")
        scaled = layers.Rescaling(
            1 / backbone.std, -backbone.mean / backbone.std, name="rescaling"
        )(image)
        base = _base(keras, backbone, shape)
        features = layers.GlobalAveragePooling2D(name=FEATURES)(base(scaled))
        outputs = head(keras, features, classes)
        return keras.Model(image, outputs, name=backbone.name.lower())
    finally:
        keras.config.set_image_data_format(before)


def head(keras: Any, features: Any, classes: int) -> Any:
    """(N, D) features to (N, classes) probabilities; float32 whatever the precision policy."""
    layers = keras.layers
    wide = layers.Dense(WIDE, activation="relu", name="wide")(features)
    dropped = layers.Dropout(DROPOUT, name="dropout")(wide)
    narrow = layers.Dense(NARROW, activation="relu", name="narrow")(dropped)
    logits = layers.Dense(classes, name=LOGITS, dtype="float32")(narrow)
    return layers.Softmax(name="probabilities", dtype="float32")(logits)


def part(network: Any, layer: str) -> Any:
    """The network up to and with the named layer."""
    keras = import_keras()
    return keras.Model(network.input, network.get_layer(layer).output)


def set_precision(keras: Any, precision: str) -> None:
    """ "float32", "mixed_float16", or "auto": mixed where a GPU is, which CPUs only slows down."""
    if precision == "auto":
        precision = "mixed_float16" if _has_gpu(keras) else "float32"
    keras.mixed_precision.set_global_policy(precision)


def _has_gpu(keras: Any) -> bool:
    if keras.backend.backend() == "tensorflow":
        return bool(import_framework("tensorflow").config.list_physical_devices("GPU"))
    return bool(import_framework("torch").cuda.is_available())


def count_parameters(network: Any) -> int:
    return int(network.count_params())


def load_base_weights(network: Any, backbone: Backbone, checkpoint: Path) -> None:
    """Fill the backbone from a keras.applications .h5 file, with or without its top.

    Raises WeightsError when the file is another network's.
    """
    base = base_of(network, backbone)
    try:
        base.load_weights(str(checkpoint))
    except (OSError, ValueError, KeyError, IndexError) as error:
        if not _load_with_top(base, backbone, checkpoint):
            raise does_not_fit(checkpoint, backbone.name, error) from error


def keep_statistics(network: Any, backbone: Backbone) -> None:
    """Leave every batch normalisation of the backbone as its checkpoint has it, as Keras' guide to
    transfer learning advises."""
    keras = import_keras()
    for layer in base_of(network, backbone).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def base_of(network: Any, backbone: Backbone) -> Any:
    """The sub-model that the catalogue's weights belong to."""
    return network.get_layer(f"trunk_{backbone.name.lower()}")


def _base(keras: Any, backbone: Backbone, shape: tuple[int, ...]) -> Any:
    build = getattr(keras.applications, backbone.name)
    base = build(include_top=False, weights=None, input_shape=shape)
    base.name = f"trunk_{backbone.name.lower()}"
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, MOMENTUM)
    return base


def _load_with_top(base: Any, backbone: Backbone, checkpoint: Path) -> bool:
    """Through a network with a top, whose backbone has the same layers; False where that fails."""
    keras = import_keras()
    classes = head_classes(checkpoint, int(base.output.shape[-1]), backbone.name)
    if classes is None:
        return False
    build = getattr(keras.applications, backbone.name)
    whole = build(include_top=True, weights=None, classes=classes, classifier_activation=None)
    try:
        whole.load_weights(str(checkpoint))
    except (OSError, ValueError, KeyError, IndexError):
        return False
    values = whole.get_weights()[: len(base.weights)]
    base.set_weights(values)
    return True


def check_side(side: int) -> None:
    """Raises ConfigError for an input size that the backbones cannot take."""
    if side < 32:
        raise ConfigError(f"--input-size {side}: the backbones need at least 32 pixels.")
