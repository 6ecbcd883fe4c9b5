"""A network of timm that gives the maps, or the tokens, of chosen layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from weights.frameworks.timm_backbones import LAST, prefix_tokens


class TimmMaps(nn.Module):  # type: ignore[misc]
    """(N, 3, H, W) -> what ``layers`` give, shallow to deep: maps (N, C, h, w), or where the
    network has a class token, (N, 1 + patches, C) with that token first.

    Registers and distillation tokens are left out: they belong to no patch (Darcet et al., Vision
    Transformers Need Registers, ICLR 2024). ``names``: all of its layers, ``LAST`` behind them.
    """

    def __init__(self, network: Any, names: Sequence[str], layers: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.indices = [names.index(layer) for layer in layers if layer != LAST]
        self.last = LAST in layers

    def forward(self, images: Any) -> tuple[Any, ...]:
        if not self.indices:
            return (self._deepest(self.network.forward_features(images), images),)
        prefixed = bool(prefix_tokens(self.network))
        chosen = {"return_prefix_tokens": True, "output_fmt": "NLC"} if prefixed else {}
        final, maps = self.network.forward_intermediates(images, indices=self.indices, **chosen)
        if prefixed:
            maps = [torch.cat([prefix[:, :1], patches], 1) for patches, prefix in maps]
        return (*maps, self._deepest(final, images)) if self.last else tuple(maps)

    def _deepest(self, features: Any, images: Any) -> Any:
        """The final features in our order of axes; patches without a class token as a map."""
        if features.ndim == 4:
            nhwc = getattr(self.network, "output_fmt", "NCHW") == "NHWC"
            return features.permute(0, 3, 1, 2) if nhwc else features
        prefix = prefix_tokens(self.network)
        if prefix:
            return torch.cat([features[:, :1], features[:, prefix:]], 1)
        height, width = images.shape[2:]
        rows = round((features.shape[1] * height / width) ** 0.5)
        return features.transpose(1, 2).unflatten(2, (rows, -1))
