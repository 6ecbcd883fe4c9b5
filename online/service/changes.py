"""What a client wants changed in a catalogue, checked: the value that a job carries out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from engine.attributes import bounded
from engine.names import canonical, without_controls
from engine.request import Filter
from online.service.problems import RequestError
from online.service.requests import Clauses, filter_of, invalid

MOST_NAME = 500  # characters of a product's id and of a category
MOST_IMAGES = 64  # of one request

Kind = Literal["replace", "add", "delete", "delete matching", "curate"]
Category = Annotated[str, Field(min_length=1, max_length=MOST_NAME)]


class SentProduct(BaseModel):
    """The field ``request`` beside images. ``category``: predicted where there is none, of an image
    that is added that of its product; ``attributes``: at most 32 names and values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: Category | None = None
    attributes: dict[str, str] | None = None

    @field_validator("category")
    @classmethod
    def _category(cls, value: str | None) -> str | None:
        return None if value is None else valid_name(value)

    @field_validator("attributes")
    @classmethod
    def _attributes(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        if value is not None and bounded(value) != value:
            raise ValueError(
                "there are too many attributes, or one is too long or has a NUL character"
            )
        return value


class Change(BaseModel):
    """``images``: SHA-256 of uploads, in their order. ``where`` and ``categories``: of the images
    that are deleted; None: of all categories. ``contents``: SHA-256 of images about which people
    decided what is carried out, with all else that they decided."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    product: str = ""
    category: str | None = None
    attributes: Mapping[str, str] | None = None
    images: tuple[str, ...] = ()
    where: Clauses = []
    categories: tuple[str, ...] | None = None
    contents: tuple[str, ...] = ()

    @property
    def filter(self) -> Filter:
        return filter_of(self.where)

    @property
    def digest(self) -> str:
        """Of all that is wanted; 64 hex digits."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()


_WHERE: TypeAdapter[Clauses] = TypeAdapter(Clauses)


def read_product(text: str | bytes) -> SentProduct:
    """From JSON; RequestError (422) names the first field that is invalid."""
    try:
        return SentProduct.model_validate_json(text or "{}")
    except ValidationError as error:
        raise invalid(error, SentProduct.model_fields) from None


def read_where(text: str) -> Clauses:
    """Of a query string; errors as of ``read_product``, ConfigError for too many conditions."""
    try:
        found = _WHERE.validate_json(text)
    except ValidationError as error:
        raise invalid(error, within="where") from None
    filter_of(found)
    return found


def product_id(text: str) -> str:
    """In composed characters; RequestError (422) for what is no id of a product."""
    try:
        return valid_name(text)
    except ValueError as error:
        raise RequestError(422, f"product: {error}.") from None


def valid_name(text: str) -> str:
    """Of a product or a category, in composed characters; ValueError."""
    name = canonical(text)
    if not name.strip() or len(name) > MOST_NAME or without_controls(name) != name:
        raise ValueError(f"it has 1 to {MOST_NAME} characters, none of them a control character")
    return name
