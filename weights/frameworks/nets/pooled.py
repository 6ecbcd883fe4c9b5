"""The exported part of a backbone: its features, averaged over the image, and chosen maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn


class Pooled(nn.Module):  # type: ignore[misc]
    """(N, 3, H, W) -> (N, C) features of the deepest layer, then the maps of the kept ones.

    Features are the average over height and width, or of tokens the first, the class token.
    ``keep``: indices of the backbone's outputs; none: the features alone, not a tuple.
    """

    def __init__(self, backbone: nn.Module, keep: Sequence[int] = ()) -> None:
        super().__init__()
        self.backbone = backbone
        self.keep = tuple(keep)

    def forward(self, images: Any) -> Any:
        maps = self.backbone(images)
        deepest = maps[-1]
        features = deepest.mean(dim=(2, 3)) if deepest.ndim == 4 else deepest[:, 0]
        return (features, *(maps[index] for index in self.keep)) if self.keep else features
