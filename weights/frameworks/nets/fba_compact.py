"""FBA matting in small: our own network of the same plan, for a few milliseconds on a CPU.

An encoder of stride 8 whose last stage is dilated instead of strided, pyramid pooling, a decoder
with skips and the fusion of ``fba_parts``; batch normalisation, which folds into the
convolutions. It sees the saliency map besides FBA's eleven channels and starts from it: alpha =
saliency + what the network adds. That makes a short training enough, and lets it mend what a
saliency network leaves out.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from weights.frameworks.nets.fba_parts import (
    BINS,
    AdaptiveAverage,
    colours_of,
    doubled,
    fuse,
    pyramid_pooled,
)

INPUTS = 12  # as stages/matting/_encoding.py stacks them; the last is the saliency
SALIENCY = 11
TRIMAP = slice(9, 12)  # background, foreground, saliency
DILATIONS = (1, 2, 4, 8)  # the last one sees 250 pixels, the width of a catalogue image
# A clipped alpha passes no gradient back; this much of it goes through while training.
LEAK = 0.1


class FBACompact(nn.Module):  # type: ignore[misc]
    """(N, 12, H, W), H and W divisible by 8 -> (N, 7, H, W): alpha, F, B in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(INPUTS, 16, stride=2)
        self.quarter = nn.Sequential(_convolution(16, 32, stride=2), Residual(32))
        self.eighth = _convolution(32, 64, stride=2)
        self.body = nn.Sequential(*(Residual(64, dilation) for dilation in DILATIONS))
        self.ppm = nn.ModuleList(
            nn.Sequential(AdaptiveAverage(bins), nn.Conv2d(64, 16, 1), nn.ReLU()) for bins in BINS
        )
        self.conv_up1 = _convolution(64 + 16 * len(BINS), 64)
        self.conv_up2 = _convolution(64 + 32, 32)
        self.conv_up3 = _convolution(32 + 16, 16)
        self.conv_up4 = nn.Sequential(
            nn.Conv2d(16 + 3 + 3, 12, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(12, 1 + 3 + 3, 3, padding=1),
        )
        nn.init.zeros_(self.conv_up4[-1].weight)  # the first alpha is the saliency itself
        nn.init.zeros_(self.conv_up4[-1].bias)

    def forward(self, inputs: Any) -> Any:
        half = self.stem(inputs)
        quarter = self.quarter(half)
        deep = self.conv_up1(pyramid_pooled(self.body(self.eighth(quarter)), self.ppm))
        merged = self.conv_up2(torch.cat([doubled(deep), quarter], 1))
        merged = self.conv_up3(torch.cat([doubled(merged), half], 1))
        output = self.conv_up4(torch.cat([doubled(merged), inputs[:, :3], inputs[:, TRIMAP]], 1))
        alpha = self._clipped(inputs[:, SALIENCY : SALIENCY + 1] + output[:, :1])
        return fuse(alpha, output[:, 1:4].sigmoid(), output[:, 4:7].sigmoid(), colours_of(inputs))

    def _clipped(self, alpha: Any) -> Any:
        clipped = alpha.clamp(0, 1)
        if not self.training:
            return clipped
        leaking = clipped + LEAK * (alpha - clipped)
        return leaking + (clipped - leaking).detach()  # its value is the clipped one


class Residual(nn.Module):  # type: ignore[misc]
    """x + BatchNorm(Conv(x)), then ReLU."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv = _convolution(channels, channels, dilation=dilation)[:2]

    def forward(self, features: Any) -> Any:
        return (features + self.conv(features)).relu()


def _convolution(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> Any:
    return nn.Sequential(
        nn.Conv2d(
            inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
        ),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
