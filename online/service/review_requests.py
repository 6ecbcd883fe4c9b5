"""What a curator sends: marks on an image, decisions and judgements, checked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, StrictBool

from engine.decisions import MOST_NAME, Verdict
from online.service.changes import valid_name
from stages.mask_repair import Marks, Stroke

MOST_DECISIONS = 200
MOST_STROKES = 200
MOST_POINTS = 2000  # of a stroke

# Strict: true is no id, and "no" is not false. A list is a tuple here all the same.
ImageId = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Fraction = Annotated[FiniteFloat, Field(ge=-1, le=2)]
Name = Annotated[str, Field(min_length=1, max_length=MOST_NAME)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
DecisionId = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SentStroke(_Sent):
    """``points``: x and y in fractions of the image's width and height; ``width``: in a fraction of
    its longer side; ``filled``: the polygon of the points; ``remove``: of the product."""

    points: Annotated[list[tuple[Fraction, Fraction]], Field(min_length=1, max_length=MOST_POINTS)]
    width: Annotated[FiniteFloat, Field(ge=0, le=1)] = 0.02
    remove: StrictBool = False
    filled: StrictBool = False


class SentMarks(_Sent):
    """``box``: x1, y1, x2, y2 in fractions of the image; ``strokes`` in the order they were drawn;
    ``start``: from the stored mask, or from the box alone; ``sequence`` comes back with the answer,
    by which late answers are told from the last one."""

    box: tuple[Fraction, Fraction, Fraction, Fraction] | None = None
    strokes: Annotated[list[SentStroke], Field(max_length=MOST_STROKES)] = []
    start: Annotated[Literal["stored", "box"], Field(alias="from")] = "stored"
    sequence: Annotated[int, Field(ge=0, lt=2**53)] = 0

    def marks(self) -> Marks:
        return Marks(
            self.box,
            [Stroke(tuple(s.points), s.width, s.remove, s.filled) for s in self.strokes],
        )


class Accept(_Sent):
    """The mask of this version is correct."""

    kind: Literal["accept"]
    image: ImageId
    version: Sha256


class Exclude(_Sent):
    """The image stays out of the index, or is in it again."""

    kind: Literal["exclude", "include"]
    image: ImageId


class Categorise(_Sent):
    kind: Literal["category"]
    image: ImageId
    category: Annotated[Name, AfterValidator(valid_name)]


class Compare(_Sent):
    """``keep``: of one image twice, the one that stays in the index."""

    kind: Literal["pair"]
    images: tuple[ImageId, ImageId]
    verdict: Verdict
    keep: ImageId | None = None


class UndoOne(_Sent):
    """The decision of this id is void."""

    kind: Literal["undo"]
    decision: DecisionId


SentDecision = Annotated[
    Accept | Exclude | Categorise | Compare | UndoOne, Field(discriminator="kind")
]


class SentDecisions(_Sent):
    """Kept all together or not at all."""

    decisions: Annotated[list[SentDecision], Field(min_length=1, max_length=MOST_DECISIONS)]


class SentJudgement(_Sent):
    """Whether a photo, by the SHA-256 of its file, or a catalogue ``image`` shows a product."""

    photo: Sha256 | None = None
    image: ImageId | None = None
    product: Name
    same: StrictBool
