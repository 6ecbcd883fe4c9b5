"""Descriptions made once and kept, by the describing parts' fingerprint below the cache folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from engine.augmentation import augmenting
from engine.blobs import Blob, Blobs
from engine.images import ImageLimits
from engine.keypoints import Keypoints
from engine.types import (
    CategoryScores,
    Contour,
    Description,
    Embedding,
    FloatArray,
    MatteQuality,
    Progress,
    UInt8Array,
)
from offline.store.images import HashedImage, key_of, loaded
from stages.assemble import Parts

BATCH = 16  # images described and stored at a time: what a kill may cost


@dataclass(frozen=True)
class Wanted:
    """An image to describe. ``label``: the category that a curator gave, None for a photo.
    ``context``: what else the description depends on, such as the gallery that votes."""

    hashed: HashedImage
    label: str | None = None
    context: str = ""

    @property
    def key(self) -> str:
        return "|".join((key_of(self.hashed), self.context, self.label or ""))


@dataclass
class Kept:
    """Descriptions by ``Wanted.key``, and a sentence for every image that has none."""

    by_key: dict[str, Description] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def and_those(self, more: Kept) -> Kept:
        return Kept(self.by_key | more.by_key, [*self.faults, *more.faults])


class DescriptionCache:
    """Of one set of parts. Raises ConfigError where the folder cannot be written or is damaged,
    StageError and WeightsError where a part fails.
    """

    def __init__(self, folder: Path, parts: Parts, *, augment: bool = False) -> None:
        # The first version's were made of mattes in 8 bits, the second's of images not halved.
        name = f"described-v4-{parts.fingerprint[:16]}{'-augmented' if augment else ''}"
        self._store = Blobs(folder / name, "descriptions")
        self._describer = augmenting(parts.describer) if augment else parts.describer
        self._limits = ImageLimits.of(parts.settings.images)

    def fill(
        self,
        wanted: Sequence[Wanted],
        *,
        batch: int = BATCH,
        before: Callable[[Sequence[Wanted]], None] = lambda _: None,
        progress: Progress | None = None,
    ) -> Kept:
        """Describe what is not there yet, ``batch`` images at a time, ``before`` called with
        each of these batches; returns all that is wanted."""
        by_key = {one.key: one for one in wanted}
        kept = Kept()

        def make(keys: list[str]) -> Iterator[dict[str, Blob]]:
            for start in range(0, len(keys), batch):
                chunk = [by_key[key] for key in keys[start : start + batch]]
                before(chunk)
                yield self._described(chunk, kept.faults)
                if progress is not None:
                    progress(start + len(chunk), len(keys))

        kept.by_key = {key: _decoded(blob) for key, blob in self._store.filled(by_key, make)}
        return kept

    def _described(self, chunk: Sequence[Wanted], faults: list[str]) -> dict[str, Blob]:
        hashed = [one.hashed for one in chunk]
        images, unread = loaded(hashed, self._limits, self._describer.threads)
        faults += unread
        readable = [chunk[place] for place in images]
        described = self._describer.describe(list(images.values()), [one.label for one in readable])
        return {
            one.key: _encoded(it.description) for one, it in zip(readable, described, strict=True)
        }


def _encoded(description: Description) -> Blob:
    """The arrays one after the other, as bytes; ``bytes`` of the note is the length of each."""
    scores = description.scores
    contours = (description.contour, description.aligned)
    keypoints = description.keypoints
    arrays = [
        scores.probabilities.astype("<f4").tobytes(),
        description.embedding.vector.astype("<f4").tobytes(),
        *(contour.packed.tobytes() for contour in contours),
        *([] if keypoints is None else [keypoints.to_bytes()]),
    ]
    note = {
        "bytes": [len(array) for array in arrays],
        "names": scores.names,
        "unknown": scores.unknown,
        "least": scores.least,
        "contours": [[contour.side, contour.area] for contour in contours],
        "quality": description.quality.flags,
        "trust": description.trust,
        "colourless": description.colourless,
        "keypoints": None if keypoints is None else keypoints.stored,
    }
    return Blob(np.frombuffer(b"".join(arrays), np.uint8), note)


def _decoded(blob: Blob) -> Description:
    note = blob.note
    ends = np.cumsum(note["bytes"])[:-1]
    probabilities, vector, frame, same_size, *stored = np.split(blob.array, ends)
    contour, aligned = (
        Contour(bits.copy(), *measured)
        for bits, measured in zip((frame, same_size), note["contours"], strict=True)
    )
    return Description(
        CategoryScores(
            tuple(note["names"]), _floats(probabilities), note["unknown"], note["least"]
        ),
        Embedding(_floats(vector)),
        contour,
        aligned,
        MatteQuality.from_flags(note["quality"]),
        note["trust"],
        note.get("colourless", False),  # kept before it was known
        _keypoints(stored[0], note["keypoints"]) if stored else None,
    )


def _keypoints(array: UInt8Array, stored: int | None) -> Keypoints:
    return replace(Keypoints.from_bytes(array.tobytes()), stored=stored)


def _floats(array: UInt8Array) -> FloatArray:
    return np.frombuffer(array.tobytes(), "<f4").astype(np.float32)
