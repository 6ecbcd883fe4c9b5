"""Batches around what the network confuses now: mined anew from its own gallery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.types import FloatArray, IntArray
from offline.train.embedder.mining import HardTuple, hard_tuples

Gallery = Callable[[], FloatArray]  # embeds all training pictures as the network is now


@dataclass(frozen=True)
class Mined:
    """A ``torch_loop.Batches``: T tuples of a query, its positive and N negatives a batch.

    Every epoch shows a share of the pictures as queries, as many tuples as fill ``pictures`` a
    batch. The gallery is embedded before every epoch: what is mined is a function of the network
    at its start, so that a resumed run mines the same.
    """

    labels: IntArray  # (N,)
    pictures: int  # a batch, at least one tuple
    negatives: int
    gallery: Gallery
    furthest: float = np.inf  # see ``mining.hard_tuples``
    doubts: Sequence[IntArray] | None = field(default=None, repr=False)

    @property
    def tuples(self) -> int:
        """In a batch."""
        return max(1, self.pictures // (2 + self.negatives))

    @property
    def steps(self) -> int:
        """As many as show about as many pictures as there are."""
        return max(1, len(self.labels) // (self.tuples * (2 + self.negatives)))

    def draw(self, epoch: int, random: np.random.Generator) -> list[IntArray]:
        queries = self._queries(self.steps * self.tuples, random)
        mined = hard_tuples(
            self.gallery(), self.labels, queries, self.negatives, self.furthest, self.doubts
        )
        starts = range(0, len(mined), self.tuples)
        return [_indices(mined[start : start + self.tuples]) for start in starts]

    def _queries(self, count: int, random: np.random.Generator) -> IntArray:
        rounds = -(-count // len(self.labels))
        order = [random.permutation(len(self.labels)) for _ in range(rounds)]
        return np.asarray(np.concatenate(order)[:count], np.int64)


def _indices(tuples: list[HardTuple]) -> IntArray:
    return np.array([at for one in tuples for at in one.pictures], np.int64)
