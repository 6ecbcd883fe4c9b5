"""A system's mattes against the true ones, picture by picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.config import Settings
from engine.cutting import Cut, Cutting
from engine.errors import ImageError
from engine.images import ImageLimits
from engine.parallel import each
from engine.quality import assess
from engine.types import Matte, Progress
from offline.datasets import Picture
from offline.datasets.mattes import Masked, read_masked
from offline.metrics.masks import (
    CutCurve,
    MaskScores,
    cut_curve,
    mask_scores,
    s_measure,
    unknown_band,
)
from offline.store.mattes import remembered
from stages.assemble import CuttingParts

BATCH = 8  # pictures in memory at a time

# Pixels around the true edge in which matting is judged: the widest blur of a 256-pixel picture
# of Packbench. A segmenter's wholesale errors stay out of it.
EDGE_RADIUS = 5


@dataclass(frozen=True, eq=False)
class JudgedMask:
    """One matte. ``edge``: errors in the band around the true edge alone; ``curve`` is None where
    the true mask is empty. ``flags`` and ``trust``: what serving would think of it."""

    picture: Picture
    whole: MaskScores
    edge: MaskScores
    structure: float
    curve: CutCurve | None
    flags: tuple[str, ...]
    trust: float | None


@dataclass(frozen=True, eq=False)
class JudgedMasks:
    """``served`` are the mattes as a search uses them; ``rough`` those before matting, aligned,
    empty where the system has no matting. ``faults``: a sentence for every unreadable picture."""

    served: tuple[JudgedMask, ...]
    rough: tuple[JudgedMask, ...]
    faults: tuple[str, ...]


def judge_masks(
    pictures: Sequence[Picture], parts: CuttingParts, cache: Path, progress: Progress | None = None
) -> JudgedMasks:
    """Of pictures that all have a mask, in their order; mattes are kept in ``cache``.

    Raises StageError and WeightsError where a part fails, ConfigError where the cache cannot be
    written.
    """
    cutting = remembering(parts, cache)
    served: list[JudgedMask] = []
    rough: list[JudgedMask] = []
    faults: list[str] = []
    for start in range(0, len(pictures), BATCH):
        read = read_all(pictures[start : start + BATCH], parts.settings, parts.threads)
        faults += [one for one in read if isinstance(one, str)]
        known = [one for one in read if isinstance(one, Masked)]
        served += _judged(known, cutting.cut([one.image for one in known]), parts.threads)
        if cutting.matting is not None and known:
            mattes = cutting.segmenter.segment([one.image for one in known])
            pairs = list(zip(known, mattes, strict=True))
            rough += each(lambda pair: judge_mask(*pair), pairs, threads=parts.threads)
        if progress is not None:
            progress(min(start + BATCH, len(pictures)), len(pictures))
    return JudgedMasks(tuple(served), tuple(rough), tuple(faults))


def read_all(pictures: Sequence[Picture], settings: Settings, threads: int) -> list[Masked | str]:
    """Aligned with the images, each of which has a mask; a sentence for one that is unreadable."""
    limits = ImageLimits.of(settings.images)

    def read(picture: Picture) -> Masked | str:
        try:
            return read_masked(picture, limits)
        except ImageError as error:
            return f"{error.uri}: left out, {error.reason}"

    return each(read, pictures, threads=threads)


def remembering(parts: CuttingParts, cache: Path) -> Cutting:
    return remembered(parts.cutting, cache, parts.segmenting_fingerprint, parts.fingerprint)


def judge_mask(
    known: Masked, matte: Matte, untrusted: bool = False, trust: float | None = None
) -> JudgedMask:
    """One matte by every measure."""
    alpha, truth = matte.alpha, known.truth.alpha
    flags = (*assess(matte).flags, *(("untrusted",) if untrusted else ()))
    return JudgedMask(
        known.picture,
        mask_scores(alpha, truth),
        mask_scores(alpha, truth, unknown_band(truth, EDGE_RADIUS)),
        s_measure(alpha, truth),
        cut_curve(alpha, truth),
        flags,
        trust,
    )


def _judged(known: Sequence[Masked], cuts: Sequence[Cut], threads: int) -> list[JudgedMask]:
    def judge(pair: tuple[Masked, Cut]) -> JudgedMask:
        one, cut = pair
        return judge_mask(one, cut.matte, not cut.trusted, cut.trust)

    return each(judge, list(zip(known, cuts, strict=True)), threads=threads)
