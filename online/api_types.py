"""What the service answers, as types: for its schema and for its client.

A client ignores what a later version adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict


class _Answered(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PartsAnswer(_Answered):
    """How alike the hit and the photo are, each in [0, 1]; None where it was not compared."""

    look: float
    shape: float | None = None
    print: float | None = None


class MatchAnswer(_Answered):
    """Places that show the same print; ``points`` are x, y in the photo and x, y in the hit, as
    fractions of their sizes."""

    places: int
    share: float
    area: float
    residual: float
    mirrored: bool
    raised_to: int | None = None
    points: tuple[tuple[float, ...], ...] = ()


class HitAnswer(_Answered):
    """One product, by its best image. ``probability``: that the photo shows it; None where the
    gallery is not calibrated. ``image_url`` and ``thumbnail_url`` are below the address of
    the service; ``contour`` and ``aligned`` are paths of SVG in a view box of 100 x 100."""

    rank: int
    product: str
    category: str
    id: int
    sha256: str
    score: float
    distance: float
    iou: float | None = None
    probability: float | None = None
    parts: PartsAnswer
    match: MatchAnswer | None = None
    why: str
    views: int
    attributes: Mapping[str, str]
    image_url: str
    thumbnail_url: str
    contour: str
    aligned: str


class CategoryAnswer(_Answered):
    name: str
    probability: float


class RouteAnswer(_Answered):
    """The categories that were searched."""

    categories: tuple[CategoryAnswer, ...]
    unsure: bool
    unknown: bool
    why: str


class PhotoAnswer(_Answered):
    """The upright photo's size and the box of it that was described, in pixels; ``sha256``: of its
    file, by which /v1/judgements know it."""

    width: int
    height: int
    box: tuple[int, int, int, int]
    sha256: str


class MaskAnswer(_Answered):
    """The mask that the photo was cut out by; ``fraction`` of the box that it covers; ``png``: a
    data URI, of /v1/mask alone."""

    used: bool
    trust: float | None = None
    flags: tuple[str, ...]
    fraction: float
    contour: str
    aligned: str
    png: str | None = None


class QueryAnswer(_Answered):
    """``verdict``: likely, unsure or not in this catalogue; None where the gallery is not
    calibrated. ``no_match``: the hits are the nearest, but no match. ``as_of``: every change until
    then is in the answer. ``more``: there are hits beyond these."""

    hits: tuple[HitAnswer, ...]
    no_match: bool
    calibrated: bool
    threshold: float | None = None
    verdict: str | None = None
    absent_below: float | None = None
    guesses: bool
    notes: tuple[str, ...]
    route: RouteAnswer
    photo: PhotoAnswer | None = None
    mask: MaskAnswer
    quality: tuple[str, ...]
    mask_trust: float | None = None
    timings_ms: Mapping[str, float]
    fingerprint: str
    gallery: str
    generation: str
    as_of: datetime
    k: int
    offset: int
    more: bool


class MaskPreview(_Answered):
    """What a search for the photo would be made by."""

    photo: PhotoAnswer
    mask: MaskAnswer
    categories: tuple[CategoryAnswer, ...]


class Refusal(_Answered):
    """application/problem+json, as of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str = ""
    request_id: str = ""


class BatchAnswer(_Answered):
    """In the order of the photos."""

    answers: tuple[QueryAnswer | Refusal, ...]


class ImageAnswer(_Answered):
    id: int
    category: str
    labelled: bool
    sha256: str
    image_url: str
    thumbnail_url: str


class ProductAnswer(_Answered):
    product: str
    category: str
    attributes: Mapping[str, str]
    images: tuple[ImageAnswer, ...]


class ProductsAnswer(_Answered):
    """``after``: where the next page begins; None: this is the last."""

    products: tuple[ProductAnswer, ...]
    generation: str
    after: str | None = None


class CategoryCount(_Answered):
    name: str
    images: int


class CategoriesAnswer(_Answered):
    categories: tuple[CategoryCount, ...]


class PredictedCategories(CategoriesAnswer):
    """``predicted``: whether the category of any image was, also where a person gave one since."""

    predicted: bool


class ValueCount(_Answered):
    value: str
    images: int


