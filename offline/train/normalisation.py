"""Batch normalisation brought back to life in a network that came without it.

An ONNX file has it folded into the convolutions: it then does nothing. Left like that, training
mode would normalise what was already scaled and throw the weights' knowledge away.
"""

from __future__ import annotations

from typing import Any

from weights.frameworks.from_u2net import normalisations


def revive(network: Any, images: Any) -> None:
    """Set every normalisation to the statistics of ``images`` (N, 3, H, W) and undo it by its own
    scale and shift, so that the network computes what it did and can go on learning.

    One pass is enough: no normalisation changes what the next one sees.
    """
    import torch

    hooks = [layer.register_forward_pre_hook(_measure) for layer in normalisations(network)]
    network.eval()
    try:
        with torch.no_grad():
            network(images)
    finally:
        for hook in hooks:
            hook.remove()


def _measure(layer: Any, inputs: tuple[Any, ...]) -> None:
    (features,) = inputs
    mean = features.mean(dim=(0, 2, 3))
    variance = features.var(dim=(0, 2, 3), correction=0)
    layer.running_mean.copy_(mean)
    layer.running_var.copy_(variance)
    layer.weight.data.copy_((variance + layer.eps).sqrt())
    layer.bias.data.copy_(mean)
