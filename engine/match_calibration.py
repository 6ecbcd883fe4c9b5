"""The probability that a hit shows the photographed product, and the threshold of a match.

Fitted by ``packsight calibrate`` on photos whose product is known and kept in the gallery. It
holds for the settings that it was fitted under: ``identity`` is the hash of all that changes
scores or order at query time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from shlex import quote
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from engine.errors import GalleryError
from engine.linear_model import LinearModel, Term
from engine.types import Float64Array, Hit

FEATURES = ("score", "margin", "first")
# Where a gallery has keypoints: the places where hit and photo show the same print, and by how many
# they exceed those of any other product.
PRINT_FEATURES = ("places", "places_margin")
# So many places ahead are as sure as more: a product far behind must not look more absent by the
# print of the first. Of 353 photos of GroceryStore's ``train``, among 31 clean images, 0.48 are
# accepted with this limit and 0.43 with none (5 and 20 places: 0.51 and 0.46).
PLACES_AHEAD = 10.0

# An absent product is accepted when any of the catalogue's products looks like it: with m times
# as many products the fraction of false accepts becomes about m times as large. Within a tenth the
# requested 5 % stay below 5.5 %, less than the sampling error of a few hundred photos.
GROWTH = 0.1

# 0.5 is chance. Below this fewer than 18 % of the present products pass at 5 % false accepts, if
# scores of both are normal and spread alike: z(0.7) sqrt(2) = 0.74, Phi(0.74 - 1.645) = 0.18.
LEAST_AUROC = 0.7


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MatchModel(_Table):
    """P(same product) = 1 / (1 + exp(-(intercept + score * s + margin * m + first * f))), the sum
    going on with places * p + places_margin * q where print is weighed.

    Platt's sigmoid (Advances in Large Margin Classifiers, 1999) of features of a hit, see
    ``match_features``; no weight is negative, so a higher score never lowers the probability.
    A score below the lowest counts as the lowest, a margin beyond the widest as the widest: how
    far a distant hit is carries no information.
    """

    lowest_score: FiniteFloat
    widest_margin: FiniteFloat = Field(ge=0)
    intercept: FiniteFloat
    score: FiniteFloat = Field(ge=0)
    margin: FiniteFloat = Field(ge=0)
    first: FiniteFloat = Field(ge=0)
    places: FiniteFloat = Field(default=0, ge=0)
    places_margin: FiniteFloat = Field(default=0, ge=0)

    @property
    def weighs_print(self) -> bool:
        return self.places > 0 or self.places_margin > 0

    def probability(self, features: Float64Array) -> Float64Array:
        """(N, 5) as of ``match_features`` to (N,); without the weights of print (N, 3) will do."""
        features = features[:, : len(self._linear.terms)]
        return self._linear.probability(within(features, self.lowest_score, self.widest_margin))

    @cached_property
    def _linear(self) -> LinearModel:
        """Over features as they are, not standardised."""
        names = (*FEATURES, *PRINT_FEATURES) if self.weighs_print else FEATURES
        terms = {name: Term(mean=0, deviation=1, weight=getattr(self, name)) for name in names}
        return LinearModel(intercept=self.intercept, terms=terms)


class MatchFigures(_Table):
    """The quality of the fit, on photos of products that took no part in it."""

    present: int = Field(ge=0)  # answers whose product the gallery held
    absent: int = Field(ge=0)  # answers whose product it lacked or that was left out
    products: int = Field(ge=0)  # photographed ones
    auroc: FiniteFloat = Field(ge=0, le=1)  # present above absent, by the first hit
    false_accepts: FiniteFloat = Field(ge=0, le=1)  # fraction of absent ones that were accepted
    true_accepts: FiniteFloat = Field(ge=0, le=1)  # fraction of present ones that were accepted
    right_first: FiniteFloat = Field(ge=0, le=1)  # of present ones with a correct first hit
    ece_first: FiniteFloat = Field(ge=0, le=1)  # calibration error over first hits
    ece_all: FiniteFloat = Field(ge=0, le=1)  # and over all hits
    # Of present ones with a correct first hit, the fraction that was refused; None: none had one,
    # or a calibration of before this was measured.
    correct_refused: FiniteFloat | None = Field(default=None, ge=0, le=1)
    # Called absent from the catalogue, of absent ones and of those with a correct first hit.
    absent_named: FiniteFloat | None = Field(default=None, ge=0, le=1)
    correct_named: FiniteFloat | None = Field(default=None, ge=0, le=1)


class MatchCalibration(_Table):
    """All that a gallery keeps of it. A photo whose first hit is likelier than ``threshold`` is a
    match; of absent products ``false_accepts`` pass nevertheless. One whose first hit is not
    likelier than ``absent_below`` shows no product of the catalogue; between the two it is unsure.
    None: the evidence is too thin to call a product absent, or of before this was fitted."""

    version: Literal[1] = 1
    identity: str
    model: MatchModel
    threshold: float = Field(ge=0, le=1)
    absent_below: float | None = Field(default=None, ge=0, le=1)
    false_accepts: float = Field(gt=0, lt=1)
    figures: MatchFigures
    source: Literal["photos", "views"]  # views: the gallery's own images, easier than photos
    automatic: bool = False  # made by adapting alone: no photo is refused by it
    images: int = Field(ge=1)  # that the gallery held
    created: str  # ISO 8601, UTC
    written_by: str

    def outdated(self, adaptation: str, gallery: str) -> str:
        """What to do where a gallery compares by another adaptation (an identity, "" for none) than
        it was made with; else empty."""
        # As ``Searcher.answering`` puts them together.
        if self.identity.partition("-")[2] == adaptation:
            return ""
        photos = " --photos PHOTOS" if self.source == "photos" and not self.automatic else ""
        return (
            "it holds for the adaptation that it was made with, which is not in use; make it anew "
            f"with: packsight calibrate --gallery {quote(gallery)}{photos}"
        )

    def cautions(self, images: int) -> tuple[str, ...]:
        """Notes for a query's answer, of a gallery of ``images``: that it has changed since by more
        than ``GROWTH``, that scores hardly separate present from absent products."""
        found = []
        if abs(images - self.images) > GROWTH * self.images:
            found.append(
                f"the calibration was made when the gallery had {self.images} images, it has "
                f"{images} now: run packsight calibrate again"
            )
        if self.figures.auroc < LEAST_AUROC:
            found.append(
                "scores hardly separate present from absent products in this gallery: of photos of "
                f"products that it holds {self.figures.true_accepts:.0%} count as a match"
            )
        return tuple(found)

    def in_words(self) -> list[str]:
        """Its measured quality, in lines."""
        values = self.figures
        refused = values.correct_refused
        of_correct = [] if refused is None else [f"correct first hits refused: {refused:.1%}"]
        if values.absent_named is None:
            named = "an earlier version made it: calibrate anew to have absent products named"
        elif self.absent_below is None:
            apart = self.source == "photos" and not self.automatic
            why = "thin evidence" if apart else f"{self.source} like these are easier than others"
            named = f"no photo is called not in this catalogue: {why}"
        else:
            named = (
                f"not in this catalogue, up to a probability of {self.absent_below:.3f}: "
                f"{values.absent_named:.1%} of absent products, "
                f"{values.correct_named or 0:.1%} of correct first hits"
            )
        return [
            f"a match is a first hit with a probability above {self.threshold:.3f}",
            f"absent products taken for a match: {values.false_accepts:.1%} of {values.absent} "
            f"(requested: {self.false_accepts:.1%})",
            f"present products taken for a match: {values.true_accepts:.1%} of {values.present} "
            f"(the correct one is first for {values.right_first:.1%})",
            *of_correct,
            named,
            f"present against absent: AUROC {values.auroc:.3f}; calibration error of first hits "
            f"{values.ece_first:.3f}",
        ]

    def warnings(self) -> tuple[str, ...]:
        """Reasons to trust it less than its measured quality, a sentence each."""
        found = self.cautions(self.images)
        if self.automatic:
            found = (
                "made by adapting, with images that took part: far fewer of other photos will be "
                "likely matches; calibrate with --photos where there are some",
                *found,
            )
        elif self.source == "views":
            found = (
                "fitted on the gallery's own views: photos look less like them, and far fewer will "
                "count as a match; calibrate with --photos where there are some",
                *found,
            )
        return found


def read_calibration(text: str, where: str) -> MatchCalibration:
    """From its JSON; raises GalleryError for what is damaged or of another version."""
    try:
        return MatchCalibration.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"])) or "JSON"
        raise GalleryError(
            f"{where}: its calibration cannot be read ({place}: {fault['msg']}).",
            remedy=f"Make it anew: packsight calibrate --gallery {quote(where)}",
        ) from None


def match_features(hits: Sequence[Hit]) -> Float64Array:
    """(N, 5), columns as ``FEATURES`` and ``PRINT_FEATURES``, of the hits of one answer, one a
    product, in their order.

    The hit's score; by how much it exceeds the best score of any other product (below 0 for all
    but the best one; 0 where there is no other); 1 for the hit that is ranked first, else 0; the
    inliers of its ``match``, 0 without one, and by how many they exceed those of any other product.
    Give all that took part in reranking: of fewer, the best of the others might be missing.
    Raises ValueError for scores that are not finite.
    """
    scores = np.array([hit.score for hit in hits], np.float64)
    if not np.isfinite(scores).all():
        raise ValueError("scores of hits must be finite")
    first = np.array([hit.rank == 1 for hit in hits], np.float64)
    places = np.array([0 if hit.match is None else hit.match.inliers for hit in hits], np.float64)
    return np.column_stack([scores, _margins(scores), first, places, _margins(places)])


def within(features: Float64Array, lowest_score: float, widest_margin: float) -> Float64Array:
    """(N, 3) or (N, 5) as a ``MatchModel`` reads them."""
    count = features.shape[1]
    lowest = [lowest_score, -widest_margin, 0.0, 0.0, -PLACES_AHEAD][:count]
    highest = [np.inf, widest_margin, 1.0, np.inf, PLACES_AHEAD][:count]
    kept: Float64Array = np.clip(features, lowest, highest)
    return kept


def with_probabilities(hits: Sequence[Hit], model: MatchModel) -> list[Hit]:
    """The hits of one answer, one a product, each with its probability."""
    found = model.probability(match_features(hits)).tolist()
    return [
        replace(hit, probability=probability) for hit, probability in zip(hits, found, strict=True)
    ]


def _margins(scores: Float64Array) -> Float64Array:
    if len(scores) < 2:
        return np.zeros(len(scores))
    best = int(np.argmax(scores))
    second = np.delete(scores, best).max()
    margins: Float64Array = scores - scores[best]
    margins[best] = scores[best] - second
    return margins
