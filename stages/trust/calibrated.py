"""The probability that a mask is correct, by logistic regression on features of the matte.

Fitted to each segmenter by ``packsight train trust``; calibration as in Platt, "Probabilistic
outputs for support vector machines", 1999: the regression's output is the probability itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from engine.contours import product_box
from engine.errors import ConfigError
from engine.linear_model import LinearModel
from engine.parallel import each
from engine.protocols import Segmenter
from engine.quality import THRESHOLD
from engine.types import Float64Array, FloatArray, Matte, RGBImage
from engine.user_folders import expanded
from stages.context import BuildContext
from stages.options import StageOptions
from stages.trust._features import NAMES, columns, mask_features, row, skin
from stages.trust._model import PHOTOS, PRINT, RENDERS, TrustModel, fitting, read_model, require
from stages.trust._second_look import agreement

# Of the fallback without skin: the weight of the box beyond the mask, and the fraction of the mask
# that must be left. Kraft card has the colour of skin, too.
REST_OF_BOX = np.float32(0.5)
LEAST_LEFT = 0.3


class Options(StageOptions):
    """``weights``: a trust file, or one of those that come with this segmenter: "shipped", fitted
    to rendered images with exact masks; "photos", fitted to hand-held products in shops that were
    judged by eye; and "photos-print", which also sees how much print the mask's box leaves outside
    (docs/mask-trust.md).

    ``second_look`` runs the segmenter again at another scale: about twice its time; "doubtful"
    does so only where the first trust is in the file's doubtful range. ``threshold`` replaces the
    file's own. ``any_segmenter`` accepts a file that was fitted to another one. Where a mask is not
    trusted, ``instead`` is described: its box with the background in it; the whole image;
    "without_skin", the mask and the rest of its box at half weight, but for what has the colour of
    skin; or the "mask" all the same, which is then only flagged. Cropped by even an incorrect mask,
    photos found three to five times what whole ones did (benchmarks/mask_trust.py,
    docs/mask-trust.md).
    """

    weights: str = RENDERS
    second_look: bool | Literal["doubtful"] = False
    threshold: float | None = Field(None, ge=0, le=1)
    any_segmenter: bool = False
    instead: Literal["box", "whole", "without_skin", "mask"] = "box"


class CalibratedTrust:
    """An empty matte has trust 0."""

    def __init__(self, options: Options, model: TrustModel, threads: int) -> None:
        self.threshold = model.threshold if options.threshold is None else options.threshold
        self._options = options
        self._model = model
        self._threads = threads
        self._columns = columns(tuple(model.first.terms))

    def trust(
        self, images: Sequence[RGBImage], mattes: Sequence[Matte], segmenter: Segmenter
    ) -> FloatArray:
        pairs = list(zip(images, mattes, strict=True))
        found = each(lambda pair: mask_features(*pair), pairs, threads=self._threads)
        trusts = np.zeros(len(pairs))
        judged = np.array([n for n, one in enumerate(found) if one is not None], np.int64)
        rows = np.array([row(one) for one in found if one is not None]).reshape(-1, len(NAMES))
        rows = rows[:, self._columns]
        trusts[judged] = self._model.first.probability(rows)
        again = self._worth_a_second_look(trusts[judged])
        if self._model.second is not None and again.any():
            chosen = judged[again]
            trusts[chosen] = _second_trust(
                self._model.second, rows[again], [pairs[n] for n in chosen], segmenter
            )
        return trusts.astype(np.float32)

    def instead(self, image: RGBImage, matte: Matte) -> Matte:
        """By the option of that name; an empty matte means the whole image."""
        if self._options.instead == "mask":
            return matte
        box = None if self._options.instead == "whole" else product_box(matte)
        alpha = np.zeros_like(matte.alpha)
        if box is not None:
            alpha[box[1] : box[3], box[0] : box[2]] = 1.0
        if self._options.instead == "without_skin":
            alpha = _without_skin(image, matte, alpha)
        return Matte(alpha)

    def _worth_a_second_look(self, trusts: Float64Array) -> npt.NDArray[np.bool_]:
        if isinstance(self._options.second_look, bool):
            return np.full(len(trusts), self._options.second_look)
        low, high = self._model.doubtful
        return np.asarray((low <= trusts) & (trusts <= high), np.bool_)


def build(options: Options, context: BuildContext) -> CalibratedTrust:
    """Raises ConfigError where no file fits the segmenter, and for a damaged one."""
    model = _model(options, context)
    if options.second_look and model.second is None:
        raise ConfigError(
            f"{options.weights}: has no second look: it was fitted without.",
            remedy="Set second_look = false, or fit it again with --second-look.",
        )
    context.used[options.weights] = model.identity
    return CalibratedTrust(options, model, context.threads)


def _model(options: Options, context: BuildContext) -> TrustModel:
    if context.segmenter is None:
        raise ConfigError("[trust] calibrated: the segmenter of the masks is not known.")
    if options.weights in (RENDERS, PHOTOS, PRINT):
        return fitting(context.segmenter, options.weights)
    model = read_model(expanded(options.weights))
    if not options.any_segmenter:
        require(model, context.segmenter, options.weights)
    return model


def _without_skin(image: RGBImage, matte: Matte, box: FloatArray) -> FloatArray:
    """The mask and, at less weight, the rest of its box; ``box`` where little of it is no skin."""
    bare = ~skin(image, matte)
    mask = matte.alpha >= THRESHOLD
    if (mask & bare).sum() < LEAST_LEFT * mask.sum():
        return box
    kept: FloatArray = np.maximum(matte.alpha, REST_OF_BOX * box) * bare
    return kept


def _second_trust(
    second: LinearModel,
    rows: Float64Array,
    pairs: Sequence[tuple[RGBImage, Matte]],
    segmenter: Segmenter,
) -> Float64Array:
    images, mattes = [image for image, _ in pairs], [matte for _, matte in pairs]
    agreed = agreement(segmenter, images, mattes)
    return second.probability(np.column_stack([rows, agreed]))
