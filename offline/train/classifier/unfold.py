"""Give a network with folded batch normalisation its normalisation back, function unchanged.

Exporters fold (x - mean) * gamma / std + beta into the convolution before it. A checkpoint that
was recovered from such a file has normalising layers that pass everything through, and kernels
that carry the scales. It does not train as it is (seen: the loss stayed at ln C, with the
statistics kept as with those of each batch; given back, 0.93 of 160 validation images were
right after one epoch). So the mean and variance of what reaches every such layer are measured,
and gamma and beta set to undo them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.types import Float64Array


def is_folded(backbone: Any) -> bool:
    """Whether every normalising layer passes its input through, but for a shift."""
    layers = _normalisations(backbone)
    return bool(layers) and all(_passes_through(layer) for layer in layers)


def unfold(backbone: Any, batches: Iterable[npt.NDArray[np.float32]]) -> None:
    """Set every layer's statistics to those of ``batches``, what the backbone is to be trained on:
    (n, S, S, 3), scaled as the backbone wants it. What the backbone computes stays the same."""
    from offline.train.classifier.network import import_keras

    keras = import_keras()
    layers = _normalisations(backbone)
    taps = keras.Model(backbone.input, [layer.input for layer in layers])
    sums = [np.zeros(int(layer.gamma.shape[0])) for layer in layers]
    squares = [np.zeros_like(total) for total in sums]
    counts = [0] * len(layers)
    for batch in batches:
        for at, values in enumerate(taps.predict_on_batch(batch)):
            rows = _by_channel(np.asarray(values), layers[at].axis)
            counts[at] += len(rows)
            sums[at] += rows.sum(axis=0)
            squares[at] += (rows**2).sum(axis=0)
    for layer, total, square, count in zip(layers, sums, squares, counts, strict=True):
        mean = total / count
        _set(layer, mean, np.maximum(square / count - mean**2, 0.0))


def _set(layer: Any, mean: Float64Array, variance: Float64Array) -> None:
    """y = gamma (x - m) / sqrt(v + e) + beta for the new m and v equals the old one."""
    gamma, beta, old_mean, old_variance = (np.asarray(w, np.float64) for w in layer.get_weights())
    scale = gamma / np.sqrt(old_variance + layer.epsilon)
    # A channel that is always the same has nothing to be divided by: it keeps its old variance.
    kept = np.where(variance > layer.epsilon, variance, old_variance)
    new_gamma = scale * np.sqrt(kept + layer.epsilon)
    new_beta = beta + scale * (mean - old_mean)
    layer.set_weights([new_gamma, new_beta, mean, kept])


def _normalisations(backbone: Any) -> list[Any]:
    return [layer for layer in backbone.layers if type(layer).__name__ == "BatchNormalization"]


def _passes_through(layer: Any) -> bool:
    gamma, _, mean, variance = (np.asarray(weight) for weight in layer.get_weights())
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return bool((mean == 0).all() and np.allclose(scale, 1.0, atol=1e-4))


def _by_channel(values: npt.NDArray[np.float32], axis: int) -> Float64Array:
    """(…, C) to (M, C)."""
    moved = np.moveaxis(values, axis, -1)
    return moved.reshape(-1, moved.shape[-1]).astype(np.float64)
