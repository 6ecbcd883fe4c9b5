"""Images to Descriptions: the one path that offline and online share, so they cannot drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.contours import aligned_contour, frame_contour
from engine.cutting import Cutting, FoundMask, blame
from engine.keypoints import Keypoints
from engine.parallel import both, each, one_blas_thread
from engine.protocols import (
    Classifier,
    Cutter,
    Embedder,
    KeypointMatcher,
    MaskTrust,
    Matting,
    Segmenter,
)
from engine.quality import assess, is_colourless, is_shadow, shadow_lab
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

_Shape = tuple[Contour, Contour, MatteQuality]  # in the image's frame, and aligned


@dataclass(frozen=True, eq=False)
class Described:
    """A description and the cutout that it was made from, which the result page shows."""

    description: Description
    cutout: Cutout

    @property
    def trust(self) -> float | None:
        """How reliable the mask is, in [0, 1]; None without a trust stage."""
        return self.description.trust


@dataclass(frozen=True)
class Describer:
    """The describing stages in the order they run."""

    segmenter: Segmenter
    cutter: Cutter
    embedder: Embedder
    classifier: Classifier
    threads: int = 1  # changes no result; with two, one photo's vector and print are found at once
    matting: Matting | None = None
    trust: MaskTrust | None = None
    colour: bool = False  # whether embeddings compare colours, so that an image may lack them
    alpha: bool = False  # see ``Cutting``
    keypoints: KeypointMatcher | None = None

    @property
    def cutting(self) -> Cutting:
        return Cutting(self.segmenter, self.cutter, self.matting, self.trust, self.alpha)

    def describe(
        self,
        images: Sequence[RGBImage],
        labels: Sequence[str | None] | None = None,
        watch: Stopwatch | None = None,
        mattes: Sequence[Matte | None] | None = None,
    ) -> list[Described]:
        """One description an image, in order.

        ``labels`` (aligned with images) are categories that a curator gave: such an image is
        not classified, its label has probability 1. Where the trust of a mask is below the trust
        stage's threshold, the image is cut out with that stage's fallback matte, and the mask's
        contour is flagged ``untrusted``, as is the mask of a shadow. ``mattes`` (aligned with
        images): where there is one, it is exact, and takes the place of the segmenter's (see
        ``Cutting.cut``). A stage that breaks raises StageError naming the stage and the first
        image of the batch.
        """
        if not images:
            return []
        watch = watch or Stopwatch()
        given = list(labels) if labels is not None else [None] * len(images)
        # A batch keeps the cores busy by its images.
        threads = self.threads if len(images) == 1 else 1
        first, then = watch.aside(), watch.aside()
        with one_blas_thread():  # else one half would change the other's threads, and its rounding
            masks, grey = both(
                lambda: self.cutting.found(images, watch, mattes),
                lambda: self._colourless(images, first),
                threads=threads,
            )
            (cutouts, embeddings, scores), (shapes, found) = both(
                lambda: self._compared(images, masks, given, watch),
                lambda: self._outlined(images, masks, then),
                threads=threads,
            )
        watch.add(first)
        watch.add(then)
        return [
            Described(
                Description(
                    score,
                    embedding,
                    *shape,
                    trust=mask.trust,
                    colourless=lacks,
                    keypoints=keypoints,
                ),
                cutout,
            )
            for (score, embedding, shape), (mask, cutout), lacks, keypoints in zip(
                zip(scores, embeddings, shapes, strict=True),
                zip(masks, cutouts, strict=True),
                grey,
                found,
                strict=True,
            )
        ]

    def _compared(
        self,
        images: Sequence[RGBImage],
        masks: Sequence[FoundMask],
        labels: Sequence[str | None],
        watch: Stopwatch,
    ) -> tuple[list[Cutout], list[Embedding], list[CategoryScores]]:
        """Cutouts, and what they look like."""
        cutouts = self.cutting.cutouts(images, masks, watch)
        with watch("embed"), blame("embed", images):
            vectors = self.embedder.embed(cutouts)
            embeddings = [Embedding(vector.copy()) for vector in vectors]
        with watch("classify"), blame("classify", images):
            return cutouts, embeddings, self._scores(cutouts, vectors, labels)

    def _colourless(self, images: Sequence[RGBImage], watch: Stopwatch) -> list[bool]:
        """Needs the images alone; so does what finds shadows, of which the larger part is done."""
        with watch("outline"), blame("outline", images):
            if len(images) == 1:
                shadow_lab(images[0])
            return [self.colour and is_colourless(image) for image in images]

    def _outlined(
        self, images: Sequence[RGBImage], masks: Sequence[FoundMask], watch: Stopwatch
    ) -> tuple[list[_Shape], Sequence[Keypoints | None]]:
        """What depends on no cutout."""
        with watch("outline"), blame("outline", images):
            pairs = list(zip(images, masks, strict=True))
            shapes = each(_shape, pairs, threads=self.threads)
        return shapes, self._keypoints(images, masks, shapes, watch)

    def _keypoints(
        self,
        images: Sequence[RGBImage],
        masks: Sequence[FoundMask],
        shapes: Sequence[_Shape],
        watch: Stopwatch,
    ) -> Sequence[Keypoints | None]:
        """Within the product's box, and everywhere where the mask is in doubt."""
        if self.keypoints is None:
            return [None] * len(images)
        mattes = [
            None if quality.doubts else mask.matte
            for mask, (_, _, quality) in zip(masks, shapes, strict=True)
        ]
        with watch("keypoints"), blame("keypoints", images):
            return self.keypoints.detect(images, mattes)

    def _scores(
        self, cutouts: Sequence[Cutout], vectors: FloatArray, labels: Sequence[str | None]
    ) -> list[CategoryScores]:
        open_rows = [row for row, label in enumerate(labels) if label is None]
        predicted: dict[int, CategoryScores] = {}
        if open_rows:
            chosen = [cutouts[row] for row in open_rows]
            classified = self.classifier.classify(chosen, vectors[open_rows])
            predicted = dict(zip(open_rows, classified, strict=True))
        return [
            predicted[row] if label is None else CategoryScores.certain(label)
            for row, label in enumerate(labels)
        ]


def _shape(pair: tuple[RGBImage, FoundMask]) -> _Shape:
    image, mask = pair
    return frame_contour(mask.matte), aligned_contour(mask.matte), _quality(image, mask)


def _quality(image: RGBImage, mask: FoundMask) -> MatteQuality:
    found = assess(mask.matte)
    if mask.given:  # its pieces are known to be one product
        return replace(found, several_objects=False)
    if mask.own_alpha:  # exact up to the frame: an image is often trimmed to its product
        return MatteQuality(several_objects=found.several_objects, own_alpha=True)
    shadow = is_shadow(image, mask.matte)
    return replace(found, untrusted=shadow or not mask.trusted, shadow=shadow)
