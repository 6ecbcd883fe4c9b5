"""The labelled pictures of a gallery that a classifier lets vote, in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import numpy as np

from engine.types import Embedding, Neighbour, Record
from offline.evaluate.distances import settled
from offline.evaluate.ranking import first


class MemoryNeighbours:
    """``Neighbours`` over records whose ids are their places; ``hide`` takes some of them out,
    such as the picture itself that is to be classified."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._rows = np.empty((0, 0), np.float32)
        self._hidden: frozenset[int] = frozenset()

    def fill(self, records: Sequence[Record]) -> None:
        self._records = list(records)
        vectors = [record.description.embedding.vector for record in records]
        self._rows = np.stack(vectors) if vectors else np.empty((0, 0), np.float32)

    def hide(self, ids: Collection[int]) -> None:
        """From now on, in place of those hidden before."""
        self._hidden = frozenset(ids)

    def checksum(self) -> str:
        """Of all that may decide a vote; 16 hex digits."""
        lines = "".join(f"{record.sha256} {record.category}\n" for record in self._records)
        return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def search(
        self,
        embedding: Embedding,
        k: int,
        categories: Sequence[str] | None = None,
        *,
        labelled_only: bool = False,
    ) -> list[Neighbour]:
        """By Euclidean distance, ties by (distance, id)."""
        wanted = None if categories is None else set(categories)
        kept = [
            at
            for at, record in enumerate(self._records)
            if record.id not in self._hidden
            and (wanted is None or record.category in wanted)
            and (record.labelled or not labelled_only)
        ]
        if not kept:
            return []
        (line,) = settled(embedding.vector[None], self._rows[kept], "euclidean")
        return [
            Neighbour(self._records[kept[at]].id, float(line[at]), self._records[kept[at]].category)
            for at in first(line, k).tolist()
        ]
