"""Images to cutouts: segment, score the mask, refine it, cut out. The first half of describing.

Training cuts its images with this same code, so that a model sees the same cutouts in service.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from engine.errors import PacksightError, StageError
from engine.own_alpha import on_grey, own_matte
from engine.protocols import Cutter, MaskTrust, Matting, Segmenter
from engine.timings import Stopwatch
from engine.types import Cutout, Matte, RGBImage


@dataclass(frozen=True, eq=False)
class FoundMask:
    """What an image is cut out by.

    ``trust``: how reliable it is, in [0, 1]; None without a trust stage. Where it is not
    ``trusted``, the image is cut out with the trust stage's fallback matte. ``own_alpha``: the
    matte is what the image's own alpha shows as product. ``given``: the caller gave the matte.
    """

    matte: Matte
    trust: float | None = None
    trusted: bool = True
    own_alpha: bool = False
    given: bool = False


@dataclass(frozen=True, eq=False)
class Cut(FoundMask):
    """One image's mask and its cutout."""

    cutout: Cutout = field(kw_only=True)


@dataclass(frozen=True)
class Cutting:
    """The cutting stages in the order they run.

    ``alpha``: an image whose own alpha shows the product is cut out by that, without a segmenter,
    trust or matting.
    """

    segmenter: Segmenter
    cutter: Cutter
    matting: Matting | None = None
    trust: MaskTrust | None = None
    alpha: bool = False

    def cut(
        self,
        images: Sequence[RGBImage],
        watch: Stopwatch | None = None,
        mattes: Sequence[Matte | None] | None = None,
    ) -> list[Cut]:
        """One cut an image, in order: ``found``, then ``cutouts``."""
        masks = self.found(images, watch, mattes)
        return [
            Cut(one.matte, one.trust, one.trusted, one.own_alpha, one.given, cutout=cutout)
            for one, cutout in zip(masks, self.cutouts(images, masks, watch), strict=True)
        ]

    def found(
        self,
        images: Sequence[RGBImage],
        watch: Stopwatch | None = None,
        mattes: Sequence[Matte | None] | None = None,
    ) -> list[FoundMask]:
        """One mask an image, in order. A stage that breaks raises StageError.

        ``mattes`` (aligned with images, each of its image's height and width, else ValueError):
        where there is one, the image is cut out by it as it is, without own alpha, segmenter,
        trust or matting.
        """
        if not images:
            return []
        watch = watch or Stopwatch()
        given = _fitting(images, mattes)
        own = [
            own_matte(image) if self.alpha and matte is None else None
            for image, matte in zip(images, given, strict=True)
        ]
        exact = [one or other for one, other in zip(given, own, strict=True)]
        found = self._masks(images, exact, watch)
        trusts, trusted = self._judged(images, found, exact, watch)
        found = self._refined(images, found, exact, watch)
        return [
            FoundMask(matte, trust, sure, mine is not None, yours is not None)
            for matte, trust, sure, mine, yours in zip(
                found, trusts, trusted, own, given, strict=True
            )
        ]

    def cutouts(
        self, images: Sequence[RGBImage], masks: Sequence[FoundMask], watch: Stopwatch | None = None
    ) -> list[Cutout]:
        """One an image, in order, by what ``found`` found. A stage that breaks raises
        StageError."""
        if not images:
            return []
        watch = watch or Stopwatch()
        with watch("cutout"), blame("cutout", images):
            shown = [
                on_grey(image) if mask.own_alpha else image
                for image, mask in zip(images, masks, strict=True)
            ]
            cutouts = self.cutter.cut(shown, self._used(images, masks))
        if self.trust is None:
            return cutouts
        return [replace(c, trust=mask.trust) for c, mask in zip(cutouts, masks, strict=True)]

    def masks(self, images: Sequence[RGBImage]) -> list[Matte]:
        """One matte an image, before matting."""
        own = [own_matte(image) if self.alpha else None for image in images]
        return self._masks(images, own, Stopwatch())

    def _masks(
        self, images: Sequence[RGBImage], exact: Sequence[Matte | None], watch: Stopwatch
    ) -> list[Matte]:
        """``exact`` where there is one, else the segmenter's."""
        others = [image for image, matte in zip(images, exact, strict=True) if matte is None]
        with watch("segment"), blame("segment", others):
            found = iter(self.segmenter.segment(others) if others else [])
        return [next(found) if matte is None else matte for matte in exact]

    def _judged(
        self,
        images: Sequence[RGBImage],
        mattes: Sequence[Matte],
        exact: Sequence[Matte | None],
        watch: Stopwatch,
    ) -> tuple[Sequence[float | None], list[bool]]:
        """Scored on the segmenter's own mattes: matting would sharpen away their uncertainty."""
        if self.trust is None:
            return [None] * len(images), [True] * len(images)
        trusts = [1.0] * len(images)
        others = [place for place, matte in enumerate(exact) if matte is None]
        if others:
            judged, masks = [images[at] for at in others], [mattes[at] for at in others]
            with watch("trust"), blame("trust", judged):
                found = self.trust.trust(judged, masks, self.segmenter).tolist()
            for place, trust in zip(others, found, strict=True):
                trusts[place] = trust
        return trusts, [trust >= self.trust.threshold for trust in trusts]

    def _refined(
        self,
        images: Sequence[RGBImage],
        mattes: list[Matte],
        exact: Sequence[Matte | None],
        watch: Stopwatch,
    ) -> list[Matte]:
        others = [place for place, matte in enumerate(exact) if matte is None]
        if self.matting is None or not others:
            return mattes
        refined, rough = [images[at] for at in others], [mattes[at] for at in others]
        with watch("matting"), blame("matting", refined):
            found = iter(map(_as_precise, self.matting.refine(refined, rough), rough))
        return [next(found) if mine is None else mine for mine in exact]

    def _used(self, images: Sequence[RGBImage], masks: Sequence[FoundMask]) -> Sequence[Matte]:
        if self.trust is None:
            return [mask.matte for mask in masks]
        instead = self.trust.instead
        return [
            mask.matte if mask.trusted else _as_precise(instead(image, mask.matte), mask.matte)
            for image, mask in zip(images, masks, strict=True)
        ]


def _fitting(
    images: Sequence[RGBImage], mattes: Sequence[Matte | None] | None
) -> Sequence[Matte | None]:
    """The given mattes, none where none are given; ValueError where they do not fit the images."""
    if mattes is None:
        return [None] * len(images)
    for image, matte in zip(images, mattes, strict=True):
        if matte is not None and matte.alpha.shape != (image.height, image.width):
            raise ValueError(
                f"{image.uri}: its given matte must be {image.height} x {image.width}, "
                f"not {matte.alpha.shape[0]} x {matte.alpha.shape[1]}"
            )
    return mattes


def _as_precise(made: Matte, of: Matte) -> Matte:
    return replace(made, precise=of.precise)


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
