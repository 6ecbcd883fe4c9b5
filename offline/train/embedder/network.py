"""The network that learns: backbone, pooling of one or more layers, projection, L2.

As Radenović, Tolias and Chum, PAMI 2019: pooled vectors are L2-normalised, projected by
a fully connected layer with bias, and L2-normalised again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from offline.train.embedder.pooling import as_map, make_pooling
from weights.input_spec import InputSpec

# ITU-R BT.601, as OpenCV weighs colours for grey.
LUMA = (0.299, 0.587, 0.114)


class Embedder(nn.Module):  # type: ignore[misc]
    """(N, 3, H, W) as the input spec makes it -> (N, D), rows of length 1.

    ``backbone`` gives a tuple of maps, of ``channels``. Batch normalisation keeps its statistics
    unless ``learn_statistics``: those of a small batch of few products would be noise, and
    serving uses the kept ones.
    """

    def __init__(
        self,
        backbone: Any,
        channels: Sequence[int],
        pooling: str,
        p: float,
        *,
        dimension: int | None = None,
        learn_statistics: bool = False,
    ) -> None:
        super().__init__()
        self.grey: Any = None
        self.trunk = backbone
        self.pools = nn.ModuleList([make_pooling(pooling, count, p) for count in channels])
        self.pooled_dimension = sum(channels)
        self.projection = nn.Linear(self.pooled_dimension, dimension) if dimension else None
        self._learn_statistics = learn_statistics

    @property
    def dimension(self) -> int:
        return self.projection.out_features if self.projection else self.pooled_dimension

    def forward(self, images: Any) -> Any:
        return self.projected(self.pooled(images))

    def projected(self, pooled: Any) -> Any:
        """What serving gets of what ``pooled`` gives."""
        if self.projection is None:
            return pooled
        return nn.functional.normalize(self.projection(pooled), dim=1)

    def pooled(self, images: Any) -> Any:
        """(N, sum of channels): the layers' vectors of length 1 side by side, of length 1."""
        maps = self.trunk(self.seen(images))
        parts = [
            nn.functional.normalize(pool(as_map(features)), dim=1)
            for pool, features in zip(self.pools, maps, strict=True)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1) / len(parts) ** 0.5

    def seen(self, images: Any) -> Any:
        """What of them reaches the backbone."""
        return images if self.grey is None else self.grey(images)

    def see_grey(self, spec: InputSpec) -> None:
        """From now on the network itself takes the colour out, so that serving needs no option."""
        self.grey = Grey(spec)

    def train(self, mode: bool = True) -> Embedder:
        super().train(mode)
        if not self._learn_statistics:
            for layer in self.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.eval()
        return self


class Grey(nn.Module):  # type: ignore[misc]
    """Prepared images to grey ones, prepared: a fixed mix of the channels, a bias for each."""

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        mean, std, luma = (torch.tensor(v) for v in (spec.mean, spec.std, LUMA))
        # ((Σ w_c (x_c s_c + m_c)) - m_k) / s_k for every channel k
        self.register_buffer("mix", (luma * std)[None, :] / std[:, None])
        self.register_buffer("bias", ((luma * mean).sum() - mean) / std)

    def forward(self, images: Any) -> Any:
        return nn.functional.conv2d(images, self.mix[:, :, None, None], self.bias)
