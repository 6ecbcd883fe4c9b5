"""The eyeglass study's tables: backbones compared by cosine, over the first ten hits.

The study sets ResNet-50 and MobileNetV2 side by side: how long an embedding takes, how similar the
first hit is (correct or not), and how many of the first ten are of the query's product. Table 1 has
a row per query and backbone, Table 2 averages over all queries that have an answer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from engine.images import ImageLimits
from engine.types import Cutout, Float64Array
from offline.datasets.relevance import clusters_of
from offline.evaluate.tables.layout import Made, Request, Variant
from offline.evaluate.tables.retrieval import (
    Answered,
    answered,
    interval_cell,
    made_of,
    opened,
    query_figures,
    query_group,
)
from offline.metrics.statistics import evenly
from offline.report.document import Better, Figure, Group, System, Table
from offline.report.figures import averaged, percentile
from offline.store.cutouts import CutoutCache
from offline.store.images import HashedImage, hash_images

# Names in the study, as our metrics; R@10 is the fraction of the relevant images that is found.
METRICS = {"AP@10": "AP@10", "P@10": "P@10", "recall@10": "R@10", "F1@10": "F1", "MRR": "RR"}
TIME, SIMILARITY = "feature time", "top-1 similarity"
COLUMNS = (TIME, SIMILARITY, *METRICS.values())
NOTES = (
    "feature time: one cutout through the embedder on the clock, the backbones in turn; "
    "top-1 similarity: cosine of a query and its first hit, relevant or not",
    "R@10 is the fraction of the relevant images among the first 10 (recall@10), F1 the harmonic "
    "mean of it and P@10, RR 1 / rank of the first relevant image; ranked by cosine",
)


def compared(request: Request) -> list[Answered]:
    """Every variant's answers to the same queries."""
    dataset, protocol = opened(request)
    variants = [_by_cosine(variant) for variant in request.variants]
    return [answered(one, dataset, [protocol], list(METRICS), request) for one in variants]


def feature_times(
    backbones: Sequence[Answered], places: Sequence[int], request: Request
) -> Float64Array:
    """(backbones, places) milliseconds of the queries at these places, after one to warm up.

    In turn, so that what else the machine does falls on all alike.
    """
    cutouts = [_cutouts(one, places, request) for one in backbones]
    for one, own in zip(backbones, cutouts, strict=True):
        one.parts.embedder.embed(own[:1])
    taken = [
        [_milliseconds(one, own[at]) for one, own in zip(backbones, cutouts, strict=True)]
        for at in range(len(places))
    ]
    return np.asarray(taken, np.float64).reshape(len(places), len(backbones)).T


def _by_cosine(variant: Variant) -> Variant:
    search = variant.settings.search.model_copy(update={"metric": "cosine"})
    return Variant(variant.name, variant.settings.model_copy(update={"search": search}))


def _cutouts(backbone: Answered, places: Sequence[int], request: Request) -> list[Cutout]:
    """Of readable queries: their cutouts were made when they were embedded."""
    parts = backbone.parts
    images = [backbone.result.queries[place] for place in places]
    hashed = [one for one in hash_images(images) if isinstance(one, HashedImage)]
    store = CutoutCache(
        request.cache, parts.cutting_fingerprint, ImageLimits.of(parts.settings.images)
    )
    kept, _ = store.fill(hashed, parts.cutting, parts.threads)
    return [kept.cutout(row) for row in kept.positions(hashed)]


def _milliseconds(backbone: Answered, cutout: Cutout) -> float:
    start = time.perf_counter()
    backbone.parts.embedder.embed([cutout])
    return (time.perf_counter() - start) * 1000


def average_table(request: Request) -> Made:
    """Times are medians over ``request.timed`` queries, evenly spread."""
    found = compared(request)
    task = found[0].result.task.task
    places = evenly(len(task.queries), request.timed)
    times = feature_times(found, places, request)
    figures = [_average_figures(one, request.seed) for one in found]
    rows = [_average_row(*one) for one in zip(found, times, figures, strict=True)]
    table = Table(
        title=f"Table 2: average over {len(task.queries)} queries of {task.name}",
        columns=("average", "D", *COLUMNS),
        rows=tuple(rows),
        note=f"feature time: median of {len(places)}; others: mean (95 % bootstrap interval)",
    )
    systems = [
        _average_system(one, own, numbers, request.seed)
        for one, own, numbers in zip(found, times, figures, strict=True)
    ]
    return made_of([table], found, systems)


def _average_figures(backbone: Answered, seed: int) -> list[Figure]:
    """In the order of the columns, less the time."""
    result = backbone.result
    similar = averaged(
        SIMILARITY,
        result.similarities.tolist(),
        seed=seed,
        better="neither",
        clusters=clusters_of(result.queries),
    )
    return [similar, *query_figures(result, METRICS, seed)]


def _average_row(
    backbone: Answered, times: Float64Array, figures: Sequence[Figure]
) -> tuple[str, ...]:
    means = map(interval_cell, figures)
    dimension = str(backbone.parts.embedder.dimension)
    return (backbone.name, dimension, f"{np.median(times):.1f} ms", *means)


def _average_system(
    backbone: Answered, times: Float64Array, figures: Sequence[Figure], seed: int
) -> System:
    similar, *measured = figures
    timed = percentile(f"{TIME}, median", times.tolist(), 50, seed=seed)
    groups = (
        query_group("queries", backbone.result, [*measured, similar]),
        Group(name=TIME, figures=(timed,)),
    )
    return backbone.system(groups, NOTES)


# What is not better when it is higher.
BETTER: dict[str, Better] = {TIME: "lower", SIMILARITY: "neither"}


def single_table(request: Request) -> Made:
    """``request.shown`` queries, evenly spread over those that have an answer."""
    found = compared(request)
    places = evenly(len(found[0].result.queries), request.shown)
    times = feature_times(found, places, request)
    numbers = [_numbers(one, places, row) for one, row in zip(found, times, strict=True)]
    ids = [found[0].result.queries[place].id for place in places]
    rows = [
        _single_row(name, one.name, of_one[at])
        for at, name in enumerate(ids)
        for one, of_one in zip(found, numbers, strict=True)
    ]
    title = f"Table 1: {len(ids)} queries of {found[0].result.task.task.name}"
    table = Table(title=title, columns=("query", "backbone", *COLUMNS), rows=tuple(rows))
    systems = [
        _single_system(one, places, own, request.seed)
        for one, own in zip(found, numbers, strict=True)
    ]
    return made_of([table], found, systems)


def _numbers(backbone: Answered, places: list[int], times: Float64Array) -> Float64Array:
    """(places, columns)"""
    result = backbone.result
    columns = [times, result.similarities[places], *result.values[places].T]
    return np.stack(columns, axis=1)


def _single_row(query: str, backbone: str, numbers: Float64Array) -> tuple[str, ...]:
    return (query, backbone, f"{numbers[0]:.1f} ms", *(f"{value:.3f}" for value in numbers[1:]))


def _single_system(
    backbone: Answered, places: list[int], numbers: Float64Array, seed: int
) -> System:
    shown = [backbone.result.queries[place] for place in places]
    clusters = clusters_of(shown)
    figures = [
        averaged(
            name,
            column.tolist(),
            seed=seed,
            better=BETTER.get(name, "higher"),
            unit="ms" if name == TIME else "",
            clusters=clusters,
        )
        for name, column in zip(COLUMNS, numbers.T, strict=True)
    ]
    group = Group(
        name="shown queries",
        figures=tuple(figures),
        items=tuple(query.id for query in shown),
        clusters=clusters,
    )
    return backbone.system([group], NOTES)
