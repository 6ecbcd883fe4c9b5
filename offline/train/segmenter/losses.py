"""Losses of a saliency network: cross-entropy, IoU and SSIM.

All tensors are (N, 1, H, W); every term is a mean over images or pixels, so that it does not
depend on the batch or the size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

# Wang, Bovik, Sheikh and Simoncelli, Image Quality Assessment, IEEE Trans. Image Processing 2004,
# section III: a Gaussian window, and constants of the range [0, 1].
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
C1 = 0.01**2
C2 = 0.03**2


def side_output_loss(
    maps: Sequence[Any], target: Any, iou_weight: float = 0.0, ssim_weight: float = 0.0
) -> Any:
    """The sum over all outputs of a U²-Net: the fused one and every side count alike.

    ``maps`` are logits, ``target`` in [0, 1]. Qin et al., U²-Net, Pattern Recognition 2020,
    section 3.3, with all weights 1 as there; the terms that Qin et al., BASNet, CVPR 2019,
    section 3.4, add to the cross-entropy are left out where their weight is 0.
    """
    losses = [functional.binary_cross_entropy_with_logits(logits, target) for logits in maps]
    if iou_weight:
        losses += [iou_weight * iou_loss(torch.sigmoid(logits), target) for logits in maps]
    if ssim_weight:
        losses += [ssim_weight * ssim_loss(torch.sigmoid(logits), target) for logits in maps]
    return sum(losses)


def iou_loss(predicted: Any, target: Any) -> Any:
    """1 - Σ S G / Σ (S + G - S G) an image, BASNet, section 3.4.

    One pixel is added above and below the line, so that two empty maps are a perfect match and
    not a division by zero.
    """
    axes = (1, 2, 3)
    both = (predicted * target).sum(axes)
    either = (predicted + target - predicted * target).sum(axes)
    return (1.0 - (both + 1.0) / (either + 1.0)).mean()


def ssim_loss(predicted: Any, target: Any) -> Any:
    """1 - SSIM, the mean over all windows that lie within the map, BASNet, section 3.4.

    Raises ValueError for maps smaller than a window.
    """
    if min(target.shape[2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs maps of at least {SSIM_WINDOW} pixels a side")
    mean_p, mean_t = _blurred(predicted), _blurred(target)
    variance_p = _blurred(predicted * predicted) - mean_p * mean_p
    variance_t = _blurred(target * target) - mean_t * mean_t
    covariance = _blurred(predicted * target) - mean_p * mean_t
    likeness = (2 * mean_p * mean_t + C1) * (2 * covariance + C2)
    scale = (mean_p**2 + mean_t**2 + C1) * (variance_p + variance_t + C2)
    return (1.0 - likeness / scale).mean()


def _blurred(values: Any) -> Any:
    """The Gaussian mean of every window: (N, 1, H, W) -> (N, 1, H - 10, W - 10)."""
    places = torch.arange(SSIM_WINDOW, dtype=values.dtype, device=values.device)
    row = torch.exp(-((places - SSIM_WINDOW // 2) ** 2) / (2 * SSIM_SIGMA**2))
    row = (row / row.sum())[None, None, None]
    return functional.conv2d(functional.conv2d(values, row), row.transpose(2, 3))
