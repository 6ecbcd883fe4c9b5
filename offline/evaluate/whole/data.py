"""The pictures of a report: a retrieval task where the data set has one, else its splits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.errors import ConfigError
from offline.datasets import Dataset, Picture, RetrievalTask, open_dataset
from offline.evaluate.whole.asked import Asked


@dataclass(frozen=True)
class Data:
    """``task`` is None for data that is not made for retrieval: its masks alone are judged."""

    dataset: Dataset
    protocol: str
    task: RetrievalTask | None
    pictures: tuple[Picture, ...]  # of both sides, each once

    @property
    def name(self) -> str:
        return f"{self.dataset.name} {self.protocol}".strip()

    @property
    def counts(self) -> dict[str, int]:
        """Pictures by role."""
        if self.task is None:
            return {"pictures": len(self.pictures)}
        return {"queries": len(self.task.queries), "gallery": len(self.task.gallery)}


def read_data(asked: Asked) -> Data:
    """Raises ConfigError for data that cannot be opened, for an unknown protocol, and where
    retrieval is asked for and the data has none."""
    dataset = open_dataset(asked.data)
    if dataset.protocols or asked.protocol:
        protocol = asked.protocol or dataset.protocols[0]
        task = _limited(dataset.retrieval(protocol), asked.limit)
        both = tuple(dict.fromkeys((*task.queries, *task.gallery)))
        return Data(dataset, protocol, task, both)
    if set(asked.sections) != {"segment"}:
        raise ConfigError(
            f"{asked.data}: the {dataset.name} data set has nothing to retrieve.",
            remedy="Judge its masks alone: packsight evaluate segment --data DIR",
        )
    pictures = dict.fromkeys(p for split in dataset.splits for p in dataset.pictures(split))
    return Data(dataset, "", None, tuple(pictures))


def _limited(task: RetrievalTask, limit: int | None) -> RetrievalTask:
    """At most ``limit`` queries, evenly spread: neighbours are often views of one product."""
    count = len(task.queries)
    if limit is None or limit >= count:
        return task
    kept = [at * count // limit for at in range(limit)]
    return replace(
        task,
        queries=tuple(task.queries[at] for at in kept),
        relevance=tuple(task.relevance[at] for at in kept),
    )
