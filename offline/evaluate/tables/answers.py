"""Variants that answer the same retrieval protocols, and what a report says of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline.datasets import Dataset
from offline.evaluate.benchmarks import ALL, open_benchmark
from offline.evaluate.plan import Plan
from offline.evaluate.report_text import left_out
from offline.evaluate.retrieval import Outcome, evaluate_retrieval
from offline.evaluate.searching import search_of
from offline.evaluate.tables.layout import Made, Request, Variant
from offline.metrics.statistics import clusters_of
from offline.report.document import Figure, Group, Section, System, Table
from offline.report.figures import averaged
from stages.assemble import EmbeddingParts, assemble_embedding


@dataclass(frozen=True, eq=False)
class Answered:
    """``outcomes``: one a protocol. ``faults``: a sentence for every unreadable picture."""

    name: str
    parts: EmbeddingParts
    outcomes: tuple[Outcome, ...]
    faults: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """Of the one protocol that was asked; ValueError for several."""
        (outcome,) = self.outcomes
        return outcome

    def system(self, groups: Sequence[Group], notes: Sequence[str] = ()) -> System:
        """As the report names it; notes on what was left out come first."""
        said = [f"{one.task.name}: {note}" for one in self.outcomes for note in left_out(one)]
        section = Section(stage="retrieve", groups=tuple(groups), notes=(*said, *notes))
        return System(
            name=self.name,
            fingerprint=self.parts.fingerprint,
            settings=self.parts.settings.tables(),
            weights=self.parts.weights,
            sections=(section,),
        )


def opened(request: Request) -> tuple[Dataset, str]:
    """The data set and the protocol that is asked for, by default its first one."""
    dataset, protocols = open_benchmark(request.protocol or ALL, request.data[0])
    return dataset, protocols[0]


def answered(
    variant: Variant,
    dataset: Dataset,
    protocols: Sequence[str],
    measures: Sequence[str],
    request: Request,
) -> Answered:
    """Errors as in ``evaluate_retrieval``. Searched as the variant's settings say."""
    parts = assemble_embedding(variant.settings)
    plan = Plan(
        search=search_of(variant.settings),
        measures=tuple(measures),
        augment=variant.settings.query.augment,
        seed=request.seed,
    )
    outcomes, faults = evaluate_retrieval(
        dataset, protocols, parts, request.cache, plan, request.progress
    )
    return Answered(variant.name, parts, tuple(outcomes), tuple(faults))


def made(tables: Sequence[Table], found: Sequence[Answered], systems: Sequence[System]) -> Made:
    """Of variants that answered one protocol, the same: the first one says what it was."""
    outcome = found[0].outcome
    return Made(
        tables=tuple(tables),
        systems=tuple(systems),
        dataset=outcome.task.name,
        checksum=outcome.checksum,
        pictures={"queries": len(outcome.task.queries), "gallery": len(outcome.task.gallery)},
        faults=all_faults(found),
    )


def all_faults(found: Sequence[Answered]) -> tuple[str, ...]:
    """Each once."""
    return tuple(dict.fromkeys(fault for one in found for fault in one.faults))


def query_group(name: str, outcome: Outcome, figures: Sequence[Figure]) -> Group:
    """Figures over the outcome's queries."""
    return Group(
        name=name,
        figures=tuple(figures),
        items=tuple(query.id for query in outcome.task.queries),
        clusters=clusters_of(outcome.task.queries),
    )


def query_figures(outcome: Outcome, shown: Mapping[str, str], seed: int) -> list[Figure]:
    """The outcome's measures under the names of the table (``shown``, by measure)."""
    columns = zip(outcome.summary.names, outcome.summary.values.T, strict=True)
    clusters = clusters_of(outcome.task.queries)
    return [
        averaged(shown[name], column.tolist(), seed=seed, clusters=clusters)
        for name, column in columns
    ]


def interval_cell(figure: Figure) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f})"
