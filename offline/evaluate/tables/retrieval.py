"""Tables of retrieval: product search, and the landmarks of Oxford and Paris, a row per system.

Product search: P@5, R@5, top-1 and top-5. On Stanford Online Products (Oh Song et al., CVPR 2016)
every test image is a query of all others. Landmarks: mAP by set and difficulty; Philbin, Chum,
Isard, Sivic, Zisserman, CVPR 2007 (``original``) and Radenović, Iscen, Tolias, Avrithis, Chum,
CVPR 2018 (``easy``, ``medium``, ``hard``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import ConfigError
from offline.datasets import Dataset, open_dataset
from offline.datasets.readers import revisited
from offline.datasets.relevance import clusters_of
from offline.evaluate.benchmark.measure import (
    ALL,
    ProtocolResult,
    answerable_protocols,
    joint_checksum,
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


def made_of(tables: Sequence[Table], found: Sequence[Answered], systems: Sequence[System]) -> Made:
    """Of variants that answered one protocol, the same for all."""
    task = found[0].result.task
    return Made(
        tables=tuple(tables),
        systems=tuple(systems),
        dataset=task.task.name,
        checksum=task.checksum,
        images={"queries": len(task.task.queries), "gallery": len(task.task.gallery)},
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


PRODUCT_METRICS = {"P@5": "P@5", "recall@5": "R@5", "top@1": "top-1", "top@5": "top-5"}
PRODUCT_NOTE = (
    "P@5: relevant ones among the first 5, over 5; R@5: the fraction of the relevant images among "
    "the first 5 (recall@5), not the R@5 of metric learning, which is top-5 here; top-k: the "
    "correct product among the first k; (95 % bootstrap interval), a product's queries together"
)


def product_search_table(request: Request) -> Made:
    dataset, protocol = opened(request)
    found = [
        answered(variant, dataset, [protocol], list(PRODUCT_METRICS), request)
        for variant in request.variants
    ]
    result = found[0].result
    figures = [query_figures(one.result, PRODUCT_METRICS, request.seed) for one in found]
    table = Table(
        title=f"{len(result.queries)} queries of {result.task.task.name}",
        columns=("system", *PRODUCT_METRICS.values()),
        rows=tuple(
            (one.name, *map(interval_cell, own)) for one, own in zip(found, figures, strict=True)
        ),
        note=PRODUCT_NOTE,
    )
    systems = [
        one.system([query_group("queries", one.result, own)], [PRODUCT_NOTE])
        for one, own in zip(found, figures, strict=True)
    ]
    return made_of([table], found, systems)


LANDMARK_METRICS = {"mAP-trapezoid": "mAP"}
PLAIN = "oxford_paris"  # the reader of gt files calls all of them so
LANDMARK_NOTE = (
    "mAP by the trapezoidal rule, as the authors compute it (x 100 is what they print), with its "
    "95 % bootstrap interval, the queries of a landmark together where the data names it; junk "
    "ignored, queries cropped to their boxes, queries without a relevant image left out"
)


@dataclass(frozen=True, eq=False)
class _Set:
    """``name`` heads its columns."""

    name: str
    dataset: Dataset
    protocols: tuple[str, ...]


def landmarks_table(request: Request) -> Made:
    """Every data set by all difficulties that it has. ConfigError for data of another kind."""
    sets = [_opened(folder) for folder in request.data]
    _refuse_doubles(sets)
    found = [[_of_variant(variant, one, request) for one in sets] for variant in request.variants]
    heads = [f"{one.name} {protocol}" for one in sets for protocol in one.protocols]
    systems = [_landmark_system(sets, answers, request.seed) for answers in found]
    rows = [(one.name, *_cells(one)) for one in systems]
    table = Table(title="mAP", columns=("system", *heads), rows=tuple(rows), note=LANDMARK_NOTE)
    results = [result for one in found[0] for result in one.results]
    return Made(
        tables=(table,),
        systems=tuple(systems),
        dataset=", ".join(one.name for one in sets),
        checksum=joint_checksum(results),
        images={head: len(result.queries) for head, result in zip(heads, results, strict=True)},
        faults=all_faults([one for answers in found for one in answers]),
    )


def _opened(folder: Path) -> _Set:
    """By kind, for images beside a folder gt/ may be taken for pairs of masks."""
    kind = "revisited" if revisited.recognises(folder) else PLAIN
    dataset = open_dataset(folder, kind)
    name = dataset.root.resolve().name if kind == PLAIN else dataset.name
    return _Set(name, dataset, answerable_protocols(dataset))


def _refuse_doubles(sets: Sequence[_Set]) -> None:
    names = [one.name for one in sets]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise ConfigError(f"--data: {double} is given twice.", remedy="Name each set once.")


def _of_variant(variant: Variant, one: _Set, request: Request) -> Answered:
    return answered(variant, one.dataset, one.protocols, list(LANDMARK_METRICS), request)


def _cells(system: System) -> list[str]:
    (section,) = system.sections
    return [interval_cell(figure) for group in section.groups for figure in group.figures]


def _landmark_system(sets: Sequence[_Set], answers: Sequence[Answered], seed: int) -> System:
    groups = [
        query_group(
            f"{one.name} {result.protocol}", result, query_figures(result, LANDMARK_METRICS, seed)
        )
        for one, found in zip(sets, answers, strict=True)
        for result in found.results
    ]
    results = tuple(result for one in answers for result in one.results)
    return replace(answers[0], results=results).system(groups, [LANDMARK_NOTE])
