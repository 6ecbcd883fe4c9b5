"""Convolutional backbones as chains of named stages, and the exported part of any backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn


class Staged(nn.Module):  # type: ignore[misc]
    """(N, 3, H, W) -> the maps (N, C, h, w) of ``layers``, shallow to deep.

    ``stages``: every stage by its name, in the order in which they run; each takes the
    output of the one before. Those behind the last chosen one are left out.
    """

    def __init__(self, stages: Mapping[str, nn.Module], layers: Sequence[str]) -> None:
        super().__init__()
        names = list(stages)
        depth = max(map(names.index, layers))
        self.stages = nn.ModuleDict({name: stages[name] for name in names[: depth + 1]})
        self.layers = tuple(name for name in names if name in layers)

    def forward(self, images: Any) -> tuple[Any, ...]:
        maps, features = [], images
        for name, stage in self.stages.items():
            features = stage(features)
            if name in self.layers:
                maps.append(features)
        return tuple(maps)


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
