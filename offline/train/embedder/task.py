"""What ``torch_loop.fit`` trains for an embedder: its loss and its validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.types import FloatArray, IntArray
from offline.train.embedder.source import Source
from offline.train.embedder.validation import ValidationTask, retrieval

DISGUISE = 1  # seed of the augmented queries of a trial


@dataclass(frozen=True)
class EmbedderTask:
    """A ``torch_loop.Task``. ``network`` is a ``learner.Learner``, on the source's device."""

    network: Any
    source: Source
    rows: IntArray  # (N,) the learned images among the source's
    labels: IntArray  # (N,)
    validation: ValidationTask
    doubts: Sequence[IntArray] | None = None  # see ``agreement``

    @property
    def samples(self) -> int:
        return len(self.rows)

    def loss(self, indices: IntArray, random: np.random.Generator) -> Any:
        from offline.train.embedder.losses import Pairs

        images = self.source.tensor(self.source.augmented(self.rows[indices], random))
        pooled = self.network.embedder.pooled(images)
        vectors = self.network.embedder.projected(pooled)
        loss = self.network.loss(vectors, Pairs(*self._pairs(indices)))
        return loss + self.network.drift(images, pooled)

    def validate(self) -> dict[str, float]:
        """Mean average precision (``score``) and R@1 of the trial."""
        return validated(self.validation, self.source, self.network.embedder)

    def gallery(self) -> FloatArray:
        """(N, D) of the learned images, as the network is now."""
        return self.source.vectors(self.network.embedder, self.rows, self.source.plain)

    def _pairs(self, indices: IntArray) -> tuple[Any, Any, Any]:
        """labels (B,), same (B, B), different (B, B)."""
        import torch

        labels = self.labels[indices]
        equal = labels[:, None] == labels[None, :]
        same, different = equal & ~np.eye(len(labels), dtype=np.bool_), ~equal
        if self.doubts is not None:
            for at, index in enumerate(indices.tolist()):
                different[at, np.isin(indices, self.doubts[index])] = False
        device = self.source.device
        return (
            torch.from_numpy(labels).to(device),
            torch.from_numpy(same).to(device),
            torch.from_numpy(different).to(device),
        )


def validated(
    validation: ValidationTask, source: Source, embedder: Any, *, pooled: bool = False
) -> dict[str, float]:
    """``score`` (mAP) and ``recall_1`` of an embedder; ``pooled``: without its projection."""
    gallery = source.vectors(embedder, validation.gallery, source.plain, pooled=pooled)
    queries = gallery
    if validation.augmented:
        random = np.random.default_rng(DISGUISE)
        queries = source.vectors(
            embedder, validation.queries, lambda rows: source.augmented(rows, random), pooled=pooled
        )
    elif validation.own is None:
        queries = source.vectors(embedder, validation.queries, source.plain, pooled=pooled)
    found = retrieval(
        queries, validation.query_labels, gallery, validation.gallery_labels, validation.own
    )
    return {"score": found.mean_average_precision, "recall_1": found.recall_at_1}
