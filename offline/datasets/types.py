"""What a data set says: its pictures, and which of them answer which query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Protocol, runtime_checkable

from engine.types import Box


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture file and what is known of it; None: the data set does not say.

    The file itself may be absent: opening a data set reads its lists only. ``id`` is unique in
    the data set, mostly the path below its folder, with slashes. A family is a group of products
    that are hard to tell apart.
    """

    id: str
    path: Path
    category: str | None = None
    family: str | None = None
    product: str | None = None
    look: str | None = None  # how it was taken, such as studio or phone
    mask: Path | None = None  # grey PNG or the like: 255 = product; partial at the edges
    transmission: Path | None = None  # colour PNG: the light that clear glass lets through
    box: Box | None = None  # where the product is; truth, not for a query to see
    crop: Box | None = None  # the only part that a query may look at

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("Picture.id must not be empty")
        for name, box in (("box", self.box), ("crop", self.crop)):
            if box is not None and not (box[0] < box[2] and box[1] < box[3]):
                raise ValueError(f"Picture.{name} must have x1 < x2 and y1 < y2, not {box}")


@dataclass(frozen=True, slots=True)
class Relevance:
    """The answer to one query: positions in the gallery, ascending.

    ``ignored`` positions (junk) are taken out of a ranking before it is judged: they neither
    help nor harm. All others are wrong answers. Where the query's own picture is in the gallery,
    its position is in ``ignored``, unless the protocol counts it as found.
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
    """Queries, the gallery that is searched, and the answer to every query, in their order."""

    name: str  # data set and protocol
    queries: tuple[Picture, ...]
    gallery: tuple[Picture, ...]
    relevance: tuple[Relevance, ...]
    depth: int | None = None  # how many hits are judged; None: the protocol judges all

    def __post_init__(self) -> None:
        if not self.queries or not self.gallery:
            raise ValueError(f"{self.name}: needs at least one query and one gallery picture")
        if len(self.relevance) != len(self.queries):
            raise ValueError(
                f"{self.name}: {len(self.queries)} queries, {len(self.relevance)} answers"
            )
        if self.depth is not None and self.depth < 1:
            raise ValueError(f"{self.name}: depth must be at least 1, not {self.depth}")
        for positions in (part for r in self.relevance for part in (r.relevant, r.ignored)):
            if positions and not 0 <= positions[0] <= positions[-1] < len(self.gallery):
                raise ValueError(f"{self.name}: positions beyond {len(self.gallery)} pictures")

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
        """Positions of the queries that nothing in the gallery answers: the no-match cases."""
        return tuple(at for at, answer in enumerate(self.relevance) if not answer.relevant)


@runtime_checkable
class Dataset(Protocol):
    """Pictures by split, and retrieval tasks by protocol.

    Order is part of the promise: the same files give the same pictures in the same order on
    every platform.
    """

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def root(self) -> Path:
        """The folder that was opened."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of its splits, none of them empty. One picture may be in several."""

    @property
    def protocols(self) -> tuple[str, ...]:
        """Names of its retrieval tasks; empty where it is not made for retrieval."""

    def pictures(self, split: str) -> tuple[Picture, ...]:
        """The pictures of a split. Raises ConfigError, with the names, for an unknown one."""

    def retrieval(self, protocol: str) -> RetrievalTask:
        """A retrieval task. Raises ConfigError, with the names, for an unknown one."""
