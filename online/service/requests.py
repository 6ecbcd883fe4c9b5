"""What a client sends with a photo, checked, as the engine's request."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Self

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from engine.names import nearest
from engine.request import Condition, Filter, Request, Weights
from online.service.problems import RequestError

MOST_PRODUCTS = 100
MOST_OFFSET = 1000
_MOST = 64  # values, conditions, categories

Text = Annotated[str, Field(max_length=1000)]


class _Sent(BaseModel):
    # Strict: true is no number, and "3" is none either.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SentCondition(_Sent):
    """On one attribute: one of ``equals``, ``in``, or a range."""

    attribute: Text
    equals: Text | None = None
    values: Annotated[list[Text] | None, Field(alias="in", min_length=1, max_length=_MOST)] = None
    at_least: FiniteFloat | None = None
    at_most: FiniteFloat | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        ranged = self.at_least is not None or self.at_most is not None
        if [self.equals is not None, self.values is not None, ranged].count(True) != 1:
            raise ValueError("needs one of equals, in, or at_least and at_most")
        return self

    def condition(self) -> Condition:
        values = [self.equals] if self.equals is not None else self.values or []
        return Condition(self.attribute, tuple(values), self.at_least, self.at_most)


class SentWeights(_Sent):
    """What look, shape and print weigh in the order of the hits."""

    look: Annotated[FiniteFloat, Field(ge=0, le=1e6)] = 1.0
    shape: Annotated[FiniteFloat, Field(ge=0, le=1e6)] = 0.0
    print: Annotated[FiniteFloat, Field(ge=0, le=1e6)] = 0.0


Clauses = Annotated[
    list[Annotated[list[SentCondition], Field(min_length=1, max_length=_MOST)]],
    Field(max_length=_MOST),
]
Pixel = Annotated[int, Field(ge=-(2**31), lt=2**31)]


class SentRequest(_Sent):
    """All of it is optional. ``image``: id of a catalogue image in place of a photo; ``url``: of a
    photo, where the service allows it; ``box``: x1, y1, x2, y2 in pixels of the upright photo;
    ``mask``: false describes all of the photo; ``where``: a list of clauses that must all hold, of
    each at least one condition; ``threshold``: of the first hit's probability; ``generation``: of
    the answer that ``offset`` goes on from, no other is answered from."""

    image: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    url: Annotated[str, Field(max_length=2000)] | None = None
    box: tuple[Pixel, Pixel, Pixel, Pixel] | None = None
    mask: bool = True
    k: Annotated[int, Field(ge=1, le=MOST_PRODUCTS)] = 10
    offset: Annotated[int, Field(ge=0, le=MOST_OFFSET)] = 0
    categories: Annotated[list[Text], Field(min_length=1, max_length=_MOST)] | None = None
    where: Clauses = []
    weights: SentWeights | None = None
    threshold: Annotated[FiniteFloat, Field(ge=0, le=1)] | None = None
    generation: Text | None = None

    @model_validator(mode="after")
    def _of_a_photo(self) -> Self:
        if self.image is not None and (self.box is not None or not self.mask):
            raise ValueError(
                "box and mask are of a photo; an image is searched for as it was described"
            )
        return self

    def request(self) -> Request:
        """Of one product more than is shown, by which it is known whether there are more."""
        given = self.weights
        return Request(
            k=self.offset + self.k + 1,
            categories=self.categories,
            where=filter_of(self.where),
            weights=None if given is None else Weights(given.look, given.shape, given.print),
            threshold=self.threshold,
        )


def filter_of(clauses: Clauses) -> Filter:
    return Filter(tuple(tuple(one.condition() for one in clause) for clause in clauses))


def read_request(text: str | bytes) -> SentRequest:
    """From JSON; RequestError (422) names the first field that is wrong."""
    try:
        return SentRequest.model_validate_json(text or "{}")
    except ValidationError as error:
        raise invalid(error, SentRequest.model_fields) from None


def invalid(
    error: ValidationError | RequestValidationError,
    known: Collection[str] = (),
    *,
    within: str = "",
) -> RequestError:
    """The first of what is wrong ``within`` a parameter, or in what has the fields ``known``."""
    fault = error.errors()[0]
    place, reason = (
        [within] * bool(within) + [*fault["loc"]],
        fault["msg"].removeprefix("Value error, "),
    )
    near = None
    if fault["type"] == "extra_forbidden":
        reason = "there is no such field"
        near = nearest(str(place[0]), known) if len(place) == 1 else None
    return RequestError(
        422,
        f"{'.'.join(map(str, place)) or 'request'}: {reason}.",
        remedy=f"Did you mean {near!r}? The page /docs has all fields."
        if near
        else "The page /docs has all fields.",
    )
