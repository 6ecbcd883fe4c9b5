"""ReSidual U-blocks: a small U-Net whose output is added to its input, block by block.

Qin, Zhang, Huang, Dehghan, Zaiane, Jagersand: U²-Net: Going Deeper with Nested U-Structure for
Salient Object Detection, Pattern Recognition 2020, section 3.1 and figure 2. Modules are named as
in the authors' checkpoints: ``rebnconv3`` goes down, ``rebnconv3d`` comes up.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

# Of the convolutions of RSU-4F, down and up: it keeps its resolution and widens its view instead.
DILATIONS_4F = (1, 2, 4, 8)


class REBNCONV(nn.Module):  # type: ignore[misc]
    """Convolution of 3 x 3, batch normalisation, ReLU: (N, C, H, W) -> (N, out, H, W)."""

    def __init__(self, channels: int, out: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(channels, out, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(out)
        self.relu_s1 = nn.ReLU(inplace=True)

    def forward(self, features: Any) -> Any:
        return self.relu_s1(self.bn_s1(self.conv_s1(features)))


class RSU(nn.Module):  # type: ignore[misc]
    """RSU-L: L convolutions on the way down, the first L - 2 of them followed by halving.

    The last one looks wider (dilation 2) in place of going deeper.
    """

    levels: int
    dilations: tuple[int, ...] | None = None  # by level; None: halve between the levels

    def __init__(self, channels: int, middle: int, out: int) -> None:
        super().__init__()
        self.rebnconvin = REBNCONV(channels, out)
        for level in range(1, self.levels + 1):
            width = out if level == 1 else middle
            self.add_module(f"rebnconv{level}", REBNCONV(width, middle, self._dilation(level)))
        for level in range(self.levels - 1, 0, -1):
            width = out if level == 1 else middle
            up = REBNCONV(2 * middle, width, self._dilation(level))
            self.add_module(f"rebnconv{level}d", up)

    def forward(self, features: Any) -> Any:
        """(N, C, H, W) -> (N, out, H, W), whatever H and W."""
        entry = self.rebnconvin(features)
        down = self._down(entry)
        upward = down.pop()
        for level in range(self.levels - 1, 0, -1):
            beside = down.pop()
            joined = torch.cat([enlarged(upward, beside), beside], 1)
            upward = self.get_submodule(f"rebnconv{level}d")(joined)
        return upward + entry

    def _down(self, entry: Any) -> list[Any]:
        """The features of every level, the widest first."""
        found = [self.get_submodule("rebnconv1")(entry)]
        for level in range(2, self.levels + 1):
            before = found[-1]
            if self.dilations is None and level < self.levels:
                before = halved(before)
            found.append(self.get_submodule(f"rebnconv{level}")(before))
        return found

    def _dilation(self, level: int) -> int:
        if self.dilations is not None:
            return self.dilations[level - 1]
        return 2 if level == self.levels else 1


class RSU7(RSU):
    levels = 7


class RSU6(RSU):
    levels = 6


class RSU5(RSU):
    levels = 5


class RSU4(RSU):
    levels = 4


class RSU4F(RSU):
    levels = 4
    dilations = DILATIONS_4F


def halved(features: Any) -> Any:
    """(N, C, H, W) -> (N, C, ceil(H / 2), ceil(W / 2)), the largest of each 2 x 2."""
    return functional.max_pool2d(features, 2, stride=2, ceil_mode=True)


def enlarged(features: Any, like: Any) -> Any:
    """Bilinear, to the height and width of ``like``; unchanged where they are equal."""
    size = like.shape[2:]
    if features.shape[2:] == size:
        return features
    return functional.interpolate(features, size=size, mode="bilinear", align_corners=False)
