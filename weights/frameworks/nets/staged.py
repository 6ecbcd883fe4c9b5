"""A convolutional backbone as a chain of named stages that gives the maps of the chosen ones."""

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
