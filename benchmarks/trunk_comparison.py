"""Two trunks or more, with the columns by which the seed compares ResNet-50 and MobileNetV2.

    python benchmarks/trunk_comparison.py --data DIR --cache DIR --embedder NAME=FILE.onnx \\
        --embedder NAME=FILE.onnx [--protocol queries] [--shown 10]

How to read the tables: Table 1 shows single queries, Table 2 the average over all that have an
answer. Feature time: one cutout through the embedder, milliseconds on the clock, median over the
queries that are timed, the trunks in turn. Top-1 similarity: the cosine of a query and its first
hit, right or wrong. AP@10, P@10, R@10 (found among the first 10, of all relevant), F1@10, RR: of
the ranked pictures, by product. The averages come with their 95 % bootstrap intervals.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from descriptors.filling import hashed
from support.retrieval import answer, parser_of
from support.tables import markdown

from engine.config import Settings, load
from engine.errors import ConfigError
from engine.types import Cutout
from offline.cutouts import CutoutCache
from offline.datasets import RetrievalTask, open_dataset
from offline.evaluate import answerable, features, judge, rank, summarise
from offline.evaluate.features import limits_of
from offline.evaluate.ranking import NOBODY
from offline.metrics import bootstrap
from stages.assemble import EmbeddingParts, assemble_embedding

MEASURES = ("AP@10", "P@10", "recall@10", "F1@10", "MRR")
HEAD = ("feature time", "top-1 similarity", "AP@10", "P@10", "R@10", "F1", "RR")
TIMED = 24


@dataclass(frozen=True, eq=False)
class Compared:
    """Of one embedder: (Q,) milliseconds of the timed queries, (Q,) similarities, (Q, M)."""

    milliseconds: npt.NDArray[np.float64]
    similarity: npt.NDArray[np.float64]
    figures: npt.NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> int:
    return answer(_parser(), _report, arguments)


def _report(args: argparse.Namespace) -> str:
    task = answerable(open_dataset(args.data).retrieval(args.protocol))
    base = load(Settings(), env={}, flags=["cutout.name=crop", *args.overrides])
    parts = {name: _parts(base, file) for name, file in map(_named, args.embedder)}
    times = _times(parts, task, args.cache)
    found = {name: _compared(one, task, args.cache, times[name]) for name, one in parts.items()}
    shown = np.unique(np.linspace(0, len(task.queries) - 1, args.shown).astype(int)).tolist()
    single = [_single(task, at, name, one) for at in shown for name, one in found.items()]
    average = [_average(name, parts[name], one) for name, one in found.items()]
    return "\n\n".join(
        [
            f"Table 1: {len(shown)} queries of {task.name}",
            markdown(("query", "trunk", *HEAD[1:]), single),
            f"Table 2: average over {len(task.queries)} queries of {task.name}",
            markdown(("average", "D", *HEAD), average),
        ]
    )


def _named(given: str) -> tuple[str, str]:
    name, equals, file = given.partition("=")
    if not equals:
        raise ConfigError(f"--embedder {given}: must read NAME=FILE.onnx.")
    return name, file


def _parts(base: Settings, file: str) -> EmbeddingParts:
    return assemble_embedding(
        load(base, env={}, flags=["embed.name=onnx", f"embed.weights='{file}'"])
    )


def _times(
    parts: dict[str, EmbeddingParts], task: RetrievalTask, cache: Path
) -> dict[str, npt.NDArray[np.float64]]:
    """In turn, so that what else the machine does falls on all alike."""
    cutouts = _cutouts(next(iter(parts.values())), task, cache)
    taken: dict[str, list[float]] = {name: [] for name in parts}
    for cutout in cutouts:
        for name, one in parts.items():
            start = time.perf_counter()
            one.embedder.embed([cutout])
            taken[name].append((time.perf_counter() - start) * 1000)
    return {name: np.array(values) for name, values in taken.items()}


def _cutouts(parts: EmbeddingParts, task: RetrievalTask, cache: Path) -> list[Cutout]:
    samples = [hashed(picture) for picture in task.queries[:TIMED]]
    store = CutoutCache(cache, parts.cutting_fingerprint, limits_of(parts))
    kept, faults = store.fill(samples, parts.cutting, parts.threads)
    if faults:
        raise ConfigError(f"{len(faults)} queries cannot be measured. {faults[0]}")
    return [kept.cutout(row) for row in kept.positions(samples)]


def _compared(
    parts: EmbeddingParts, task: RetrievalTask, cache: Path, times: npt.NDArray[np.float64]
) -> Compared:
    queries, gallery = (features(side, parts, cache) for side in (task.queries, task.gallery))
    judged = judge(task, rank(queries.values, gallery.values, "cosine", gallery.readable))
    hits = [0 if one.first == NOBODY else one.first for one in judged]
    similarity = (queries.values * gallery.values[hits]).sum(axis=1)
    summary = summarise([one.found for one in judged], MEASURES)
    return Compared(times, similarity.astype(np.float64), summary.figures)


def _single(task: RetrievalTask, at: int, name: str, found: Compared) -> list[str]:
    numbers = [found.similarity[at], *found.figures[at]]
    return [task.queries[at].id, name, *(f"{number:.3f}" for number in numbers)]


def _average(name: str, parts: EmbeddingParts, found: Compared) -> list[str]:
    cells = []
    for values in (found.similarity, *found.figures.T):
        interval = bootstrap(values.tolist(), seed=0)
        cells.append(f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]")
    dimension = str(parts.embedder.dimension)
    return [name, dimension, f"{np.median(found.milliseconds):.1f} ms", *cells]


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--embedder", action="append", required=True, metavar="NAME=FILE", help="repeatable")
    add("--protocol", default="queries", metavar="NAME", help="of the data set")
    add("--shown", type=int, default=10, metavar="N", help="queries in Table 1")
    return parser


if __name__ == "__main__":
    sys.exit(main())
