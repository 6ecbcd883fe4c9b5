"""An example of every answer, for the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from online.api_types import (
    AttributeAnswer,
    AttributesAnswer,
    BatchAnswer,
    CategoriesAnswer,
    CategoryAnswer,
    CategoryCount,
    DecisionAnswer,
    DecisionsAnswer,
    DraftMask,
    DryRunAnswer,
    ExcludedImage,
    ExcludedImages,
    GalleriesAnswer,
    GalleryAnswer,
    GalleryParts,
    HealthAnswer,
    HitAnswer,
    ImageAnswer,
    JobAnswer,
    JobsAnswer,
    LikelyCategory,
    MaskAnswer,
    MaskInReview,
    MaskPreview,
    MasksInReview,
    NeighboursAnswer,
    PairInReview,
    PairsInReview,
    PartsAnswer,
    PhotoAnswer,
    PredictedCategories,
    ProductAnswer,
    ProductsAnswer,
    QueryAnswer,
    Refusal,
    ReviewCounts,
    ReviewImage,
    RouteAnswer,
    SavedMask,
    SubmittedJob,
    UncertainImage,
    UncertainImages,
    ValueCount,
)

_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_VERSION = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
_DECISION = "5f2b1c9e7a40d386"
_JOB = "c3a91f04d2b7e658"
_PATH = "M30 12L70 12L70 88L30 88Z"
_PNG = "data:image/png;base64,iVBORw0KGgo="
_BEGAN = datetime(2026, 11, 30, 9, 12, 4, 512000, UTC)
_ENDED = datetime(2026, 11, 30, 9, 12, 5, 127000, UTC)
_IMAGE = f"v1/images/17?gallery=shop&v={_SHA256[:16]}"
_THUMBNAIL = f"v1/images/17/thumbnail?gallery=shop&v={_SHA256[:16]}"


def _review_image(identity: int, product: str) -> ReviewImage:
    return ReviewImage(
        id=identity,
        product=product,
        category="jar",
        labelled=True,
        sha256=_SHA256,
        image_url=_IMAGE.replace("17", str(identity), 1),
        thumbnail_url=_THUMBNAIL.replace("17", str(identity), 1),
    )


_STORED = ImageAnswer(
    id=17, category="jar", labelled=True, sha256=_SHA256, image_url=_IMAGE, thumbnail_url=_THUMBNAIL
)
_MASK = MaskAnswer(used=True, trust=0.97, flags=(), fraction=0.31, contour=_PATH, aligned=_PATH)
_PHOTO = PhotoAnswer(width=900, height=1200, box=(0, 0, 900, 1200), sha256=_VERSION)
_LIKELY = (CategoryAnswer(name="jar", probability=0.93),)
_HIT = HitAnswer(
    rank=1,
    product="jar/4711",
    category="jar",
    id=17,
    sha256=_SHA256,
    score=0.914,
    distance=0.172,
    iou=0.95,
    probability=0.88,
    parts=PartsAnswer(look=0.91, shape=0.95),
    why="contour 0.95",
    views=3,
    attributes={"colour": "red", "size": "50 ml"},
    image_url=_IMAGE,
    thumbnail_url=_THUMBNAIL,
    contour=_PATH,
    aligned=_PATH,
)
_QUERY = QueryAnswer(
    hits=(_HIT,),
    no_match=False,
    calibrated=True,
    threshold=0.54,
    verdict="likely",
    absent_below=0.2,
    guesses=False,
    notes=(),
    route=RouteAnswer(
        categories=_LIKELY, unsure=False, unknown=False, why="one category is likely enough"
    ),
    photo=_PHOTO,
    mask=_MASK,
    quality=(),
    mask_trust=0.97,
    timings_ms={"segment": 21.4, "embed": 33.0, "search": 1.9},
    fingerprint=_VERSION,
    gallery="shop",
    generation="1-2c26b46b68ff.3",
    as_of=_BEGAN,
    k=1,
    offset=0,
    more=True,
)
_REFUSAL = Refusal(
    type="urn:packsight:problem:unreadable-image",
    title="Unsupported Media Type",
    status=415,
    detail="The photo is truncated.",
    remedy="Save it again.",
    request_id="7d0c1e5ab93f2648",
)
_PRODUCT = ProductAnswer(
    product="jar/4711",
    category="jar",
    attributes={"colour": "red", "size": "50 ml"},
    images=(_STORED,),
)
_DONE = JobAnswer(
    job=_JOB,
    kind="replace",
    product="jar/4711",
    state="done",
    done=2,
    total=2,
    created=_BEGAN,
    started=_BEGAN,
    finished=_ENDED,
)
_IN_REVIEW = MaskInReview(
    **_review_image(17, "jar/4711").model_dump(),
    trust=0.41,
    flags=("touches_border",),
    reason="Trust 0.41; touches the border",
    mask_url=f"v1/images/17/mask?gallery=shop&v={_VERSION[:16]}",
    version=_VERSION,
)
_UNCERTAIN = UncertainImage(**_review_image(17, "jar/4711").model_dump(), entropy=1.58)

_ALL: Sequence[BaseModel] = (
    HealthAnswer(status="ok"),
    GalleriesAnswer(
        galleries=(
            GalleryAnswer(
                name="shop",
                images=270,
                products=90,
                generation="1-2c26b46b68ff.3",
                calibrated=True,
                parts=GalleryParts(shape=True, print=False),
                attributes=("colour", "size"),
            ),
        )
    ),
    AttributesAnswer(
        attributes=(AttributeAnswer(name="colour", values=(ValueCount(value="red", images=120),)),)
    ),
    CategoriesAnswer(categories=(CategoryCount(name="jar", images=120),)),
    PredictedCategories(categories=(CategoryCount(name="jar", images=12),), predicted=True),
    AttributesAnswer(
        attributes=(AttributeAnswer(name="colour", values=(ValueCount(value="red", images=42),)),)
    ),
    ProductsAnswer(products=(_PRODUCT,), after="jar/4711", generation="1-2c26b46b68ff.3"),
    _PRODUCT,
    _QUERY,
    BatchAnswer(answers=(_QUERY, _REFUSAL)),
    MaskPreview(photo=_PHOTO, mask=_MASK.model_copy(update={"png": _PNG}), categories=_LIKELY),
    SubmittedJob(job=_JOB, state="queued"),
    DryRunAnswer(images=5, products=2, first=("jar/4711", "jar/4712")),
    _DONE,
    JobsAnswer(jobs=(_DONE,), counts={"queued": 0, "running": 0, "done": 1, "failed": 0}),
    MasksInReview(
        images=(_IN_REVIEW,),
        after="trust 0.31 17 @1-2c26b46b68ff",
        counts=ReviewCounts(left=12, reviewed=40),
    ),
    UncertainImages(images=(_UNCERTAIN,), left=8),
    ExcludedImages(
        images=(
            ExcludedImage(
                **dict(_review_image(17, "jar/4711")),
                decision=_DECISION,
                kind="exclusion",
                time=_BEGAN,
                who="anna",
            ),
        ),
        after="17 @1-2c26b46b68ff",
    ),
    NeighboursAnswer(
        categories=(
            LikelyCategory(name="jar", probability=0.52),
            LikelyCategory(name="tube"),
        ),
        neighbours=(_STORED,),
    ),
    PairsInReview(
        pairs=(
            PairInReview(
                images=(_review_image(17, "jar/4711"), _review_image(23, "jar/4712")),
                same_file=False,
                cosine=0.983,
            ),
        ),
        after="23 @1-2c26b46b68ff",
        looked_at=23,
        images=270,
    ),
    DecisionAnswer(decision=_DECISION),
    DecisionsAnswer(decisions=(_DECISION,), job=_JOB),
    DraftMask(sequence=4, width=192, height=256, png=_PNG),
    SavedMask(decision=_DECISION, job=_JOB, version=_VERSION, described=True, trust=1.0, flags=()),
)

EXAMPLES: Mapping[str, Any] = {type(one).__name__: one.model_dump(mode="json") for one in _ALL}
"""JSON documents by the name of their type."""
