"""mAP on Oxford5k and Paris6k and on their revisited versions, by set and difficulty.

Philbin, Chum, Isard, Sivic, Zisserman, CVPR 2007 (``original``) and Radenović, Iscen, Tolias,
Avrithis, Chum, CVPR 2018 (``easy``, ``medium``, ``hard``). A row a system.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import ConfigError
from offline.datasets import Dataset, open_dataset
from offline.datasets.readers import revisited
from offline.evaluate.benchmark import answerable_protocols
from offline.evaluate.tables.answers import (
    Answered,
    all_faults,
    answered,
    interval_cell,
    query_figures,
    query_group,
)
from offline.evaluate.tables.layout import Made, Request, Variant
from offline.report.document import System, Table

METRICS = {"mAP-trapezoid": "mAP"}
PLAIN = "oxford_paris"  # the reader of gt files calls all of them so
NOTE = (
    "mAP by the trapezoidal rule, as the authors compute it (x 100 is what they print), with its "
    "95 % bootstrap interval, the queries of a landmark together where the data names it; junk "
    "ignored, queries cropped to their boxes, queries without a relevant picture left out"
)


@dataclass(frozen=True, eq=False)
class _Set:
    """``name`` heads its columns."""

    name: str
    dataset: Dataset
    protocols: tuple[str, ...]


def make(request: Request) -> Made:
    """Every data set by all difficulties that it has. ConfigError for data of another kind."""
    sets = [_opened(folder) for folder in request.data]
    _refuse_doubles(sets)
    found = [[_asked(variant, one, request) for one in sets] for variant in request.variants]
    heads = [f"{one.name} {protocol}" for one in sets for protocol in one.protocols]
    systems = [_system(sets, answers, request.seed) for answers in found]
    rows = [(one.name, *_cells(one)) for one in systems]
    table = Table(title="mAP", columns=("system", *heads), rows=tuple(rows), note=NOTE)
    results = [result for one in found[0] for result in one.results]
    return Made(
        tables=(table,),
        systems=tuple(systems),
        dataset=", ".join(one.name for one in sets),
        checksum=_joint([result.task.checksum for result in results]),
        pictures={head: len(result.queries) for head, result in zip(heads, results, strict=True)},
        faults=all_faults([one for answers in found for one in answers]),
    )


def _opened(folder: Path) -> _Set:
    """By kind, for pictures beside a folder gt/ may be taken for pairs of masks."""
    kind = "revisited" if revisited.recognises(folder) else PLAIN
    dataset = open_dataset(folder, kind)
    name = dataset.root.resolve().name if kind == PLAIN else dataset.name
    return _Set(name, dataset, answerable_protocols(dataset))


def _refuse_doubles(sets: Sequence[_Set]) -> None:
    names = [one.name for one in sets]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise ConfigError(f"--data: {double} is given twice.", remedy="Name each set once.")


def _asked(variant: Variant, one: _Set, request: Request) -> Answered:
    return answered(variant, one.dataset, one.protocols, list(METRICS), request)


def _cells(system: System) -> list[str]:
    (section,) = system.sections
    return [interval_cell(figure) for group in section.groups for figure in group.figures]


def _system(sets: Sequence[_Set], answers: Sequence[Answered], seed: int) -> System:
    groups = [
        query_group(f"{one.name} {result.protocol}", result, query_figures(result, METRICS, seed))
        for one, found in zip(sets, answers, strict=True)
        for result in found.results
    ]
    results = tuple(result for one in answers for result in one.results)
    return replace(answers[0], results=results).system(groups, [NOTE])


def _joint(checksums: Sequence[str]) -> str:
    return hashlib.sha256("".join(checksums).encode()).hexdigest()
