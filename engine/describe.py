"""Images to Descriptions: the one path that offline and online share, so they cannot drift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from engine.contours import align, outline
from engine.errors import PacksightError, StageError
from engine.parallel import each
from engine.protocols import Classifier, Cutter, Embedder, MaskTrust, Matting, Segmenter
from engine.quality import assess
from engine.timings import Stopwatch
from engine.types import (
    CategoryScores,
    Contour,
    Cutout,
    Description,
    Embedding,
    FloatArray,
    Matte,
    MatteQuality,
    RGBImage,
)


@dataclass(frozen=True, eq=False)
class Described:
    """A description and the cutout it was made from, for whoever shows it.

    ``trust``: how far the mask was believed, in [0, 1]; None where nobody judged it.
    """

    description: Description
    cutout: Cutout
    trust: float | None = None


@dataclass(frozen=True)
class Describer:
    """The describing parts in the order they run."""

    segmenter: Segmenter
    cutter: Cutter
    embedder: Embedder
    classifier: Classifier
    threads: int = 1  # for the outlines; changes no result
    matting: Matting | None = None
    trust: MaskTrust | None = None

    def describe(
        self,
        images: Sequence[RGBImage],
        labels: Sequence[str | None] | None = None,
        watch: Stopwatch | None = None,
    ) -> list[Described]:
        """One description an image, in order.

        ``labels`` (aligned with images) are categories that a curator gave: such an image is
        not classified, its scores are certain. Where a mask is believed less than the trusting
        part's threshold, the whole picture is described and the mask's contour is flagged
        ``untrusted``. A stage that breaks raises StageError naming
        the stage and the first image of the batch.
        """
        if not images:
            return []
        watch = watch or Stopwatch()
        given = list(labels) if labels is not None else [None] * len(images)
        with watch("segment"), _blame("segment", images):
            mattes = self.segmenter.segment(images)
        trusts = self._trusts(images, mattes, watch)
        if self.matting is not None:
            with watch("matting"), _blame("matting", images):
                mattes = self.matting.refine(images, mattes)
        believed = [trust is None or trust >= self._least_trust for trust in trusts]
        with watch("cutout"), _blame("cutout", images):
            # Cutters take an empty matte for "the whole picture".
            cutouts = self.cutter.cut(
                images, [m if b else _empty(m) for m, b in zip(mattes, believed, strict=True)]
            )
        with watch("embed"), _blame("embed", images):
            vectors = self.embedder.embed(cutouts)
            embeddings = [Embedding(vector.copy()) for vector in vectors]
        with watch("classify"), _blame("classify", images):
            scores = self._scores(cutouts, vectors, given)
        with watch("outline"), _blame("outline", images):
            shapes = each(_shape, mattes, threads=self.threads)
        return [
            Described(
                Description(score, embedding, frame, aligned, replace(quality, untrusted=not sure)),
                cutout,
                trust,
            )
            for score, embedding, (frame, aligned, quality), cutout, trust, sure in zip(
                scores, embeddings, shapes, cutouts, trusts, believed, strict=True
            )
        ]

    @property
    def _least_trust(self) -> float:
        return 0.0 if self.trust is None else self.trust.threshold

    def _trusts(
        self, images: Sequence[RGBImage], mattes: Sequence[Matte], watch: Stopwatch
    ) -> list[float | None]:
        """Judged on the segmenter's own mattes: matting sharpens away what doubt they show."""
        if self.trust is None:
            return [None] * len(images)
        with watch("trust"), _blame("trust", images):
            return [float(t) for t in self.trust.trust(images, mattes, self.segmenter)]

    def _scores(
        self, cutouts: Sequence[Cutout], vectors: FloatArray, labels: Sequence[str | None]
    ) -> list[CategoryScores]:
        open_rows = [row for row, label in enumerate(labels) if label is None]
        predicted: dict[int, CategoryScores] = {}
        if open_rows:
            chosen = [cutouts[row] for row in open_rows]
            found = self.classifier.classify(chosen, vectors[open_rows])
            predicted = dict(zip(open_rows, found, strict=True))
        return [
            predicted[row] if label is None else CategoryScores.certain(label)
            for row, label in enumerate(labels)
        ]


def _shape(matte: Matte) -> tuple[Contour, Contour, MatteQuality]:
    return outline(matte), align(matte), assess(matte)


def _empty(matte: Matte) -> Matte:
    return Matte(np.zeros_like(matte.alpha))


@contextmanager
def _blame(stage: str, images: Sequence[RGBImage]) -> Iterator[None]:
    """Turn whatever a stage throws into a StageError; our own errors pass through."""
    try:
        yield
    except PacksightError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        raise StageError(stage, images[0].uri, reason) from error
