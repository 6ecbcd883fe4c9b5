"""What is wanted of a query: how many products, from where in the gallery, in which order."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.adaptation import Domain
from engine.errors import ConfigError
from engine.types import Hit, Parts

# A number at the start of a value, as SQLite's CAST reads it: "50 ml" is 50.
_NUMBER = re.compile(r"[ ]*([+-]?\d+(\.\d*)?([eE][+-]?\d+)?)", re.ASCII)
NUMBER_WITHIN = 200  # the first characters of a value: databases keep no more in an index
MOST_CONDITIONS = 64


@dataclass(frozen=True)
class Condition:
    """On one attribute: its value is among ``any_of``, or begins with a number within the bounds,
    which count in. ConfigError where neither or both are given, and for a NUL character, which no
    attribute has."""

    attribute: str
    any_of: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if bool(self.any_of) == (self.at_least is not None or self.at_most is not None):
            raise ConfigError(
                f"the condition on {self.attribute!r} needs either values or a range of numbers."
            )
        if any("\0" in text for text in (self.attribute, *self.any_of)):
            raise ConfigError(f"the condition on {self.attribute!r} has a NUL character.")
        bounds = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        if not np.isfinite(bounds).all():
            raise ConfigError(f"the range of {self.attribute!r} must be of finite numbers.")

    def holds(self, attributes: Mapping[str, str]) -> bool:
        value = attributes.get(self.attribute)
        if value is None or self.any_of:
            return value is not None and value in self.any_of
        found = _NUMBER.match(value[:NUMBER_WITHIN])
        number = None if found is None else float(found[1])
        return (
            number is not None
            and (self.at_least is None or number >= self.at_least)
            and (self.at_most is None or number <= self.at_most)
        )


@dataclass(frozen=True)
class Filter:
    """Of every clause at least one condition holds; without a clause all images pass."""

    clauses: tuple[tuple[Condition, ...], ...] = ()

    def __post_init__(self) -> None:
        if sum(map(len, self.clauses)) > MOST_CONDITIONS:
            raise ConfigError(f"a filter has at most {MOST_CONDITIONS} conditions.")
        if not all(self.clauses):
            raise ConfigError("a clause of a filter needs at least one condition.")

    def __bool__(self) -> bool:
        return bool(self.clauses)

    def attributes(self) -> set[str]:
        return {one.attribute for clause in self.clauses for one in clause}

    def holds(self, attributes: Mapping[str, str]) -> bool:
        """Whether an image with these attributes passes."""
        return all(any(one.holds(attributes) for one in clause) for clause in self.clauses)


@dataclass(frozen=True)
class Weights:
    """What look, shape and print weigh in the order of the hits; finite, at least 0, not all 0."""

    look: float = 1.0
    shape: float = 0.0
    print: float = 0.0

    def __post_init__(self) -> None:
        values = (self.look, self.shape, self.print)
        if not all(0 <= value < np.inf for value in values) or not any(values):
            raise ConfigError(
                "the weights of look, shape and print must be at least 0, and one of them above."
            )

    def score(self, parts: Parts) -> float:
        """Their weighted mean; a part that could not be compared counts as 0."""
        weighted = (
            self.look * parts.look
            + self.shape * (parts.shape or 0.0)
            + self.print * (parts.print or 0.0)
        )
        return weighted / (self.look + self.shape + self.print)

    def sorted(self, hits: Sequence[Hit]) -> list[Hit]:
        """By their parts, which must be set, best first, renumbered; ties keep their order."""
        order = sorted(hits, key=lambda hit: -self.score(hit.known_parts))
        return [hit.at(rank) for rank, hit in enumerate(order, start=1)]


@dataclass(frozen=True)
class Request:
    """``categories``: in place of the routing. ``where``: images that pass alone are searched.
    ``weights``: in place of the reranker's order, among the images that it saw. ``threshold``: of
    the first hit's probability, in place of the calibrated one. ``without``: ids of images that are
    left out. ``domain``: of what is searched for; a catalogue's image is no photo. ConfigError for
    numbers out of range."""

    k: int = 10
    categories: Sequence[str] | None = None
    where: Filter = Filter()
    weights: Weights | None = None
    threshold: float | None = None
    without: Collection[int] = ()
    domain: Domain = "photo"

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigError(f"k = {self.k}: at least one product must be requested.")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ConfigError(f"threshold = {self.threshold}: a probability lies in 0 to 1.")
