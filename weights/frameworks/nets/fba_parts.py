"""Parts of the full and the compact FBA network: pyramid pooling, the fusion of F, B and alpha.

Forte and Pitié, F, B, Alpha Matting, arXiv 2003.07711, 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

BINS = (1, 2, 3, 6)  # Zhao et al., Pyramid Scene Parsing Network, CVPR 2017
# Weight of the network's own alpha against that of the colours, section 3.3.
FUSION_WEIGHT = 0.1
# Of the first three input channels: ImageNet's, as in stages/matting/_encoding.py.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class AdaptiveAverage(nn.Module):  # type: ignore[misc]
    """``nn.AdaptiveAvgPool2d`` as two matrix products, which ONNX can run at every size."""

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.bins = bins

    def forward(self, features: Any) -> Any:
        """(N, C, H, W) -> (N, C, bins, bins)."""
        rows = self._weights(features.shape[2])
        columns = self._weights(features.shape[3])
        return rows @ features @ columns.transpose(0, 1)

    def _weights(self, length: Any) -> Any:
        """(bins, length): bin b averages floor(b n / bins) up to ceil((b + 1) n / bins)."""
        place = torch.arange(length)[None, :]
        bins = torch.arange(self.bins)[:, None]
        first = bins * length // self.bins
        last = ((bins + 1) * length + self.bins - 1) // self.bins
        chosen = ((place >= first) & (place < last)).to(torch.float32)
        return chosen / chosen.sum(1, keepdim=True)


def pyramid_pooled(features: Any, branches: Sequence[Any]) -> Any:
    """The features with every branch's view of them, enlarged to their size: (N, ΣC, H, W)."""
    size = features.shape[2:]
    views = [
        functional.interpolate(branch(features), size=size, mode="bilinear", align_corners=False)
        for branch in branches
    ]
    return torch.cat([features, *views], 1)


def doubled(features: Any) -> Any:
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


def colours_of(inputs: Any) -> Any:
    """The image (N, 3, H, W) in [0, 1], from the normalised channels of the input."""
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    std = torch.tensor(STD).view(1, 3, 1, 1)
    return inputs[:, :3] * std + mean


def fuse(alpha: Any, foreground: Any, background: Any, image: Any) -> Any:
    """One step of each towards image = alpha F + (1 - alpha) B; section 3.3.

    All (N, 1 or 3, H, W). Returns (N, 7, H, W): alpha, F, B, each within [0, 1].
    """
    product = alpha * (1 - alpha)
    new_f = alpha * image + (1 - alpha**2) * foreground - product * background
    new_b = (1 - alpha) * image + (2 * alpha - alpha**2) * background - product * new_f
    new_f, new_b = new_f.clamp(0, 1), new_b.clamp(0, 1)
    apart = new_f - new_b
    agreement = ((image - new_b) * apart).sum(1, keepdim=True)
    contrast = (apart * apart).sum(1, keepdim=True)
    refined = (FUSION_WEIGHT * alpha + agreement) / (contrast + FUSION_WEIGHT)
    return torch.cat([refined.clamp(0, 1), new_f, new_b], 1)
