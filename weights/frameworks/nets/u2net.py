"""U²-Net: a U of eleven residual U-blocks that predicts saliency at six scales and fuses them.

Qin, Zhang, Huang, Dehghan, Zaiane, Jagersand: U²-Net: Going Deeper with Nested U-Structure for
Salient Object Detection, Pattern Recognition 2020, section 3.2, figure 5 and table 1. Modules are
named as in the authors' checkpoints, which load with ``strict=True``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from weights.frameworks.nets.rsu import RSU, RSU4, RSU4F, RSU5, RSU6, RSU7, enlarged, halved

SCALES = 6
# Of the blocks stage1 … stage6 and stage5d … stage1d.
DOWN: tuple[type[RSU], ...] = (RSU7, RSU6, RSU5, RSU4, RSU4F, RSU4F)
UP: tuple[type[RSU], ...] = (RSU4F, RSU4, RSU5, RSU6, RSU7)


@dataclass(frozen=True)
class Width:
    """Channels of one block, table 1: I comes from the blocks before it, M and O are these."""

    middle: int
    out: int


class _Nested(nn.Module):  # type: ignore[misc]
    """The outer U; the two networks differ in their widths."""

    down: tuple[Width, ...]  # stage1 … stage6
    up: tuple[Width, ...]  # stage5d … stage1d

    def __init__(self) -> None:
        super().__init__()
        channels = 3
        for number, (block, width) in enumerate(zip(DOWN, self.down, strict=True), 1):
            self.add_module(f"stage{number}", block(channels, width.middle, width.out))
            channels = width.out
        for number, block, width in zip(range(5, 0, -1), UP, self.up, strict=True):
            joined = channels + self.down[number - 1].out
            self.add_module(f"stage{number}d", block(joined, width.middle, width.out))
            channels = width.out
        seen = [width.out for width in (*self.up[::-1], self.down[-1])]
        for number, channels in enumerate(seen, 1):
            self.add_module(f"side{number}", nn.Conv2d(channels, 1, 3, padding=1))
        self.outconv = nn.Conv2d(SCALES, 1, 1)

    def forward(self, images: Any) -> list[Any]:
        """(N, 3, H, W) normalised -> seven maps (N, 1, H, W) of logits: the fused one, then the
        sides from the finest to the coarsest. The sigmoid of a map is its saliency."""
        levels = [self.stage1(images)]
        for number in range(2, SCALES + 1):
            levels.append(self.get_submodule(f"stage{number}")(halved(levels[-1])))
        upward = levels.pop()
        ways = [upward]
        for number in range(SCALES - 1, 0, -1):
            beside = levels.pop()
            joined = torch.cat([enlarged(upward, beside), beside], 1)
            upward = self.get_submodule(f"stage{number}d")(joined)
            ways.insert(0, upward)
        sides: list[Any] = []
        for number, features in enumerate(ways, 1):
            side = self.get_submodule(f"side{number}")(features)
            sides.append(enlarged(side, sides[0]) if sides else side)
        return [self.outconv(torch.cat(sides, 1)), *sides]


class U2NET(_Nested):
    """44.0 M parameters."""

    down = (
        Width(32, 64),
        Width(32, 128),
        Width(64, 256),
        Width(128, 512),
        Width(256, 512),
        Width(256, 512),
    )
    up = (Width(256, 512), Width(128, 256), Width(64, 128), Width(32, 64), Width(16, 64))


class U2NETP(_Nested):
    """1.13 M parameters: every block is 16 channels wide inside and gives 64."""

    down = (Width(16, 64),) * 6
    up = (Width(16, 64),) * 5


NETWORKS: dict[str, type[_Nested]] = {"U2NET": U2NET, "U2NETP": U2NETP}


class Fused(nn.Module):  # type: ignore[misc]
    """The exported part of a trained network: (N, 3, H, W) -> (N, 1, H, W) saliency in [0, 1]."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Any) -> Any:
        return torch.sigmoid(self.network(images)[0])
