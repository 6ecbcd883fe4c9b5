"""A benchmark's report: a group and a column per protocol, tables by category and by query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.config import Settings
from engine.types import Progress
from offline.datasets import Dataset
from offline.datasets.relevance import clusters_of
from offline.evaluate.benchmark.measure import (
    Columns,
    ProtocolResult,
    joint_checksum,
    measure_protocols,
    open_benchmark,
    table_columns,
    time_stages,
)
from offline.evaluate.describing import augmenting
from offline.evaluate.provenance import provenance
from offline.evaluate.retrieval.measure import metric_group
from offline.metrics.retrieval import metric
from offline.metrics.statistics import RESAMPLES
from offline.report.document import Block, Figure, Group, Report, Section, System, Table
from offline.report.figures import averaged
from stages.assemble import EmbeddingParts, assemble_embedding, read_options
from stages.rerank.k_reciprocal import Options as KReciprocal

TOP_1_SIMILARITY = "top-1 similarity"
# What an image goes through before it is a vector.
STAGES = ("segment", "matting", "trust", "cutout", "embed", "whiten")


@dataclass(frozen=True)
class Request:
    """``name``: a protocol of the data set, a kind of data set, KIND/PROTOCOL or ``all``.
    ``metrics`` take the place of the benchmark's own. ``limit``: queries per protocol, at most.
    ``timed``: photos whose stages are timed. ``per_query``: list the ranks of every query;
    ``adapt``: galleries to their images that are no queries."""

    name: str
    data: Path
    settings: Settings
    cache: Path
    system: str
    metrics: tuple[str, ...] = ()
    limit: int | None = None
    timed: int = 16
    per_query: bool = False
    seed: int = 0
    adapt: bool = False


def evaluate_benchmark(
    request: Request, progress: Progress | None = None
) -> tuple[Report, list[str]]:
    """The report, and a sentence for every image that cannot be read.

    Raises ConfigError where no query or no gallery image can be read, or none has an answer;
    StageError and WeightsError where a stage fails.
    """
    dataset, protocols = open_benchmark(request.name, request.data)
    parts = assemble_embedding(request.settings)
    results = measure_protocols(
        dataset,
        protocols,
        parts,
        request.cache,
        request.metrics,
        request.limit,
        progress,
        request.seed if request.adapt else None,
    )
    groups = [_group(one, request.seed) for one in results]
    blocks: list[Block] = [_table(results, groups)]
    blocks += [_by_category(one) for one in results if _columns(dataset, one).by_category]
    if request.per_query:
        blocks += [_per_query(one) for one in results]
    notes = [
        *dict.fromkeys(metric(name).meaning for one in results for name in one.metrics),
        f"means over queries, with 95 % bootstrap intervals ({RESAMPLES} resamples, seed "
        f"{request.seed}, photos of a product together); equal distances rank by place in the "
        "gallery",
        *(f"{one.protocol}: {note}" for one in results for note in one.left_out()),
        *(f"{one.protocol}: adaptation, {line}" for one in results for line in one.fitted),
        *_how(parts),
    ]
    retrieval = Section(
        stage="retrieve", groups=tuple(groups), blocks=tuple(blocks), notes=tuple(notes)
    )
    fresh = assemble_embedding(parts.settings, keep_mattes=False)  # to time what makes a matte
    embedding = augmenting(fresh) if parts.settings.query.augment else fresh
    timings = time_stages(results[0].queries, embedding, request.timed)
    system = System(
        name=request.system,
        fingerprint=parts.fingerprint,
        settings=parts.settings.tables(),
        weights=parts.weights,
        adaptation=tuple(f"{one.protocol}: {line}" for one in results for line in one.fitted),
        sections=(retrieval, *([_timings(timings, parts.threads)] if timings else [])),
    )
    report = Report(
        title=f"{dataset.name}: retrieval",
        provenance=provenance(
            f"{dataset.name} {request.name}",
            joint_checksum(results),
            {
                "queries": sum(len(one.queries) for one in results),
                "gallery": sum(len(one.task.task.gallery) for one in results),
            },
            seed=request.seed,
        ),
        systems=(system,),
    )
    faults = dict.fromkeys(fault for one in results for fault in one.task.faults)
    return report, list(faults)


def _columns(dataset: Dataset, result: ProtocolResult) -> Columns:
    return table_columns(dataset, result.protocol, result.task.task)


def _group(result: ProtocolResult, seed: int) -> Group:
    group = metric_group(
        result.protocol, result.queries, result.values, metrics=result.metrics, seed=seed
    )
    similarity = averaged(
        TOP_1_SIMILARITY,
        result.similarities.tolist(),
        seed=seed,
        better="neither",
        clusters=clusters_of(result.queries),
    )
    return group.model_copy(update={"figures": (*group.figures, similarity)})


def _table(results: Sequence[ProtocolResult], groups: Sequence[Group]) -> Table:
    """A row per metric, a column per protocol."""
    values = [{one.name: one for one in group.figures} for group in groups]
    names = dict.fromkeys(name for one in results for name in one.metrics)
    rows = [(name, *(_cell(column.get(name)) for column in values)) for name in names]
    similar = [column[TOP_1_SIMILARITY].value or 0.0 for column in values]
    return Table(
        title="Retrieval by protocol",
        columns=("metric", *(one.protocol for one in results)),
        rows=(
            *rows,
            (TOP_1_SIMILARITY, *(f"{value:.3f}" for value in similar)),
            ("queries", *(str(len(one.queries)) for one in results)),
            ("gallery images", *(str(_gallery_size(one)) for one in results)),
        ),
    )


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "–"
    return f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f})"


def _gallery_size(result: ProtocolResult) -> int:
    return len(result.task.task.gallery) + len(result.task.unread)


def _by_category(result: ProtocolResult) -> Table:
    names = np.array([image.category or "" for image in result.queries])
    means = {str(name): result.values[names == name].mean(axis=0) for name in np.unique(names)}
    return Table(
        title=f"{result.protocol} by category",
        columns=("category", *result.metrics),
        rows=tuple((name, *(f"{mean:.3f}" for mean in row)) for name, row in means.items()),
    )


def _per_query(result: ProtocolResult) -> Table:
    gallery = result.task.task.gallery
    rows = zip(result.queries, result.hits, result.found, strict=True)
    return Table(
        title=f"{result.protocol} by query",
        columns=("query", "first hit", "relevant", "ranks"),
        rows=tuple(
            (
                image.id,
                "–" if hit is None else gallery[hit].id,
                str(found.total),
                " ".join(map(str, found.ranks.tolist())),
            )
            for image, hit, found in rows
        ),
    )


def _how(parts: EmbeddingParts) -> list[str]:
    settings = parts.settings
    named = [f"{stage} {settings.stage(stage).name}" for stage in STAGES]
    named = [name for name in named if not name.endswith(" none")]
    query, rerank = settings.query, read_options("rerank", settings.rerank)
    extras = [f"metric {settings.search.metric}"]
    if query.augment:
        extras.append("queries augmented")
    if query.expand:
        extras.append(f"expanded by {query.expand} neighbours, alpha {query.expand_alpha:g}")
    if isinstance(rerank, KReciprocal) and rerank.top_n:
        extras.append(f"first {rerank.top_n} reranked by k-reciprocal neighbours")
    return [
        f"described by: {', '.join(named)} (fingerprint {parts.fingerprint[:16]})",
        f"searched by: {', '.join(extras)}",
    ]


def _timings(timings: Mapping[str, float], threads: int) -> Section:
    values = {"together": sum(timings.values()), **timings}
    shown = ", ".join(f"{stage} {value:.1f}" for stage, value in values.items())
    return Section(
        stage="efficiency",
        groups=(
            Group(
                name="milliseconds per photo",
                figures=tuple(
                    Figure(name=stage, value=value, better="lower", unit="ms")
                    for stage, value in values.items()
                ),
            ),
        ),
        notes=(f"milliseconds per photo, one at a time, {threads} threads, medians: {shown}",),
    )
