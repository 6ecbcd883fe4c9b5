"""Losses of a matting network: alpha, its Laplacian pyramid, and the recomposed image.

Forte and Pitié, F, B, Alpha Matting, arXiv 2003.07711, 2020, section 3.2. All tensors are
(N, C, H, W); every loss is a mean, so that it does not depend on batch or size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

LEVELS = 5  # of the Laplacian pyramid, as in Hou and Liu, Context-Aware Image Matting, ICCV 2019
BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)  # over 16: Burt and Adelson, IEEE Trans. Comm. 1983


@dataclass(frozen=True)
class LossWeights:
    alpha: float = 1.0
    laplacian: float = 2.0
    compositional: float = 0.25


def matting_loss(output: Any, alpha: Any, image: Any, unknown: Any, weights: LossWeights) -> Any:
    """The scalar loss of a network's (N, 7, H, W) against alpha (N, 1, H, W).

    ``picture``: (N, 3, H, W) in [0, 1]. Only ``unknown`` pixels (N, 1, H, W; 0 or 1) count: what
    the trimap knows is put in afterwards, whatever the network predicts there.
    """
    predicted = torch.where(unknown > 0, output[:, :1], alpha)
    return (
        weights.alpha * alpha_loss(predicted, alpha, unknown)
        + weights.laplacian * laplacian_loss(predicted, alpha)
        + weights.compositional * compositional_loss(output, image, unknown)
    )


def alpha_loss(predicted: Any, alpha: Any, unknown: Any) -> Any:
    """Mean absolute error of alpha over the unknown pixels; 0 when there are none."""
    return ((predicted - alpha).abs() * unknown).sum() / unknown.sum().clamp_min(1.0)


def compositional_loss(output: Any, image: Any, unknown: Any) -> Any:
    """How far alpha F + (1 - alpha) B is from the image, over the unknown pixels."""
    alpha, foreground, background = output[:, :1], output[:, 1:4], output[:, 4:7]
    wrong = (alpha * foreground + (1 - alpha) * background - image).abs() * unknown
    return wrong.sum() / (unknown.sum() * image.shape[1]).clamp_min(1.0)


def laplacian_loss(predicted: Any, alpha: Any) -> Any:
    """Sum over s of 2^s times the mean absolute difference of level s of the pyramids."""
    pairs = zip(laplacian_pyramid(predicted), laplacian_pyramid(alpha), strict=True)
    return sum((2.0**level) * (a - b).abs().mean() for level, (a, b) in enumerate(pairs))


def laplacian_pyramid(values: Any) -> list[Any]:
    """(N, 1, H, W) as LEVELS band-passes, finest first; fewer where a level would vanish."""
    bands = []
    for _ in range(LEVELS):
        if min(values.shape[2:]) < 4:
            break
        coarser = _blurred(values)[:, :, ::2, ::2]
        enlarged = functional.interpolate(
            coarser, size=values.shape[2:], mode="bilinear", align_corners=False
        )
        bands.append(values - enlarged)
        values = coarser
    return bands


def _blurred(values: Any) -> Any:
    row = torch.tensor(BINOMIAL, dtype=values.dtype) / sum(BINOMIAL)
    kernel = (row[:, None] * row[None, :])[None, None]
    padded = functional.pad(values, (2, 2, 2, 2), mode="replicate")
    return functional.conv2d(padded, kernel)
