"""Variants that answer the same retrieval protocols, and what a report holds of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline.datasets import Dataset
from offline.datasets.relevance import clusters_of
from offline.evaluate.benchmark import (
    ALL,
    ProtocolResult,
    measure_protocols,
    open_benchmark,
)
from offline.evaluate.tables.layout import Made, Request, Variant
from offline.report.document import Figure, Group, Section, System, Table
from offline.report.figures import averaged
from stages.assemble import EmbeddingParts, assemble_embedding


@dataclass(frozen=True, eq=False)
class Answered:
    """``results``: one per protocol."""

    name: str
    parts: EmbeddingParts
    results: tuple[ProtocolResult, ...]

    @property
    def result(self) -> ProtocolResult:
        """Of the only protocol; ValueError for several."""
        (result,) = self.results
        return result

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(fault for one in self.results for fault in one.task.faults))

    def system(self, groups: Sequence[Group], notes: Sequence[str] = ()) -> System:
        """As the report names it; notes on what was left out come first."""
        left_out = [
            f"{one.task.task.name}: {note}" for one in self.results for note in one.left_out()
        ]
        section = Section(stage="retrieve", groups=tuple(groups), notes=(*left_out, *notes))
        return System(
            name=self.name,
            fingerprint=self.parts.fingerprint,
            settings=self.parts.settings.tables(),
            weights=self.parts.weights,
            sections=(section,),
        )


def opened(request: Request) -> tuple[Dataset, str]:
    """The data set and the requested protocol, by default its first one."""
    dataset, protocols = open_benchmark(request.protocol or ALL, request.data[0])
    return dataset, protocols[0]


def answered(
    variant: Variant,
    dataset: Dataset,
    protocols: Sequence[str],
    metrics: Sequence[str],
    request: Request,
) -> Answered:
    """Errors as of ``measure_protocols``. Searched by the variant's settings."""
    parts = assemble_embedding(variant.settings)
    results = measure_protocols(
        dataset, protocols, parts, request.cache, metrics, progress=request.progress
    )
    return Answered(variant.name, parts, tuple(results))


def made(tables: Sequence[Table], found: Sequence[Answered], systems: Sequence[System]) -> Made:
    """Of variants that answered one protocol, the same for all."""
    task = found[0].result.task
    return Made(
        tables=tuple(tables),
        systems=tuple(systems),
        dataset=task.task.name,
        checksum=task.checksum,
        pictures={"queries": len(task.task.queries), "gallery": len(task.task.gallery)},
        faults=all_faults(found),
    )


def all_faults(found: Sequence[Answered]) -> tuple[str, ...]:
    """Each once."""
    return tuple(dict.fromkeys(fault for one in found for fault in one.faults))


def query_group(name: str, result: ProtocolResult, values: Sequence[Figure]) -> Group:
    """Metrics over the queries of a result."""
    return Group(
        name=name,
        figures=tuple(values),
        items=tuple(query.id for query in result.queries),
        clusters=clusters_of(result.queries),
    )


def query_figures(result: ProtocolResult, shown: Mapping[str, str], seed: int) -> list[Figure]:
    """The metrics of a result under the names of the table (``shown``, by metric)."""
    clusters = clusters_of(result.queries)
    return [
        averaged(shown[name], column.tolist(), seed=seed, clusters=clusters)
        for name, column in zip(result.metrics, result.values.T, strict=True)
    ]


def interval_cell(figure: Figure) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f})"
