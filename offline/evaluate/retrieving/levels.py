"""By what a hit is right: its product, its family, its category, or the data set's own answers."""

from __future__ import annotations

from dataclasses import dataclass

from offline.datasets.relevance import Label, by_category, by_family, by_product, same_label
from offline.datasets.types import Relevance
from offline.evaluate.evidence import Evidence

# From the strictest to the widest.
LABELS: dict[str, Label] = {"product": by_product, "family": by_family, "category": by_category}
OWN = "as asked"  # answers that follow from no label, such as the buildings of Oxford


@dataclass(frozen=True)
class Level:
    """``relevance`` and ``totals`` (how many answers there are, those that cannot be read too)
    are aligned with the evidence's queries."""

    name: str
    relevance: tuple[Relevance, ...]
    totals: tuple[int, ...]

    @property
    def answerable(self) -> list[int]:
        """Queries that anything in the gallery answers."""
        return [at for at, total in enumerate(self.totals) if total]


def levels(evidence: Evidence) -> list[Level]:
    """The task's own level first, then every other that its labels give and some query has an
    answer at. What the protocol ignores is ignored at all of them."""
    task = evidence.task
    labelled = {name: _labelled(evidence, name, label) for name, label in LABELS.items()}
    answers = tuple(set(one.relevant) for one in task.relevance)
    own = next(
        (
            name
            for name, level in labelled.items()
            if tuple(set(one.relevant) for one in level.relevance) == answers
        ),
        OWN,
    )
    totals = [
        len(one.relevant) + gone for one, gone in zip(task.relevance, evidence.absent, strict=True)
    ]
    rest = [level for name, level in labelled.items() if name != own and level.answerable]
    return [Level(own, task.relevance, tuple(totals)), *rest]


def _labelled(evidence: Evidence, name: str, label: Label) -> Level:
    task = evidence.task
    same = same_label(task.queries, task.gallery, label, counts_itself=True)
    relevance = tuple(
        Relevance(tuple(at for at in one.relevant if at not in set(own.ignored)), own.ignored)
        for one, own in zip(same, task.relevance, strict=True)
    )
    unread = [label(picture) for picture in evidence.unread]
    gone = [0 if label(q) is None else unread.count(label(q)) for q in task.queries]
    totals = [len(one.relevant) + count for one, count in zip(relevance, gone, strict=True)]
    return Level(name, relevance, tuple(totals))
