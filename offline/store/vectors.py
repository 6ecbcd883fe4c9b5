"""Pictures to features by the parts that serve, each made once and kept.

Below the cache folder, cutouts are kept by the fingerprint of the stages that cut out, features
by that of these and the embedder with its whitening, and both by the content of the picture and
the part of it that may be looked at. A killed run goes on where it stopped; a second one waits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import ConfigError, WeightsError
from engine.images import ImageLimits
from engine.protocols import Embedder
from engine.types import BoolArray, Cutout, FloatArray, Progress
from offline.datasets import Picture
from offline.store.cutouts import CutoutCache
from offline.store.images import Hashed, HashedPicture, hash_pictures, key_of
from offline.store.row_store import Rows, RowStore
from stages.assemble import EmbeddingParts

CHUNK = 256  # pictures cut, embedded and written at a time: what a kill may cost
BATCH = 32  # cutouts in memory at a time
STORE, LOCK = "features", "features.lock"

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Features:
    """Aligned with the pictures. ``values`` (N, D) are zeros and ``hashes`` empty where a picture
    is not ``readable``; ``faults`` say why, a sentence each."""

    values: FloatArray
    readable: BoolArray  # (N,)
    hashes: tuple[str, ...]  # sha256 of the files
    faults: tuple[str, ...]


def features(
    pictures: Sequence[Picture],
    parts: EmbeddingParts,
    cache: Path,
    progress: Progress | None = None,
) -> Features:
    """One row a picture, in order.

    Raises StageError and WeightsError where a part fails, ConfigError where the cache cannot be
    written. A file that is absent or no picture stops nothing.
    """
    hashed = hash_pictures(pictures, parts.threads)
    there = [one for one in hashed if isinstance(one, HashedPicture)]
    rows, faults = _stored(there, parts, cache, progress)
    values = np.zeros((len(pictures), rows.values.shape[1]), np.float32)
    readable = np.zeros(len(pictures), np.bool_)
    for at, one in enumerate(hashed):
        row = rows.at.get(key_of(one)) if isinstance(one, HashedPicture) else None
        if row is not None:
            values[at], readable[at] = rows.values[row], True
    absent = [one for one in hashed if isinstance(one, str)]
    names = tuple(one.sha256 if isinstance(one, HashedPicture) else "" for one in hashed)
    return Features(values, readable, names, tuple(dict.fromkeys([*absent, *faults])))


def _stored(
    samples: Sequence[Hashed], parts: EmbeddingParts, cache: Path, progress: Progress | None
) -> tuple[Rows, list[str]]:
    """All rows that are kept, after those of ``samples`` were added."""
    folder = cache / f"embedding-{parts.fingerprint[:16]}"
    faults: list[str] = []
    with locked(folder):
        store = RowStore(folder, STORE)
        store.mend()
        known = store.read().at
        wanted = list({key_of(s): s for s in samples if key_of(s) not in known}.values())
        cutouts = CutoutCache(
            cache, parts.cutting_fingerprint, ImageLimits.of(parts.settings.images)
        )
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            kept, unread = cutouts.fill(
                chunk, parts.cutting, parts.threads, _shifted(progress, start, len(wanted))
            )
            faults += unread
            cut = [sample for sample in chunk if key_of(sample) in kept.rows]
            for at in range(0, len(cut), BATCH):
                batch = cut[at : at + BATCH]
                images = [kept.cutout(row) for row in kept.positions(batch)]
                store.append([key_of(one) for one in batch], embedded(images, parts.embedder))
        return store.read(), faults


def _shifted(progress: Progress | None, start: int, total: int) -> Progress | None:
    """For a chunk that begins at ``start``."""
    if progress is None:
        return None
    say = progress
    return lambda done, _: say(start + done, total)


def embedded(cutouts: Sequence[Cutout], embedder: Embedder) -> FloatArray:
    """(N, D). Raises WeightsError for features that are not finite: they are not kept."""
    rows = embedder.embed(cutouts)
    if not bool(np.isfinite(rows).all()):
        raise WeightsError(
            "the embedder gave features that are not finite.",
            remedy="Its weights may be damaged: packsight weights verify",
        )
    return rows


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One writer at a time: a second one waits. ConfigError where the folder cannot be made."""
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.warning("%s: another run makes these features; waiting for it", folder)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()
    except OSError as error:
        raise ConfigError(
            f"{folder}: features cannot be kept there ({error.strerror or error}).",
            remedy="Free some room, or choose another --cache; the same command goes on.",
        ) from error
