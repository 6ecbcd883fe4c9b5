"""Both sides of some retrieval tasks, described: every picture once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.augmentation import AugmentedEmbedder
from engine.errors import ConfigError
from engine.types import Progress
from offline.datasets import Picture, RetrievalTask
from offline.store.vectors import Features, features
from stages.assemble import EmbeddingParts


@dataclass(frozen=True)
class Described:
    """Features of every picture that some protocols need, each once; ``rows`` finds them."""

    rows: dict[Picture, int]
    features: Features

    def of(self, pictures: Sequence[Picture]) -> Features:
        """The features of these pictures, in their order."""
        at = [self.rows[picture] for picture in pictures]
        if at == list(range(len(self.rows))):
            return self.features  # no copy: there may be 60,000 of them
        found = self.features
        hashes = tuple(found.hashes[row] for row in at)
        return Features(found.values[at], found.readable[at], hashes, found.faults)


def described(
    tasks: Sequence[RetrievalTask],
    parts: EmbeddingParts,
    cache: Path,
    *,
    augment: bool = False,
    progress: Progress | None = None,
) -> tuple[Described, Described]:
    """All queries and all gallery pictures, each once, however many protocols need it.

    ``augment``: queries by the mean over several views of them. Raises ConfigError where no
    picture of a side can be read.
    """
    gallery = [picture for task in tasks for picture in task.gallery]
    queries = [picture for task in tasks for picture in task.queries]
    if augment:
        as_gallery = _described(gallery, parts, cache, progress)
        as_query = _described(queries, augmenting(parts), cache, progress)
    else:
        as_gallery = as_query = _described([*gallery, *queries], parts, cache, progress)
    for what, pictures, side in (
        ("query", queries, as_query),
        ("gallery picture", gallery, as_gallery),
    ):
        if not any(side.features.readable[side.rows[picture]] for picture in pictures):
            raise ConfigError(
                f"{tasks[0].name}: not one {what} can be read, such as: {side.features.faults[0]}.",
                remedy="Unpack the pictures beside the lists that name them.",
            )
    return as_query, as_gallery


def _described(
    pictures: Sequence[Picture], parts: EmbeddingParts, cache: Path, progress: Progress | None
) -> Described:
    once = list(dict.fromkeys(pictures))
    found = features(once, parts, cache, progress)
    return Described({picture: at for at, picture in enumerate(once)}, found)


def augmenting(parts: EmbeddingParts) -> EmbeddingParts:
    """Parts that describe a picture by several views of it; what they give is kept apart."""
    apart = hashlib.sha256(f"{parts.fingerprint} augmented".encode()).hexdigest()
    return replace(parts, embedder=AugmentedEmbedder(parts.embedder), fingerprint=apart)
