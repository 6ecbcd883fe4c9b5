"""The network with its loss: what an optimiser learns, and what a checkpoint keeps."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from engine.errors import ConfigError
from offline.train.embedder import losses
from offline.train.embedder.network import Embedder
from offline.train.embedder.recipe import EmbedderRecipe

PAIR_LOSSES = {
    "contrastive": losses.contrastive,
    "triplet": losses.triplet,
    "triplet_hard": losses.triplet_hard,
    "multi_similarity": losses.multi_similarity,
}
MOMENTUM = 0.9
# GeM's p learns ten times as fast and is not held down, as in Radenović's code.
P_TIMES = 10.0
# So do the centres of a class loss, which start at means of what the backbone saw before.
CENTRE_TIMES = 10.0


class Learner(nn.Module):  # type: ignore[misc]
    """``head``: what a class loss learns beside the network; None for pair losses. ``start``: the
    network as it is now, which stays so and is in no state dict; empty where nothing keeps it."""

    def __init__(self, embedder: Embedder, recipe: EmbedderRecipe, classes: int) -> None:
        super().__init__()
        self.embedder = embedder
        self.head: Any = None
        self._pair_loss = PAIR_LOSSES.get(recipe.learning.loss)
        self._margin = recipe.margin
        self._keep = recipe.learning.keep
        self.start = (copy.deepcopy(embedder).eval(),) if self._keep else ()
        if self._pair_loss is None:
            scale = recipe.learning.scale
            self.head = losses.ArcFace(classes, embedder.dimension, recipe.margin, scale)

    def loss(self, vectors: Any, pairs: losses.Pairs) -> Any:
        # Comparisons with NaN choose no pair, and a loss over none is 0: this keeps it NaN.
        broken = 0.0 * vectors.sum()
        if self._pair_loss is None:
            return self.head(vectors, pairs.labels) + broken
        return self._pair_loss(vectors, pairs, self._margin) + broken

    def drift(self, images: Any, pooled: Any) -> Any:
        """``keep`` times 1 - cosine of the pooled features (B, C) to the start's, the mean; 0
        without. Of every second image: the start costs a forward pass of its own."""
        for start in self.start:
            with torch.no_grad():
                before = start.pooled(images[::2])
            return self._keep * (1 - (pooled[::2] * before).sum(dim=1)).mean()
        return 0.0


def freeze(backbone: Any, upto: str) -> None:
    """Freeze the stages of a backbone up to ``upto``; "backbone": all of them.

    They then run without keeping anything for a gradient. Raises ConfigError with the names of
    the stages for another one.
    """
    if upto == "none":
        return
    stages = _stages(backbone)
    names = [name for name, _ in stages]
    within = [at for at, name in enumerate(names) if name == upto or name.startswith(f"{upto}.")]
    if upto != "backbone" and not within:
        raise ConfigError(
            f"--freeze {upto}: the backbone has no such stage.",
            remedy=f"Valid: none, backbone, {', '.join(names)}.",
        )
    frozen = [backbone] if upto == "backbone" else [stage for _, stage in stages[: within[-1] + 1]]
    for parameter in nn.ModuleList(frozen).parameters():
        parameter.requires_grad_(False)


def _stages(backbone: Any) -> list[tuple[str, Any]]:
    """By name, shallow to deep; a sequence of timm's (blocks) by its parts (blocks.0)."""
    if not hasattr(backbone, "network"):
        return list(getattr(backbone, "stages", backbone).named_children())
    stages: list[tuple[str, Any]] = []
    for name, child in backbone.network.named_children():
        parts = child.named_children() if isinstance(child, nn.Sequential) else ()
        stages += [(f"{name}.{part}", stage) for part, stage in parts] or [(name, child)]
    return stages


def make_optimiser(learner: Learner, name: str, rate: float, decay: float) -> Any:
    """AdamW (Loshchilov and Hutter, ICLR 2019) or SGD with momentum. Weights decay; shifts,
    scales and GeM's p do not."""
    groups: dict[str, list[Any]] = {"weights": [], "others": [], "p": [], "centres": []}
    for title, parameter in learner.named_parameters():
        if parameter.requires_grad:
            kind = "weights" if parameter.dim() > 1 else "others"
            if title.startswith("head."):
                kind = "centres"
            groups["p" if ".pools." in title else kind].append(parameter)
    settings = [
        {"params": groups["weights"], "lr": rate, "weight_decay": decay},
        {"params": groups["others"], "lr": rate, "weight_decay": 0.0},
        {"params": groups["p"], "lr": rate * P_TIMES, "weight_decay": 0.0},
        {"params": groups["centres"], "lr": rate * CENTRE_TIMES, "weight_decay": decay},
    ]
    used = [setting for setting in settings if setting["params"]]
    if not used:
        raise ConfigError(
            "nothing is left to learn.",
            remedy="Give a --dimension, --pooling gem, a class loss, or freeze less.",
        )
    if name == "sgd":
        return torch.optim.SGD(used, momentum=MOMENTUM)
    return torch.optim.AdamW(used)
