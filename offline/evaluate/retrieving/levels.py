"""By what a hit is right: its product, its family, its category, or the data set's own answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.types import BoolArray
from offline.datasets.relevance import Label, by_category, by_family, by_product
from offline.evaluate.evidence import Evidence

# From the strictest to the widest.
LABELS: dict[str, Label] = {"product": by_product, "family": by_family, "category": by_category}
OWN = "as asked"  # answers that follow from no label, such as the buildings of Oxford
NO_LABEL = -1


@dataclass(frozen=True, eq=False)
class Level:
    """``totals``: of every query, how many answers there are, those that cannot be read too.
    ``relevant`` tells of a query which gallery pictures answer it, (G,) bool: lists of them would
    not fit into memory where 60,000 pictures are asked of each other."""

    name: str
    totals: tuple[int, ...]
    relevant: Callable[[int], BoolArray]

    @property
    def answerable(self) -> list[int]:
        """Queries that anything in the gallery answers."""
        return [at for at, total in enumerate(self.totals) if total]


def levels(evidence: Evidence) -> list[Level]:
    """The task's own level first, then every other that its labels give and some query has an
    answer at. What the protocol ignores is ignored at all of them."""
    own = _own(evidence)
    labelled = [_labelled(evidence, name, label) for name, label in LABELS.items()]
    same = next((level for level in labelled if _same(own, level)), None)
    rest = [level for level in labelled if level is not same and level.answerable]
    return [same or own, *rest]


def _own(evidence: Evidence) -> Level:
    task = evidence.task

    def relevant(query: int) -> BoolArray:
        found = np.zeros(len(task.gallery), np.bool_)
        found[list(task.relevance[query].relevant)] = True
        return found

    pairs = zip(task.relevance, evidence.absent, strict=True)
    return Level(OWN, tuple(len(one.relevant) + gone for one, gone in pairs), relevant)


def _labelled(evidence: Evidence, name: str, label: Label) -> Level:
    task = evidence.task
    numbers: dict[Hashable, int] = {}
    gallery, queries, unread = (
        _numbered([label(picture) for picture in pictures], numbers)
        for pictures in (task.gallery, task.queries, evidence.unread)
    )

    def relevant(query: int) -> BoolArray:
        found: BoolArray = (gallery == queries[query]) & (gallery != NO_LABEL)
        found[list(task.relevance[query].ignored)] = False
        return found

    there = Counter(gallery.tolist()) + Counter(unread.tolist())
    totals = []
    for query, answer in zip(queries.tolist(), task.relevance, strict=True):
        ignored = int((gallery[list(answer.ignored)] == query).sum())
        totals.append(0 if query == NO_LABEL else there[query] - ignored)
    return Level(name, tuple(totals), relevant)


def _numbered(labels: list[Hashable | None], numbers: dict[Hashable, int]) -> npt.NDArray[np.int64]:
    """(N,) a number a label, those seen before keep theirs; NO_LABEL for none."""
    found = [NO_LABEL if one is None else numbers.setdefault(one, len(numbers)) for one in labels]
    return np.array(found, np.int64)


def _same(own: Level, other: Level) -> bool:
    """Whether every query has the same answers at both."""
    return own.totals == other.totals and all(
        bool((own.relevant(query) == other.relevant(query)).all())
        for query in range(len(own.totals))
    )
