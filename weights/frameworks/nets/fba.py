"""FBA matting: alpha, foreground and background of an image with a trimap.

Forte and Pitié, F, B, Alpha Matting, arXiv 2003.07711, 2020, section 3 and table 6 (the model
with group norm and weight standardisation). Parameters have the names of the authors' release.
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
from weights.frameworks.nets.resnet_gn import GROUPS, ResNet50GN, StandardisedConv2d

INPUTS = 11  # as stages/matting/_encoding.py stacks them
TRIMAP = slice(9, 11)  # background, foreground


class FBA(nn.Module):  # type: ignore[misc]
    """(N, 11, H, W), H and W divisible by 8 -> (N, 7, H, W): alpha, F, B in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = ResNet50GN(INPUTS)
        self.decoder = Decoder()

    def forward(self, inputs: Any) -> Any:
        image = colours_of(inputs)
        details = torch.cat([inputs[:, :3], image, inputs[:, TRIMAP]], 1)
        output = self.decoder(self.encoder(inputs), details)
        alpha, colours = output[:, :1].clamp(0, 1), output[:, 1:].sigmoid()
        return fuse(alpha, colours[:, :3], colours[:, 3:], image)


class Decoder(nn.Module):  # type: ignore[misc]
    """Pyramid pooling, then three doublings with skips from the encoder and the input."""

    def __init__(self) -> None:
        super().__init__()
        self.ppm = nn.ModuleList(
            nn.Sequential(AdaptiveAverage(bins), *_normed(2048, 256, 1)) for bins in BINS
        )
        self.conv_up1 = nn.Sequential(
            *_normed(2048 + 256 * len(BINS), 256, 3), *_normed(256, 256, 3)
        )
        self.conv_up2 = nn.Sequential(*_normed(256 + 256, 256, 3))
        self.conv_up3 = nn.Sequential(*_normed(256 + 64, 64, 3))
        self.conv_up4 = nn.Sequential(
            nn.Conv2d(64 + 3 + 3 + 2, 32, 3, padding=1),
            nn.LeakyReLU(),
            nn.Conv2d(32, 16, 3, padding=1),
            nn.LeakyReLU(),
            nn.Conv2d(16, 7, 1),
        )

    def forward(self, encoded: tuple[Any, Any, Any], details: Any) -> Any:
        """``details``: (N, 8, H, W), the input's normalised and plain colours and its trimap."""
        stem, first, deep = encoded
        merged = self.conv_up1(pyramid_pooled(deep, self.ppm))
        merged = self.conv_up2(torch.cat([doubled(merged), first], 1))
        merged = self.conv_up3(torch.cat([doubled(merged), stem], 1))
        return self.conv_up4(torch.cat([doubled(merged), details], 1))


def _normed(inputs: int, outputs: int, kernel: int) -> tuple[Any, Any, Any]:
    return (
        StandardisedConv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.GroupNorm(GROUPS, outputs),
        nn.LeakyReLU(),
    )