class AttributeAnswer(_Answered):
    """The most frequent values first, with their numbers of images among those looked at."""

    name: str
    values: tuple[ValueCount, ...]


class AttributesAnswer(_Answered):
    attributes: tuple[AttributeAnswer, ...]


class GalleryParts(_Answered):
    """By what beside its look a hit is compared."""

    shape: bool
    print: bool


class GalleryAnswer(_Answered):
    name: str
    images: int
    products: int
    generation: str
    calibrated: bool
    parts: GalleryParts
    attributes: tuple[str, ...]


class GalleriesAnswer(_Answered):
    galleries: tuple[GalleryAnswer, ...]


class SubmittedJob(_Answered):
    """A change that was acknowledged: queued, running, done or failed; ``job``: its id."""

    job: str
    state: str


class DryRunAnswer(_Answered):
    """What would be deleted; ``first``: the ids of the first 20 products."""

    images: int
    products: int
    first: tuple[str, ...]


class JobAnswer(_Answered):
    """``done`` of ``total`` images; ``error``: why it failed."""

    job: str
    kind: str
    product: str | None = None
    state: str
    done: int
    total: int
    error: str | None = None
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None


class JobsAnswer(_Answered):
    """The last to be submitted first; ``counts`` of every state."""

    jobs: tuple[JobAnswer, ...]
    counts: Mapping[str, int]


class ReviewImage(ImageAnswer):
    product: str


class MaskInReview(ReviewImage):
    """``version``: what If-Match of a change names; ``nearest``: the image that it is nearest to,
    of another product."""

    trust: float | None = None
    flags: tuple[str, ...]
    reason: str
    mask_url: str
    version: str
    nearest: ImageAnswer | None = None


class ReviewCounts(_Answered):
    left: int
    reviewed: int


class MasksInReview(_Answered):
    """``after``: where the next page begins, which may be empty; None: this is the last."""

    images: tuple[MaskInReview, ...]
    after: str | None = None
    counts: ReviewCounts


class UncertainImage(ReviewImage):
    """``entropy`` of its predicted categories, in bits."""

    entropy: float


class UncertainImages(_Answered):
    """The most uncertain of one predicted category; ``left``: how many are undecided."""

    images: tuple[UncertainImage, ...]
    left: int


class ExcludedImage(ReviewImage):
    """``decision``: by which it is excluded, an exclusion or a pair; ``who``: the name of the API
    key that decided, "" for none."""

    decision: str
    kind: str
    time: datetime
    who: str


class ExcludedImages(_Answered):
    """Images out of the index; ``after``: where the next page begins, None: this is the last."""

    images: tuple[ExcludedImage, ...]
    after: str | None = None


class LikelyCategory(_Answered):
    """``probability``: None where the category was not predicted."""

    name: str
    probability: float | None = None


class NeighboursAnswer(_Answered):
    """``neighbours``: the nearest images whose categories are labels."""

    categories: tuple[LikelyCategory, ...]
    neighbours: tuple[ImageAnswer, ...]


class PairInReview(_Answered):
    """Images of two products; ``cosine`` of their vectors, None where they are one file."""

    images: tuple[ReviewImage, ReviewImage]
    same_file: bool
    cosine: float | None = None


class PairsInReview(_Answered):
    """``after``: where the next page begins, which may be empty; None: this is the last.
    ``looked_at``: of the gallery's ``images``, how many were searched for until now."""

    pairs: tuple[PairInReview, ...]
    after: str | None = None
    looked_at: int
    images: int


class DecisionAnswer(_Answered):
    """The id by which it is undone."""

    decision: str


class DecisionsAnswer(_Answered):
    """The ids by which they are undone, in the order of the decisions; ``job``: that carries them
    out, None where there is nothing to do."""

    decisions: tuple[str, ...]
    job: str | None = None


class DraftMask(_Answered):
    """``png``: a data URI, white is the product; ``sequence``: that of the marks."""

    sequence: int
    width: int
    height: int
    png: str


class SavedMask(_Answered):
    """``version``: of the mask that is in force now. ``described``: whether the image is described
    by it already, with this ``trust`` and these ``flags``; else ``job`` describes it."""

    decision: str
    job: str | None = None
    version: str
    described: bool
    trust: float | None = None
    flags: tuple[str, ...]


class HealthAnswer(_Answered):
    status: str
