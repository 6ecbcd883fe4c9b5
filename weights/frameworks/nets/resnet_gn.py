"""ResNet-50 for dense prediction: group norm, weight standardisation, dilated last stages.

He, Zhang, Ren and Sun, Deep Residual Learning, CVPR 2016; Wu and He, Group Normalization, ECCV
2018; Qiao et al., Micro-Batch Training with Batch-Channel Normalization and Weight
Standardization, 2019. Dilation in place of stride as in Yu, Koltun and Funkhouser, Dilated
Residual Networks, CVPR 2017. Layers are named as FBA matting's authors name theirs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

GROUPS = 32
EPSILON = 1e-5  # of the standardisation
EXPANSION = 4
# Blocks, width, stride of the first block, dilation of the first one's and of the other
# convolutions of 3 x 3. The strides of the last two stages became dilations 2 and 4; the first
# block, whose stride was taken away, is dilated half as much, since its input is not yet coarser.
STAGES = ((3, 64, 1, 1, 1), (4, 128, 2, 1, 1), (6, 256, 1, 1, 2), (3, 512, 1, 2, 4))


class StandardisedConv2d(nn.Conv2d):  # type: ignore[misc]
    """A convolution whose kernels have mean 0 and variance 1, each output channel its own."""

    def forward(self, features: Any) -> Any:
        kernel = self.weight
        centred = kernel - kernel.mean((1, 2, 3), keepdim=True)
        variance = (centred * centred).mean((1, 2, 3), keepdim=True)
        standardised = centred / torch.sqrt(variance + EPSILON)
        return functional.conv2d(
            features, standardised, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


class Bottleneck(nn.Module):  # type: ignore[misc]
    """1 x 1, 3 x 3, 1 x 1, beside an identity."""

    def __init__(self, inputs: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        outputs = width * EXPANSION
        self.conv1 = StandardisedConv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.GroupNorm(GROUPS, width)
        self.conv2 = StandardisedConv2d(
            width, width, 3, stride, padding=dilation, dilation=dilation, bias=False
        )
        self.bn2 = nn.GroupNorm(GROUPS, width)
        self.conv3 = StandardisedConv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.GroupNorm(GROUPS, outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                StandardisedConv2d(inputs, outputs, 1, stride, bias=False),
                nn.GroupNorm(GROUPS, outputs),
            )

    def forward(self, features: Any) -> Any:
        beside = features if self.downsample is None else self.downsample(features)
        inner = self.bn1(self.conv1(features)).relu()
        inner = self.bn2(self.conv2(inner)).relu()
        return (self.bn3(self.conv3(inner)) + beside).relu()


class ResNet50GN(nn.Module):  # type: ignore[misc]
    """(N, C, H, W) -> features after the stem (64 channels, H / 2), after the first stage (256,
    H / 4) and after the last one (2048, H / 8)."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv1 = StandardisedConv2d(inputs, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.GroupNorm(GROUPS, 64)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        width = 64
        for number, (blocks, planes, stride, first, other) in enumerate(STAGES, 1):
            stage = [Bottleneck(width, planes, stride, first)]
            width = planes * EXPANSION
            stage += [Bottleneck(width, planes, 1, other) for _ in range(blocks - 1)]
            setattr(self, f"layer{number}", nn.Sequential(*stage))

    def forward(self, inputs: Any) -> tuple[Any, Any, Any]:
        stem = self.bn1(self.conv1(inputs)).relu()
        first = self.layer1(self.maxpool(stem))
        return stem, first, self.layer4(self.layer3(self.layer2(first)))
