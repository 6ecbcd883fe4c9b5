"""Feature maps to vectors, in torch: the same formulas as `[embed] name = "onnx"` in NumPy."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

# GeM's features are cut off below it, as in the authors' code: a power of 0 has no gradient.
EPS = 1e-6
START = 3.0  # GeM's p before it learns, as the authors start


class Mean(nn.Module):  # type: ignore[misc]
    """Global average pooling: (N, C, H, W) -> (N, C). L2-normalised it is SPoC without its
    centre prior (Babenko and Lempitsky, ICCV 2015)."""

    def forward(self, features: Any) -> Any:
        return features.mean(dim=(2, 3))


class Max(nn.Module):  # type: ignore[misc]
    """MAC: the maximum of every channel (Tolias, Sicre and Jégou, ICLR 2016)."""

    def forward(self, features: Any) -> Any:
        return features.amax(dim=(2, 3))


PLAIN: dict[str, Any] = {"gap": Mean, "mac": Max}


class GeM(nn.Module):  # type: ignore[misc]
    """f = (mean of x^p)^(1/p) of every channel, x cut off below 1e-6.

    Radenović, Tolias and Chum, PAMI 2019, eq. 3: p = 1 is the mean, p -> ∞ the maximum. ``p`` is
    one number, or one a channel; it learns unless ``fixed``.
    """

    def __init__(self, channels: int, p: float = START, *, fixed: bool, shared: bool) -> None:
        super().__init__()
        start = torch.full((1 if shared else channels,), float(p))
        self.p = nn.Parameter(start, requires_grad=not fixed)

    def forward(self, features: Any) -> Any:
        p = self.p[None, :, None, None]
        powered = features.clamp(min=EPS).pow(p)
        return powered.mean(dim=(2, 3)).pow(1.0 / self.p)


def make_pooling(name: str, channels: int, p: float) -> Any:
    """By name, as --pooling has it; ``p`` is GeM's at the start."""
    if name in PLAIN:
        return PLAIN[name]()
    return GeM(channels, p, fixed=name == "gem_fixed", shared=name != "gem_channel")


def as_map(features: Any) -> Any:
    """(N, C, H, W) as it is; a transformer's tokens (N, T, C), class token first, as a map
    (N, C, T - 1, 1) of its patches."""
    if features.dim() == 4:
        return features
    return features[:, 1:].transpose(1, 2)[..., None]
