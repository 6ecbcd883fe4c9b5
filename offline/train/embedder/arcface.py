"""ArcFace: products as classes of directions, with a margin between them in angle."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

# Keeps the cosine away from 1, where the angle has no gradient.
EDGE = 1e-6


class ArcFace(nn.Module):  # type: ignore[misc]
    """-log e^(s cos(θ_y + m)) / (e^(s cos(θ_y + m)) + Σ_{j≠y} e^(s cos θ_j)), the batch's mean.

    Deng, Guo, Xue and Zafeiriou, ArcFace, CVPR 2019, eq. 3. Beyond θ + m = π, where the cosine
    would fall again, the margin is taken off the cosine instead (cos θ - m sin m), as the
    authors' code does.
    """

    def __init__(self, classes: int, dimension: int, margin: float, scale: float) -> None:
        super().__init__()
        self.margin, self.scale = margin, scale
        self.centres = nn.Parameter(torch.randn(classes, dimension))

    def start_from(self, vectors: Any, labels: Any) -> None:
        """Centres at the mean direction of each class, (N, D) and (N,): not drawn by chance."""
        sums = torch.zeros_like(self.centres).index_add_(0, labels, vectors)
        self.centres.data.copy_(nn.functional.normalize(sums))

    def forward(self, vectors: Any, labels: Any) -> Any:
        """(B, D) unit vectors, (B,) classes -> scalar."""
        cosines = vectors @ nn.functional.normalize(self.centres).T
        own = cosines.gather(1, labels[:, None]).clamp(-1 + EDGE, 1 - EDGE)
        angle = own.acos()
        margin = torch.tensor(self.margin, dtype=own.dtype, device=own.device)
        beyond = own - self.margin * margin.sin()
        pushed = torch.where(angle + self.margin <= torch.pi, (angle + self.margin).cos(), beyond)
        logits = self.scale * cosines.scatter(1, labels[:, None], pushed)
        return nn.functional.cross_entropy(logits, labels)
