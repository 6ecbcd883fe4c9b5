"""Restore batch normalisation in a network whose normalisation was folded away.

Exporters fold it into the convolutions: it then is the identity. Left like that, training mode
would normalise what was already scaled and destroy the pretrained weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from weights.frameworks.network import import_framework


def normalisations(network: Any) -> Iterator[Any]:
    """The batch normalisations, in the order in which they run."""
    nn = import_framework("torch.nn")
    return (layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))


def is_folded(network: Any) -> bool:
    """Whether there are batch normalisations and none scales or centres; a shift it may add, as
    where the convolutions have no bias that could hold it. False for an untrained network, whose
    variance of 1 leaves epsilon visible."""
    layers = list(normalisations(network))
    return bool(layers) and all(_is_idle(layer) for layer in layers)


def revive(network: Any, images: Any) -> None:
    """Give every normalisation the statistics of ``images``, and undo them by its scale and shift,
    so that the network's outputs stay the same and it can be trained further.

    ``images``: (N, 3, H, W), or an iterable of such batches, which may differ in size; all of
    them count. One pass is enough: no normalisation changes what the next one sees. Leaves the
    network in evaluation mode. Raises ValueError for no images.
    """
    torch = import_framework("torch")
    batches: Iterable[Any] = [images] if isinstance(images, torch.Tensor) else images
    moments = {layer: _Moments() for layer in normalisations(network)}
    hooks = [layer.register_forward_pre_hook(moments[layer].add) for layer in moments]
    network.eval()
    try:
        with torch.no_grad():
            for batch in batches:
                network(batch)
    finally:
        for hook in hooks:
            hook.remove()
    with torch.no_grad():
        for layer, seen in moments.items():
            _settle(layer, *seen.mean_and_variance())


class _Moments:
    """Count, mean and squared deviations a channel, gathered batch by batch (Chan, Golub, LeVeque:
    Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979, eq. 2.1)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: Any = 0.0
        self.squares: Any = 0.0

    def add(self, layer: Any, inputs: tuple[Any, ...]) -> None:
        """As a hook before the layer runs."""
        (features,) = inputs
        count = features.numel() // features.shape[1]
        values = features.double()
        mean = values.mean(dim=(0, 2, 3))
        variance = values.var(dim=(0, 2, 3), correction=0)
        total = self.count + count
        apart = mean - self.mean
        self.squares += variance * count + apart**2 * (self.count * count / total)
        self.mean += apart * (count / total)
        self.count = total

    def mean_and_variance(self) -> tuple[Any, Any]:
        if not self.count:
            raise ValueError("restoring a normalisation needs images that reach it")
        return self.mean, self.squares / self.count


def _settle(layer: Any, mean: Any, variance: Any) -> None:
    """New statistics, and the scale and shift with which the layer computes as it did."""
    scale = layer.weight.double() / (layer.running_var.double() + layer.eps).sqrt()
    shift = layer.bias.double() - scale * layer.running_mean.double()
    layer.running_mean.copy_(mean)
    layer.running_var.copy_(variance)
    layer.weight.copy_(scale * (variance + layer.eps).sqrt())
    layer.bias.copy_(shift + scale * mean)


def _is_idle(layer: Any) -> bool:
    scale = layer.weight / (layer.running_var + layer.eps).sqrt()
    return bool((layer.running_mean == 0).all() and ((scale - 1.0).abs() < 1e-6).all())
