"""The other traditional baseline: SIFT or ORB features, aggregated by a codebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from engine.distances import unit_rows
from engine.parallel import each
from engine.types import Cutout, FloatArray
from engine.user_folders import expanded
from stages.context import BuildContext
from stages.embed._codebook import Codebook, bag_of_words, read_codebook, vlad
from stages.embed._keypoints import Detector, FeatureSpec, local_features
from stages.options import StageOptions


class Options(StageOptions):
    """``codebook``: a file of `packsight train codebook`, made with the same ``detector`` and
    ``root``. ``power`` and ``intra`` are VLAD's; a bag of words is weighted by the codebook's
    inverse document frequencies. See ``FeatureSpec`` for what ``masked`` and ``max_features`` do.
    """

    codebook: str = Field(min_length=1)
    detector: Detector = "sift"
    aggregate: Literal["bow", "vlad"] = "vlad"
    root: bool = True
    max_features: int = Field(500, ge=1)
    masked: bool = True
    power: float = Field(0.5, gt=0, le=1)
    intra: bool = True

    @property
    def uses_colour(self) -> bool:
        return False

    @property
    def spec(self) -> FeatureSpec:
        return FeatureSpec(self.detector, self.root, self.max_features, self.masked)


class LocalFeatures:
    """Cutouts to rows of length 1; a cutout without a keypoint to the neutral row."""

    normalised = True

    def __init__(self, options: Options, codebook: Codebook, threads: int = 1) -> None:
        self._options = options
        self._codebook = codebook
        self._threads = threads
        words, size = codebook.words.shape
        self.dimension = words if options.aggregate == "bow" else words * size

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        """(N, dimension) float32, rows of length 1; one thread an image."""
        rows = each(self._describe, cutouts, threads=self._threads)
        if not rows:
            return np.empty((0, self.dimension), np.float32)
        return unit_rows(np.stack(rows))

    def _describe(self, cutout: Cutout) -> FloatArray:
        options, codebook = self._options, self._codebook
        features = local_features(cutout, options.spec)
        if options.aggregate == "bow":
            return bag_of_words(features, codebook.words, codebook.idf)
        return vlad(features, codebook.words, options.power, intra=options.intra)


def build(options: Options, context: BuildContext) -> LocalFeatures:
    """Raises WeightsError for a codebook that cannot be read, ConfigError for one of other
    features."""
    codebook = read_codebook(expanded(options.codebook))
    codebook.require(options.spec, options.codebook)
    context.used[options.codebook] = codebook.identity
    return LocalFeatures(options, codebook, context.threads)
