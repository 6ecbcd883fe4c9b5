"""Images to cutouts: segment, score the mask, refine it, cut out. The first half of describing.

Training cuts its images with this same code, so that a model sees the same cutouts in service.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from engine.errors import PacksightError, StageError
from engine.protocols import Cutter, MaskTrust, Matting, Segmenter
from engine.timings import Stopwatch
from engine.types import Cutout, Matte, RGBImage


@dataclass(frozen=True, eq=False)
class Cut:
    """One image's matte and its cutout.

    ``trust``: how reliable the mask is, in [0, 1]; None without a trust stage. Where the mask is
    not ``trusted``, the cutout was made with the trust stage's fallback matte.
    """

    matte: Matte
    cutout: Cutout
    trust: float | None = None
    trusted: bool = True


@dataclass(frozen=True)
class Cutting:
    """The cutting stages in the order they run."""

    segmenter: Segmenter
    cutter: Cutter
    matting: Matting | None = None
    trust: MaskTrust | None = None

    def cut(self, images: Sequence[RGBImage], watch: Stopwatch | None = None) -> list[Cut]:
        """One cut an image, in order. A stage that breaks raises StageError."""
        if not images:
            return []
        watch = watch or Stopwatch()
        with watch("segment"), blame("segment", images):
            mattes = self.segmenter.segment(images)
        trusts, trusted = self._judged(images, mattes, watch)
        if self.matting is not None:
            with watch("matting"), blame("matting", images):
                mattes = self.matting.refine(images, mattes)
        with watch("cutout"), blame("cutout", images):
            cutouts = self.cutter.cut(images, self._used(mattes, trusted))
        if self.trust is not None:
            cutouts = [replace(c, trust=trust) for c, trust in zip(cutouts, trusts, strict=True)]
        return [
            Cut(matte, cutout, trust, sure)
            for matte, cutout, trust, sure in zip(mattes, cutouts, trusts, trusted, strict=True)
        ]

    def _judged(
        self, images: Sequence[RGBImage], mattes: Sequence[Matte], watch: Stopwatch
    ) -> tuple[Sequence[float | None], list[bool]]:
        """Scored on the segmenter's own mattes: matting would sharpen away their uncertainty."""
        if self.trust is None:
            return [None] * len(images), [True] * len(images)
        with watch("trust"), blame("trust", images):
            trusts = self.trust.trust(images, mattes, self.segmenter).tolist()
        return trusts, [trust >= self.trust.threshold for trust in trusts]

    def _used(self, mattes: Sequence[Matte], trusted: Sequence[bool]) -> Sequence[Matte]:
        if self.trust is None:
            return mattes
        instead = self.trust.instead
        return [m if b else instead(m) for m, b in zip(mattes, trusted, strict=True)]


@contextmanager
def blame(stage: str, images: Sequence[RGBImage]) -> Iterator[None]:
    """Turn any exception of a stage into a StageError; Packsight's own errors pass through."""
    try:
        yield
    except PacksightError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        raise StageError(stage, images[0].uri, reason) from error
