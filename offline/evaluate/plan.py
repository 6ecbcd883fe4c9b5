"""What an evaluation is asked to do, besides the data and the parts that describe it."""

from __future__ import annotations

from dataclasses import dataclass, field

from offline.evaluate.searching import Search


@dataclass(frozen=True)
class Plan:
    """What is asked of a data set. ``measures`` take the place of the benchmark's own; ``limit``:
    queries a protocol, at most; ``augment``: queries are described by several views of them."""

    search: Search = field(default_factory=Search)
    measures: tuple[str, ...] = ()
    limit: int | None = None
    augment: bool = False
    seed: int = 0
