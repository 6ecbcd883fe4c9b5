"""Losses on unit vectors: contrastive, triplet, batch-hard triplet, multi-similarity, ArcFace.

Pair losses take a batch's vectors (B, D), rows L2-normalised, with its ``Pairs``, and give a
scalar. A batch whose margins are all kept gives 0 with zero gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

# Below it the root of a squared distance has a gradient that is too steep to be one.
TINY = 1e-12
# Keeps ArcFace's cosine away from 1, where the angle has no gradient.
EDGE = 1e-6


@dataclass(frozen=True)
class Pairs:
    """Positive (``same``) and negative (``different``) pairs of a batch. A pair that is neither,
    such as an image with itself or two that may match, counts in no loss."""

    labels: Any  # (B,) int64 tensor
    same: Any  # (B, B) bool tensor, symmetric, False on the diagonal
    different: Any  # (B, B) bool tensor, symmetric


def contrastive(vectors: Any, pairs: Pairs, margin: float) -> Any:
    """L = ½ Y d² + ½ (1 - Y) max(0, τ - d)², d = ‖f(i) - f(j)‖₂, Y = 1 for a match.

    Radenović, Tolias and Chum, Fine-tuning CNN Image Retrieval with No Human Annotation, PAMI
    2019, after Hadsell, Chopra and LeCun, CVPR 2006. Every unordered pair counts once. The mean
    over the matching pairs is added to the mean over the others that lie within τ, so that the
    many pairs which are far enough already do not drown the few that teach.
    """
    distances = distances_between(vectors)
    upper = torch.ones_like(pairs.same).triu(diagonal=1)
    matching = 0.5 * distances[pairs.same & upper] ** 2
    short = (margin - distances[pairs.different & upper]).clamp(min=0)
    return _mean(matching) + _mean(0.5 * short[short > 0] ** 2)


def triplet(vectors: Any, pairs: Pairs, margin: float) -> Any:
    """max(0, d²₊ - d²₋ + α) of all triplets in the batch; the mean over those above 0.

    Schroff, Kalenichenko and Philbin, FaceNet, CVPR 2015; squared distances.
    """
    squared = distances_between(vectors) ** 2
    excess = squared[:, :, None] - squared[:, None, :] + margin  # [anchor, positive, negative]
    excess = excess[pairs.same[:, :, None] & pairs.different[:, None, :]]
    return _mean(excess[excess > 0])


def triplet_hard(vectors: Any, pairs: Pairs, margin: float) -> Any:
    """max(0, max d₊ - min d₋ + α), the mean over all anchors that have both kinds of pairs.

    Hermans, Beyer and Leibe, In Defense of the Triplet Loss, arXiv 1703.07737 (2017), eq. 5,
    "batch hard"; distances not squared.
    """
    distances = distances_between(vectors)
    furthest = distances.masked_fill(~pairs.same, -torch.inf).amax(dim=1)
    nearest = distances.masked_fill(~pairs.different, torch.inf).amin(dim=1)
    anchors = pairs.same.any(dim=1) & pairs.different.any(dim=1)
    return _mean((furthest - nearest + margin)[anchors].clamp(min=0))


def multi_similarity(
    vectors: Any,
    pairs: Pairs,
    margin: float,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
) -> Any:
    """Σᵢ {1/α log[1 + Σ₊ e^(-α(S - λ))] + 1/β log[1 + Σ₋ e^(β(S - λ))]} / B, S the cosines.

    Wang, Han, Huang, Dong and Scott, Multi-Similarity Loss with General Pair Weighting, CVPR
    2019, over the pairs that its mining keeps: a negative above the least similar positive less
    ``margin`` (their ε), a positive below the most similar negative plus it. λ = 0.5
    is that of the authors' code, which leaves out an anchor that keeps no pair of one kind; here
    its other kind still counts.
    """
    cosines = vectors @ vectors.T
    least = cosines.masked_fill(~pairs.same, torch.inf).amin(dim=1, keepdim=True)
    most = cosines.masked_fill(~pairs.different, -torch.inf).amax(dim=1, keepdim=True)
    positives = pairs.same & (cosines < most + margin)
    negatives = pairs.different & (cosines > least - margin)
    pull = _log_one_plus(-alpha * (cosines - base), positives) / alpha
    push = _log_one_plus(beta * (cosines - base), negatives) / beta
    return (pull + push).mean()


def distances_between(vectors: Any) -> Any:
    """(B, B) Euclidean; of unit rows d² = 2 - 2 cos."""
    squared = 2.0 - 2.0 * (vectors @ vectors.T)
    return squared.clamp(min=TINY).sqrt()


def _log_one_plus(exponents: Any, kept: Any) -> Any:
    """(B,) log(1 + Σ e^x) over the kept ones of a row, which cannot overflow."""
    filled = exponents.masked_fill(~kept, -torch.inf)
    one = torch.zeros_like(filled[:, :1])
    return torch.logsumexp(torch.cat([one, filled], dim=1), dim=1)


def _mean(values: Any) -> Any:
    """0, and still part of the graph, where there is nothing to average."""
    return values.sum() / max(1, values.numel())


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
        """Centres at the mean direction of each class, (N, D) and (N,): not random."""
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
