"""Saliency by EfficientNet-Lite0 with a light decoder, for tens of milliseconds on a CPU.

The encoder is timm's ``tf_efficientnet_lite0`` (Tan and Le, EfficientNet, ICML 2019, in the Lite
variant of TensorFlow's model garden). The decoder is a feature pyramid's (Lin et al., CVPR
2017) with fewer channels the larger its maps, and with the whole image's average added to the
deepest one (Liu et al., ParseNet, 2015).
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional

# The decoder's maps, the deepest first: the block of the backbone that each joins, its channels,
# and the map's own.
LEVELS = ((6, 320, 128), (4, 112, 96), (2, 40, 64), (1, 24, 32), (0, 16, 16))
FROZEN = 2  # the stem and so many blocks: ImageNet's edges and colours, a quarter of a step's time


class Lite0Saliency(nn.Module):  # type: ignore[misc]
    """(N, 3, H, W) normalised, H and W divisible by 32 -> one map (N, 1, H, W) of logits, in a
    list as U²-Net's are. Its sigmoid is the saliency. ``backbone``: timm's Lite0."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.encoder = Encoder(backbone)
        (_, channels, width), *others = LEVELS
        self.squeezed = _normed(channels, width, 1)
        self.context = nn.Conv2d(channels, width, 1)
        self.narrowed, self.beside, self.joined = (nn.ModuleList() for _ in range(3))
        for _, channels, out in others:
            self.narrowed.append(nn.Conv2d(width, out, 1))
            self.beside.append(_normed(channels, out, 1))
            self.joined.append(_normed(out, out, 3))
            width = out
        self.last = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, images: Any) -> list[Any]:
        maps = self.encoder(images)
        deepest = maps.pop()
        upward = self.squeezed(deepest) + self.context(deepest.mean((2, 3), keepdim=True))
        for narrowed, beside, joined in zip(self.narrowed, self.beside, self.joined, strict=True):
            upward = joined(_doubled(narrowed(upward)) + beside(maps.pop()))
        return [_doubled(self.last(upward))]


class Encoder(nn.Module):  # type: ignore[misc]
    """The backbone without its head, its modules named as timm names them.

    Batch normalisation keeps its statistics in training, too: the batches are small, and half of
    their images are composed.
    """

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.conv_stem, self.bn1, self.blocks = backbone.conv_stem, backbone.bn1, backbone.blocks
        for part in (self.conv_stem, self.bn1, *self.blocks[:FROZEN]):
            part.requires_grad_(False)

    def forward(self, images: Any) -> list[Any]:
        """The maps of ``LEVELS``, shallow to deep."""
        features = self.bn1(self.conv_stem(images))
        kept = {block for block, _, _ in LEVELS}
        maps = []
        for number, block in enumerate(self.blocks):
            features = block(features)
            if number in kept:
                maps.append(features)
        return maps

    def train(self, mode: bool = True) -> Encoder:
        super().train(mode)
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()
        return self


def _normed(channels: int, out: int, kernel: int) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out), nn.ReLU(inplace=True))


def _doubled(features: Any) -> Any:
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
