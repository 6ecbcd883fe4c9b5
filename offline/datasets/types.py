"""Data sets: their images, retrieval tasks with the relevant images, and the protocol of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Protocol, runtime_checkable

from engine.types import Box


@dataclass(frozen=True, slots=True)
class DatasetImage:
    """One image file and its ground truth; None where the data set has none.

    The file itself may be absent: opening a data set reads its lists only. ``id`` is unique in
    the data set, mostly the path below its folder, with slashes. A family is a group of products
    that are hard to distinguish.
    """

    id: str
    path: Path
    category: str | None = None
    family: str | None = None
    product: str | None = None
    look: str | None = None  # how it was taken, such as studio or phone
    mask: Path | None = None  # grey PNG or the like: 255 = product; partial at the edges
    transmission: Path | None = None  # colour PNG: the light that clear glass lets through
    box: Box | None = None  # of the product; ground truth, hidden from queries
    crop: Box | None = None  # the only part that a query may use

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("DatasetImage.id must not be empty")
        for name, box in (("box", self.box), ("crop", self.crop)):
            if box is not None and not (box[0] < box[2] and box[1] < box[3]):
                raise ValueError(f"DatasetImage.{name} must have x1 < x2 and y1 < y2, not {box}")


@dataclass(frozen=True, slots=True)
class Relevance:
    """The relevant images of one query: positions in the gallery, ascending.

    ``ignored`` positions (junk) are removed from a ranking before it is evaluated: they neither
    help nor harm. All others are irrelevant. Where the query's own image is in the gallery,
    its position is in ``ignored``, unless the protocol counts it as relevant.
    """

    relevant: tuple[int, ...]
    ignored: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, positions in (("relevant", self.relevant), ("ignored", self.ignored)):
            if any(a >= b for a, b in pairwise(positions)):
                raise ValueError(f"Relevance.{name} must ascend without repeats")
        both = set(self.relevant).intersection(self.ignored)
        if both:
            raise ValueError(f"Relevance: both relevant and ignored: {sorted(both)[:5]}")


@dataclass(frozen=True, slots=True)
class RetrievalTask:
    """Queries, the gallery that is searched, and the relevance of every query, in their order."""

    name: str  # data set and protocol
    queries: tuple[DatasetImage, ...]
    gallery: tuple[DatasetImage, ...]
    relevance: tuple[Relevance, ...]
    depth: int | None = None  # number of hits that count; None: the protocol uses all

    def __post_init__(self) -> None:
        if not self.queries or not self.gallery:
            raise ValueError(f"{self.name}: needs at least one query and one gallery image")
        if len(self.relevance) != len(self.queries):
            raise ValueError(
                f"{self.name}: {len(self.queries)} queries, {len(self.relevance)} answers"
            )
        if self.depth is not None and self.depth < 1:
            raise ValueError(f"{self.name}: depth must be at least 1, not {self.depth}")
        for positions in (part for r in self.relevance for part in (r.relevant, r.ignored)):
            if positions and not 0 <= positions[0] <= positions[-1] < len(self.gallery):
                raise ValueError(f"{self.name}: positions beyond {len(self.gallery)} images")

    def of_queries(self, positions: Sequence[int]) -> RetrievalTask:
        """The task with these of its queries only."""
        return replace(
            self,
            queries=tuple(self.queries[at] for at in positions),
            relevance=tuple(self.relevance[at] for at in positions),
        )

    def limited(self, limit: int | None) -> RetrievalTask:
        """At most ``limit`` queries, evenly spread: neighbours are often views of one product."""
        count = len(self.queries)
        if limit is None or limit >= count:
            return self
        return self.of_queries([at * count // limit for at in range(limit)])

    @property
    def unanswerable(self) -> tuple[int, ...]:
        """Positions of the queries without a relevant image in the gallery: the no-match cases."""
        return tuple(at for at, answer in enumerate(self.relevance) if not answer.relevant)


@runtime_checkable
class Dataset(Protocol):
    """Images by split, and retrieval tasks by protocol.

    The order is fixed: the same files give the same images in the same order on
    every platform.
    """

    @property
    def name(self) -> str:
        """Its name in reports."""

    @property
    def root(self) -> Path:
        """The folder that was opened."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of its splits, none of them empty. One image may be in several."""

    @property
    def protocols(self) -> tuple[str, ...]:
        """Names of its retrieval tasks; empty where it is not made for retrieval."""

    def images(self, split: str) -> tuple[DatasetImage, ...]:
        """The images of a split. Raises ConfigError, with the names, for an unknown one."""

    def retrieval(self, protocol: str) -> RetrievalTask:
        """A retrieval task. Raises ConfigError, with the names, for an unknown one."""
