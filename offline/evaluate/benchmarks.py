"""Named benchmarks: which data set and protocols a name means, and which measures its table has."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from engine.config import unknown_key
from engine.errors import ConfigError
from offline.datasets import Dataset, RetrievalTask, dataset_kinds, open_dataset
from offline.evaluate.judging import answerable

log = logging.getLogger(__name__)

ALL = "all"
DEFAULT = ("R@1", "R@5", "P@10", "mAP", "MRR")


@dataclass(frozen=True)
class Table:
    """The columns of a benchmark's paper; ``by_class``: one more table, a row a category."""

    measures: tuple[str, ...]
    by_class: bool = False


# By the data set's name. Oh Song et al., CVPR 2016, report R@1 to R@1000.
_BY_DATASET = {
    "online_products": Table(
        ("R@1", "R@10", "R@100", "R@1000", "P@5", "recall@5", "top@1", "top@5")
    ),
    "corel": Table(("P@10", "P@20", "mAP", "R@1"), by_class=True),
    "eyeglasses": Table(("top@1", "top@5", "top@10", "AP@10", "P@10", "recall@10", "F1@10", "MRR")),
}
# Philbin et al., CVPR 2007, and Radenović et al., CVPR 2018, whatever the files are called.
_REVISITED = Table(("mAP-trapezoid", "mP@1", "mP@5", "mP@10"))
_BY_PROTOCOL = {
    "original": Table(("mAP-trapezoid", "mAP", "R@1", "P@10")),
    **dict.fromkeys(("easy", "medium", "hard"), _REVISITED),
}


def table_of(dataset: Dataset, protocol: str, task: RetrievalTask) -> Table:
    """A protocol of limited depth is judged by what it finds within it."""
    if task.depth is not None:
        return Table((f"recall@{task.depth}", "R@1", "mAP"))
    known = _BY_DATASET.get(dataset.name) or _BY_PROTOCOL.get(protocol)
    return known or Table(DEFAULT)


def open_benchmark(name: str, data: Path) -> tuple[Dataset, tuple[str, ...]]:
    """The data set in a folder and the protocols that a name asks for.

    A name is a protocol of the data set, a kind of data set (all its protocols; the folder is
    read as that kind), KIND/PROTOCOL, or ``all``. Raises ConfigError, with the valid names, for
    an unknown one and for data that is not made for retrieval. Where all are asked for, those
    that nothing answers (plain folders may have no products) are passed over, logged.
    """
    kind, slash, protocol = name.partition("/")
    if kind in dataset_kinds():
        dataset = open_dataset(data, kind)
        wanted = protocol if slash else ALL
    else:
        dataset, wanted = open_dataset(data), name
    if not dataset.protocols:
        raise ConfigError(
            f"{data}: the {dataset.name} data set has no retrieval protocols.",
            remedy="Give data with products or categories to find.",
        )
    if wanted == ALL:
        return dataset, askable(dataset)
    if wanted not in dataset.protocols:
        valid = [ALL, *dataset.protocols, *dataset_kinds()]
        raise unknown_key(f"{data} ({dataset.name})", name, valid, "protocol")
    return dataset, (wanted,)


def askable(dataset: Dataset) -> tuple[str, ...]:
    """Protocols with an answer to some query; the last one's ConfigError where none has."""
    found, last = [], None
    for protocol in dataset.protocols:
        try:
            answerable(dataset.retrieval(protocol))
        except ConfigError as error:
            log.warning("%s passed over: %s", protocol, error)
            last = error
        else:
            found.append(protocol)
    if last is not None and not found:
        raise last
    return tuple(found)
